"""What a video file says about when it was taken, and with which camera."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PIL import ExifTags, Image

# QuickTime counts from 1904, and cameras without a clock write the beginning of their time.
_FIRST_YEAR = 1990
_MAX_WORDS = 100
_APPLE = "com.apple.quicktime."


@dataclass(frozen=True, kw_only=True)
class Capture:
    """When the video begins, and what took it. The place is left out: a cover goes to strangers.

    Attributes:
        began: with its time zone; UTC where the file does not know the local one.
        make, model: of the camera.
    """

    began: datetime | None = None
    make: str | None = None
    model: str | None = None

    def exif(self, time_s: float) -> Image.Exif:
        """EXIF for the frame of this time; empty where nothing is known."""
        exif = Image.Exif()
        if self.make:
            exif[ExifTags.Base.Make] = self.make
        if self.model:
            exif[ExifTags.Base.Model] = self.model
        if self.began is not None:
            try:
                taken = self.began + timedelta(seconds=time_s)
            except OverflowError:
                return exif
            tags = exif.get_ifd(ExifTags.IFD.Exif)
            offset = taken.strftime("%z")
            tags[ExifTags.Base.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
            tags[ExifTags.Base.SubsecTimeOriginal] = f"{taken.microsecond // 1000:03d}"
            tags[ExifTags.Base.OffsetTimeOriginal] = f"{offset[:3]}:{offset[3:5]}"
        return exif


def capture_of(container: Mapping[str, str], stream: Mapping[str, str]) -> Capture:
    """Read the metadata of a file and of its video stream. What is not there, or odd, is None."""
    tags = {**stream, **container}

    def text(*names: str) -> str | None:
        for name in names:
            found = "".join(letter for letter in tags.get(name, "") if letter.isascii() and letter.isprintable())
            if found.strip():
                return found.strip()[:_MAX_WORDS]
        return None

    began = None
    # Apple's tag knows the time zone, creation_time is UTC.
    for name in (f"{_APPLE}creationdate", "creation_time", "DATE_DIGITIZED", "date"):
        began = began or _moment(text(name))
    return Capture(began=began, make=text(f"{_APPLE}make", "make"), model=text(f"{_APPLE}model", "model"))


def _moment(words: str | None) -> datetime | None:
    if words is None or len(words) < len("2026-01-01T00:00"):
        return None
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year >= _FIRST_YEAR else None
