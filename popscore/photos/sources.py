"""From a path, bytes, a file object or a PIL image to the bytes of a photo file, never more than allowed."""

import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from PIL import Image

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.files.opening import PHOTO, opened
from popscore.foreign_text import shortened
from popscore.settings import BYTES_PER_MB, Settings

FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
PhotoSource = FileSource | Image.Image

# A large JPEG can be decoded at a fraction of its size; 178 megapixels is where Pillow itself stops. Other
# formats are decoded whole, so their pixels are what memory has to hold; 89 is where Pillow begins to warn.
MAX_PIXELS = 178_000_000
MAX_DECODED_PIXELS = 89_000_000
# The same PIL image may be in a list twice, and so in two threads that would move its one file position.
_rereading = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """How much of a photo popscore is willing to read."""

    max_bytes: int = Settings().max_image_bytes
    max_pixels: int = MAX_PIXELS
    max_decoded_pixels: int = MAX_DECODED_PIXELS


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """A photo and what to call it, from the door that it comes in through to the answer that goes out.

    Attributes:
        source: path, bytes, binary file object or PIL image.
        name: what the answer calls it; a path as it was given, or what a visitor called an upload.
    """

    source: PhotoSource
    name: str

    @property
    def short_name(self) -> str:
        """What to call it in messages: the last part of its name, at most 120 characters."""
        return shortened(Path(self.name).name or self.name)

    @property
    def location(self) -> Path:
        """Where its file lies.

        Raises:
            ValueError: the source is no path.
        """
        if not isinstance(self.source, (str, os.PathLike)):
            raise ValueError(f"{self.short_name} is no file")
        return Path(self.source)


def named(photo: PhotoSource | NamedPhoto) -> NamedPhoto:
    """The photo with a name: the one that it has, a path as given, else the file's own name or `the photo`."""
    if isinstance(photo, NamedPhoto):
        return photo
    if isinstance(photo, (str, os.PathLike)):
        return NamedPhoto(photo, os.fspath(photo))
    found = getattr(photo, "filename", None) or getattr(photo, "name", None)
    return NamedPhoto(photo, shortened(Path(found).name if isinstance(found, str) else ""))


def read_bytes(source: FileSource, name: str, max_bytes: int) -> bytes:
    """All bytes of a path, bytes or a binary file; of a file, from its current position.

    Raises:
        UnreadableImage: it cannot be read, or holds nothing.
        ImageTooLarge: more bytes than allowed; at most one more than allowed is read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        found_bytes = memoryview(source).nbytes
        content = bytes(source) if found_bytes <= max_bytes else b""
    else:
        content = _file_bytes(source, name, max_bytes)
        found_bytes = len(content)
    if found_bytes > max_bytes:
        _refuse_bytes(name, found_bytes, max_bytes)
    if not content:
        raise UnreadableImage(f"{name} could not be read: it is empty (0 bytes). Choose another file.")
    return content


def unread_bytes(image: Image.Image, name: str, max_bytes: int) -> bytes | None:
    """The file behind a PIL image whose pixels were not read yet, else None.

    Reading the file again, instead of the image, leaves the caller's image alone and gives exactly the
    score that the path gives. An image that was decoded, drafted or turned to another frame is more than
    its file, and has none in this sense.
    """
    file = getattr(image, "fp", None)
    untouched = getattr(image, "_im", None) is None and not getattr(image, "decoderconfig", ())
    first_frame = getattr(image, "tell", lambda: 0)() == 0
    if file is None or not untouched or not first_frame:
        return None
    try:
        with _rereading:
            position = file.tell()
            file.seek(0)
            try:
                return read_bytes(file, name, max_bytes)
            finally:
                file.seek(position)
    except PopscoreError:
        raise
    except (OSError, ValueError, AttributeError):  # closed, or not seekable: the image is all there is
        return None


def _file_bytes(source: str | os.PathLike[str] | BinaryIO, name: str, max_bytes: int) -> bytes:
    if isinstance(source, (str, os.PathLike)):
        with opened(source, name=name, wanted=PHOTO) as file:
            found_bytes = os.fstat(file.fileno()).st_size
            if found_bytes > max_bytes:
                _refuse_bytes(name, found_bytes, max_bytes)
            return _all_of(file, name, max_bytes)
    if not hasattr(source, "read"):
        raise TypeError(f"a photo is a path, bytes, a binary file or a PIL image, not {type(source).__name__}")
    try:
        return _all_of(source, name, max_bytes)
    except PopscoreError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableImage(f"{name} could not be read: {reason}. Check the file.") from error
    except ValueError as error:  # a closed file
        raise UnreadableImage(f"{name} could not be read: {error}. Check the file.") from None


def _all_of(file: BinaryIO, name: str, max_bytes: int) -> bytes:
    """Read to the end, or to one byte more than allowed. One read is not always all of it."""
    if isinstance(file, io.TextIOBase):
        raise _opened_as_text(name)
    parts: list[bytes] = []
    missing = max_bytes + 1
    while missing > 0:
        part = file.read(missing)
        if isinstance(part, str):
            raise _opened_as_text(name)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else b"".join(parts)


def _opened_as_text(name: str) -> UnreadableImage:
    return UnreadableImage(f"{name} could not be read: the file was opened as text. Open it in binary mode.")


def _refuse_bytes(name: str, found_bytes: int, max_bytes: int) -> NoReturn:
    raise ImageTooLarge(
        f"{name} is too large: {found_bytes / BYTES_PER_MB:.1f} MB or more, the limit is "
        f"{max_bytes / BYTES_PER_MB:g} MB. Save it smaller, or raise POPSCORE_MAX_IMAGE_MB."
    )
