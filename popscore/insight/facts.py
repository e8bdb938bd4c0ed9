"""Facts of a photo: what its file says and what its pixels measure, in words, without a judgement."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from popscore.files.kinds import Kind, photo_kind
from popscore.foreign_text import shortened
from popscore.models.spec import Json
from popscore.photos.decode import read_photo
from popscore.photos.exif_entries import Entry, Exif
from popscore.photos.rewriting import exif_and_profile, in_memory
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named

# Pixels are measured on a picture that fits into a square of so many: as it is seen on a phone.
_SIDE = 512
# Brightness of 255 from which, and up to which, nothing can be told apart any more.
_WHITE, _BLACK = 252, 3

_FORMATS: dict[Kind, str] = {
    "jpeg": "JPEG", "png": "PNG", "gif": "GIF", "tiff": "TIFF", "webp": "WebP", "bmp": "BMP", "avif": "AVIF",
    "heif": "HEIC",
}  # fmt: skip

# Width by height of what platforms show uncut, and what it is there. A 16:9 picture lying is no story.
PLATFORM_SHAPES = (
    ("9:16", 9 / 16, "a story"),
    ("4:5", 4 / 5, "a portrait post"),
    ("1:1", 1.0, "a square post"),
    ("1.91:1", 1.91, "a link card"),
    ("16:9", 16 / 9, "a wide screen"),
)
# Share of a side that may be missing: 2 % are not seen, and cameras round their sides.
_TOLERANCE = 0.02
_KNOWN_SHAPES = ((1, 1), (5, 4), (4, 3), (3, 2), (16, 9), (2, 1), (21, 9), (3, 1))
_PANORAMA = 2.4

# Words by thresholds: the 20th and the 80th of 100 among the 594 photos of OASIS, measured as here. Photos without
# colour measure 0, or up to 1 as JPEG.
_LIGHT = ((80, "dark"), (150, "of medium brightness"), (256, "bright"))
_RANGE = ((175, "low in contrast"), (233, "of medium contrast"), (256, "high in contrast"))
_SHARPNESS = ((22, "soft, or without fine detail"), (56, "of medium sharpness"), (1e9, "full of fine detail"))
_COLOR = ((1, "black and white"), (17, "muted"), (56, "of medium strength"), (1e9, "strong"))
# What is white or black without detail is said from this share on: the 85th of 100 of the same photos.
_TOLD = 0.01


@dataclass(frozen=True, kw_only=True)
class PhotoFacts:
    """What can be said about a photo without an opinion. None where the file does not say.

    Attributes:
        file: what the photo was called.
        width, height: upright, in pixels.
        format: name of the file's format; None for pixels without a file.
        size_bytes: of the file.
        taken: by the camera's own clock, as `2026-05-04T10:11:12`.
        camera, lens: as the file calls them, made fit to be shown.
        exposure_s, f_number, iso, focal_length_mm: how it was exposed.
        shape: the aspect in words, `portrait, 3:4`.
        fits: platform shapes that it has as it is, such as `9:16`.
        brightness: median of 0 to 255.
        brightness_range: from the 2nd to the 98th of 100 pixels, of 255.
        highlights, shadows: share of pixels that are white, or black, and hold no detail.
        sharpness: spread of the second derivative of brightness, on a picture that fits into 512 x 512 pixels.
        saturation: mean distance of colours from grey, of 255.
    """

    file: str
    width: int
    height: int
    format: str | None
    size_bytes: int | None
    taken: str | None
    camera: str | None
    lens: str | None
    exposure_s: float | None
    f_number: float | None
    iso: int | None
    focal_length_mm: float | None
    shape: str
    fits: Sequence[str]
    brightness: float
    brightness_range: float
    highlights: float
    shadows: float
    sharpness: float
    saturation: float

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Names and words, for a page or a terminal; what is not known has no row."""
        found = [
            ("Size", f"{self.width} x {self.height} pixels, {_short(self.megapixels)} megapixels"),
            ("File", _joined(self.format, None if self.size_bytes is None else _bytes(self.size_bytes))),
            ("Shape", self.shape),
            ("Fits", _fits(self.fits)),
            ("Taken", _moment(self.taken)),
            ("Camera", _joined(self.camera, self.lens)),
            ("Exposure", self._exposure()),
            ("Light", self._light()),
            ("Sharpness", _word(self.sharpness, _SHARPNESS)),
            ("Colour", _word(self.saturation, _COLOR)),
        ]
        return [(name, words) for name, words in found if words]

    def to_json(self) -> Json:
        """The object of every door; measured values with the words for them."""
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        rows = [{"name": name, "words": words} for name, words in self.rows]
        return {**rounded, "fits": list(self.fits), "megapixels": round(self.megapixels, 2), "rows": rows}

    def _light(self) -> str:
        words = [_word(self.brightness, _LIGHT), _word(self.brightness_range, _RANGE)]
        for share, what in ((self.highlights, "white"), (self.shadows, "black")):
            if share >= _TOLD:
                words.append(f"{100 * share:.0f} % of it {what} without detail")
        return ", ".join(words)

    def _exposure(self) -> str:
        return _joined(
            _seconds(self.exposure_s),
            None if self.f_number is None else f"f/{self.f_number:.3g}",
            None if self.iso is None else f"ISO {self.iso}",
            None if self.focal_length_mm is None else f"{self.focal_length_mm:.3g} mm",
        )


def facts(photo: PhotoSource | NamedPhoto, *, limits: ImageLimits | None = None) -> PhotoFacts:
    """What a photo's file says and what its pixels measure.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        limits: bytes and pixels to accept.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
    """
    limits = limits or ImageLimits()
    photo = in_memory(named(photo), limits)
    found = read_photo(photo, at_least=(_SIDE, _SIDE), limits=limits)
    content = photo.source if isinstance(photo.source, bytes) else None
    kind = photo_kind(content) if content else None
    exif = exif_and_profile(photo)[0] or Exif()
    return PhotoFacts(
        file=photo.name,
        width=found.width,
        height=found.height,
        format=_FORMATS[kind] if kind else None,
        size_bytes=len(content) if content else None,
        taken=None if found.taken_s is None else f"{datetime.fromtimestamp(found.taken_s, UTC):%Y-%m-%dT%H:%M:%S}",
        camera=_camera(exif),
        lens=_text(exif, exif.photo.get(0xA434)),
        exposure_s=_number(exif, exif.photo.get(0x829A), 1e-6, 1e5),
        f_number=_number(exif, exif.photo.get(0x829D), 0.1, 1000),
        iso=_whole(_number(exif, exif.photo.get(0x8827), 1, 1e7)),
        focal_length_mm=_number(exif, exif.photo.get(0x920A), 0.1, 1e5),
        shape=shape_words(found.width, found.height),
        fits=fitting_shapes(found.width, found.height),
        **measured(found.pixels),
    )


# --- shape ------------------------------------------------------------------------------------------


def fitting_shapes(width: int, height: int) -> tuple[str, ...]:
    """Platform shapes that a photo has as it is, within 2 % of a side."""
    ratio = width / height
    return tuple(name for name, wanted, _ in PLATFORM_SHAPES if abs(ratio / wanted - 1) <= _TOLERANCE)


def shape_words(width: int, height: int) -> str:
    """The aspect in words: `portrait, 3:4`."""
    ratio = max(width, height) / min(width, height)
    long, short = next(
        ((a, b) for a, b in _KNOWN_SHAPES if abs(ratio * b / a - 1) <= _TOLERANCE / 2), (round(ratio, 2), 1)
    )
    if long == short:
        return "square, 1:1"
    if width > height:
        return f"{'panorama' if ratio >= _PANORAMA else 'landscape'}, {long:g}:{short:g}"
    return f"{'tall strip' if ratio >= _PANORAMA else 'portrait'}, {short:g}:{long:g}"


def _fits(shapes: Sequence[str]) -> str:
    words = [f"{what} ({name})" for name, _, what in PLATFORM_SHAPES if name in shapes]
    return " and ".join(words) or "none of the usual shapes of platforms as it is"


# --- pixels -----------------------------------------------------------------------------------------


def measured(pixels: Image.Image) -> dict[str, float]:
    """Light, sharpness and saturation, as in `PhotoFacts`. Pixels are mode RGB, of any size."""
    small = pixels.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = small.convert("L")
    counts = np.asarray(grey.histogram(), float)
    below = np.cumsum(counts) / counts.sum()
    dark, middle, bright = (int(np.searchsorted(below, share)) for share in (0.02, 0.5, 0.98))
    return {
        "brightness": float(middle),
        "brightness_range": float(bright - dark),
        "highlights": float(counts[_WHITE:].sum() / counts.sum()),
        "shadows": float(counts[: _BLACK + 1].sum() / counts.sum()),
        "sharpness": _sharpness(np.asarray(grey, np.float32)),
        "saturation": float(np.ptp(np.asarray(small, np.int16), axis=2).mean()),
    }


def _sharpness(grey: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    bend = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(bend.std())


# --- what the file says -------------------------------------------------------------------------------


def _camera(exif: Exif) -> str | None:
    maker, model = _text(exif, exif.main.get(0x010F)), _text(exif, exif.main.get(0x0110))
    if maker and model and not model.lower().startswith(maker.split()[0].lower()):
        return shortened(f"{maker} {model}")
    return model or maker


def _text(exif: Exif, entry: Entry | None) -> str | None:
    found = exif.text(entry)
    return shortened(" ".join(found.split())) if found and found.split() else None


def _number(exif: Exif, entry: Entry | None, least: float, most: float) -> float | None:
    found = exif.numbers(entry)
    return found[0] if found and least <= found[0] <= most else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


# --- words ------------------------------------------------------------------------------------------


def _word(value: float, words: Sequence[tuple[float, str]]) -> str:
    return next(word for below, word in words if value < below)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}" if number >= 0.1 else f"{number:.2g}"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def _seconds(time_s: float | None) -> str | None:
    if time_s is None:
        return None
    return f"1/{round(1 / time_s)} s" if time_s < 0.35 else f"{time_s:.3g} s"


def _moment(taken: str | None) -> str:
    return f"{datetime.fromisoformat(taken):%d %B %Y, %H:%M}".lstrip("0") if taken else ""
