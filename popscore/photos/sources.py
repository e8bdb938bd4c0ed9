"""From a path, bytes, a file object or a PIL image to the bytes of a photo file, never more than allowed."""

import io
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from PIL import Image

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.settings import BYTES_PER_MB, Settings

FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
PhotoSource = FileSource | Image.Image

# A large JPEG can be decoded at a fraction of its size; 178 megapixels is where Pillow itself stops. Other
# formats are decoded whole, so their pixels are what memory has to hold; 89 is where Pillow begins to warn.
MAX_PIXELS = 178_000_000
MAX_DECODED_PIXELS = 89_000_000
# A name comes from outside and goes into messages.
_MAX_NAME = 120
# The same PIL image may be in a list twice, and so in two threads that would move its one file position.
_rereading = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """How much of a photo popscore is willing to read."""

    max_bytes: int = Settings().max_image_bytes
    max_pixels: int = MAX_PIXELS
    max_decoded_pixels: int = MAX_DECODED_PIXELS


def photo_name(source: PhotoSource) -> str:
    """What to call a photo in messages."""
    if isinstance(source, (str, os.PathLike)):
        return shortened(Path(source).name or os.fspath(source))
    found = getattr(source, "filename", None) or getattr(source, "name", None)
    return shortened(Path(found).name if isinstance(found, str) else "")


def shortened(name: str) -> str:
    """A name of at most 120 characters, none of which moves the cursor or turns the text around."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return (printable if len(printable) <= _MAX_NAME else printable[: _MAX_NAME - 1] + "…") or "the photo"


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
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb", opener=_open_at_once) as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise UnreadableImage(f"{name} could not be read: it is not a regular file. Choose a photo file.")
                if found.st_size > max_bytes:
                    _refuse_bytes(name, found.st_size, max_bytes)
                return _all_of(file, name, max_bytes)
        if not hasattr(source, "read"):
            raise TypeError(f"a photo is a path, bytes, a binary file or a PIL image, not {type(source).__name__}")
        return _all_of(source, name, max_bytes)
    except PopscoreError:
        raise
    except FileNotFoundError:
        raise UnreadableImage(f"{name} could not be read: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise UnreadableImage(f"{name} is a folder, not a photo. Name the photos in it.") from None
    except PermissionError:
        raise UnreadableImage(f"{name} could not be read: permission denied. Check the file's permissions.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableImage(f"{name} could not be read: {reason}. Check the file.") from error
    except ValueError as error:  # a path with a NUL or half a surrogate pair, a closed file
        raise UnreadableImage(f"{name} could not be read: {error}. Check the path or file.") from None


def _open_at_once(path: str, flags: int) -> int:
    """Non-blocking, because opening a named pipe would otherwise wait for a writer, for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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
