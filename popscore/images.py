"""From a path, bytes, a file object or a PIL image to upright RGB pixels.

The only room that knows image formats, EXIF orientation and limits. The content decides what a file is,
never its name.
"""

import io
import os
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

# Named one by one: a plugin is registered when it is imported, and those not named here are never tried.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.JpegImagePlugin import JpegImageFile

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.settings import BYTES_PER_MB, Settings

PhotoSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image
Size = tuple[int, int]

READABLE = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC"
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
# A large JPEG can be decoded at a fraction of its size; 178 megapixels is where Pillow itself stops. Other
# formats are decoded whole, so their pixels are what memory has to hold, at 3 to 8 bytes each.
MAX_PIXELS = 178_000_000
MAX_DECODED_PIXELS = 100_000_000
# A progressive JPEG of a few MB with thousands of scans takes minutes to decode. Cameras and editors
# write about 10.
_MAX_JPEG_SCANS = 200
# A name comes from outside and goes into messages.
_MAX_NAME = 120


@dataclass(frozen=True, kw_only=True)
class ImageLimits:
    """How much of a photo popscore is willing to read."""

    max_bytes: int = Settings().max_image_bytes
    max_pixels: int = MAX_PIXELS
    max_decoded_pixels: int = MAX_DECODED_PIXELS


@dataclass(frozen=True)
class Photo:
    """Upright RGB pixels, and the size of the photo they came from.

    Attributes:
        pixels: mode RGB; smaller than the photo when it was decoded at reduced size.
        width, height: of the whole photo, upright, in pixels.
    """

    pixels: Image.Image
    width: int
    height: int


def read_photo(
    source: PhotoSource,
    *,
    name: str | None = None,
    at_least: Size | None = None,
    limits: ImageLimits | None = None,
) -> Photo:
    """Decode a photo.

    Args:
        source: path, bytes, binary file object or PIL image.
        name: what to call the photo in messages; the path's own name by default.
        at_least: (width, height) that is enough. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size,
            as long as both sides stay at least this long. None decodes everything in full.
        limits: bytes and pixels to accept.

    Raises:
        UnreadableImage: missing, empty, damaged, or not an image.
        ImageTooLarge: more bytes or pixels than the limits allow.
    """
    name = photo_name(source) if name is None else _shortened(name)
    limits = limits or ImageLimits()
    if isinstance(source, Image.Image):
        content = _unread_content(source, name, limits)
        if content is None:
            return _upright(source, name, at_least=None, limits=limits)
    else:
        content = _content(source, name, limits)
    with _open(content, name) as image:
        return _upright(image, name, at_least=at_least, limits=limits)


def photo_name(source: PhotoSource) -> str:
    """What to call a photo in messages."""
    if isinstance(source, (str, os.PathLike)):
        return _shortened(Path(source).name or os.fspath(source))
    found = getattr(source, "filename", None) or getattr(source, "name", None)
    return _shortened(Path(found).name) if isinstance(found, str) and found else "the photo"


def _shortened(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return printable if len(printable) <= _MAX_NAME else printable[: _MAX_NAME - 1] + "…"


# --- bytes ------------------------------------------------------------------------------------------


def _content(source: PhotoSource, name: str, limits: ImageLimits) -> bytes:
    """All bytes of a source that is not a PIL image; never more than the limit in memory."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        content = _file_content(source, name, limits)
    elif hasattr(source, "read"):
        content = source.read(limits.max_bytes + 1)
        if not isinstance(content, bytes):
            raise UnreadableImage(f"{name} could not be read: the file was opened as text. Open it in binary mode.")
    else:
        raise TypeError(f"a photo is a path, bytes, a binary file or a PIL image, not {type(source).__name__}")
    if not content:
        raise UnreadableImage(f"{name} could not be read: it is empty (0 bytes). Choose another file.")
    if len(content) > limits.max_bytes:
        _refuse_bytes(name, len(content), limits)
    return content


def _file_content(path: str | os.PathLike[str], name: str, limits: ImageLimits) -> bytes:
    try:
        # Non-blocking, because opening a named pipe would otherwise wait for a writer, for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise UnreadableImage(f"{name} is a folder, not a photo. Name the photos in it.")
            if not stat.S_ISREG(found.st_mode):
                raise UnreadableImage(f"{name} could not be read: it is not a regular file. Choose a photo file.")
            if found.st_size > limits.max_bytes:
                _refuse_bytes(name, found.st_size, limits)
            return file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise UnreadableImage(f"{name} could not be read: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise UnreadableImage(f"{name} is a folder, not a photo. Name the photos in it.") from None
    except PermissionError:
        raise UnreadableImage(f"{name} could not be read: permission denied. Check the file's permissions.") from None
    except ValueError as error:
        if isinstance(error, PopscoreError):
            raise
        raise UnreadableImage(f"{name} could not be read: the path is not valid ({error}). Check it.") from None
    except OSError as error:
        raise UnreadableImage(f"{name} could not be read: {error.strerror}. Check the path.") from error


def _refuse_bytes(name: str, found_bytes: int, limits: ImageLimits) -> NoReturn:
    limit_mb = limits.max_bytes / BYTES_PER_MB
    raise ImageTooLarge(
        f"{name} is too large: {found_bytes / BYTES_PER_MB:.1f} MB or more, the limit is {limit_mb:g} MB. "
        "Save it smaller, or raise POPSCORE_MAX_IMAGE_MB."
    )


def _unread_content(image: Image.Image, name: str, limits: ImageLimits) -> bytes | None:
    """The file behind a PIL image whose pixels were not read yet, else None.

    Reading the file again, instead of the image, leaves the caller's image alone and gives exactly the
    score that the path gives.
    """
    file = getattr(image, "fp", None)
    first_frame = getattr(image, "tell", lambda: 0)() == 0
    if image._im is not None or file is None or not first_frame or not hasattr(file, "seek"):
        return None
    try:
        position = file.tell()
        file.seek(0)
        content = _content(file, name, limits)
        file.seek(position)
    except (OSError, ValueError) as error:
        if isinstance(error, PopscoreError):
            raise
        return None
    return content


# --- pixels -----------------------------------------------------------------------------------------


def _open(content: bytes, name: str) -> Image.Image:
    """Open without decoding; only the formats that popscore names are tried."""
    try:
        if _is_heif(content):
            # Loaded only for HEIC: its libraries cost 20 ms of a cold start. Made directly, because
            # registering the format would change Pillow for the whole process.
            from pillow_heif import HeifImageFile

            return HeifImageFile(io.BytesIO(content))  # type: ignore[no-untyped-call]
        return Image.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        raise UnreadableImage(f"{name} could not be read: {_other_kind(content)}. Choose a {READABLE} file.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(name, None, MAX_PIXELS) from None
    except _DECODER_ERRORS as error:
        raise _damaged(name, error) from error


def _upright(image: Image.Image, name: str, *, at_least: Size | None, limits: ImageLimits) -> Photo:
    try:
        width, height = image.size
        if width * height > limits.max_pixels:
            raise _too_many_pixels(name, image.size, limits.max_pixels)
        turned = _orientation(image) in _TURNED
        if image.format in ("JPEG", "MPO") and isinstance(image, JpegImageFile):
            _prepare_jpeg(image, name, at_least)
        if image.width * image.height > limits.max_decoded_pixels:
            raise _too_many_pixels(name, image.size, limits.max_decoded_pixels)
        image.load()
        method = _TRANSPOSE.get(_orientation(image))  # a TIFF is upright by now, and says so
        pixels = _to_rgb(image, name)
        if method is not None:
            pixels = pixels.transpose(method)
        elif pixels is image:
            pixels = image.copy()
    except PopscoreError:
        raise
    except MemoryError:
        raise _too_many_pixels(name, image.size, limits.max_decoded_pixels) from None
    except _DECODER_ERRORS as error:
        raise _damaged(name, error) from error
    return Photo(pixels, *((height, width) if turned else (width, height)))


# EXIF orientation -> what turns the photo upright. Source: EXIF 2.32, tag 0x0112.
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = {5, 6, 7, 8}


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS:
        return 1  # damaged EXIF says nothing about the pixels
    return found if isinstance(found, int) else 1


def _prepare_jpeg(image: JpegImageFile, name: str, at_least: Size | None) -> None:
    """Ask the decoder for the smallest size that is enough. A progressive JPEG gains nothing in memory."""
    if image.info.get("progressive") and image.fp is not None:
        image.fp.seek(0)
        if image.fp.read().count(b"\xff\xda") > _MAX_JPEG_SCANS:
            raise UnreadableImage(f"{name} could not be read: it has too many scans to be a photo. Save it again.")
    if at_least is not None and image.mode in ("RGB", "L"):
        side = max(at_least)  # either way up
        image.draft(None, (side, side))


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Flatten alpha on white, bring 16 bits to 8 without clipping, turn every other mode to RGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bit(image, name)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        flat = Image.new("RGB", rgba.size, "white")
        flat.paste(rgba, mask=rgba.getchannel("A"))
        return flat
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(image: Image.Image, name: str) -> Image.Image:
    """Grey of 16 or 32 bits to 8 bits. Floats are taken as 0-1 if they fit, else as 0-255 or 0-65535."""
    values = np.asarray(image, dtype=np.float32)
    highest, lowest = float(values.max()), float(values.min())
    if not (lowest >= 0 and highest <= 65_535):  # also catches values that are not numbers
        raise UnreadableImage(f"{name} could not be read: its grey values lie outside 0 to 65535. Save it as 8 bit.")
    white = 65_535.0
    if image.mode == "F":
        white = next(limit for limit in (1.0, 255.0, 65_535.0) if highest <= limit)
    return Image.fromarray(np.rint(values * (255.0 / white)).astype(np.uint8))


# --- refusals ---------------------------------------------------------------------------------------

# What Pillow and its decoders were seen to raise on damaged files; they do not share a base class.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_OTHER_KINDS = (
    (b"%PDF", "it is a PDF, not a photo"),
    (b"PK\x03\x04", "it is a ZIP archive or an office document, not a photo"),
    (b"\x1aE\xdf\xa3", "it is a video, not a photo"),
    (b"<svg", "it is a drawing (SVG), not a photo"),
    (b"<?xml", "it is a text (XML), not a photo"),
    (b"<!DOCTYPE", "it is a web page, not a photo"),
    (b"<html", "it is a web page, not a photo"),
    (b"8BPS", "it is a Photoshop file, which is not supported"),
)


def _is_heif(content: bytes) -> bool:
    """Whether the ISO media header names a HEIC brand, and AVIF is not the main one."""
    if content[4:8] != b"ftyp" or content[8:12] in (b"avif", b"avis"):
        return False
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[8:12], *(content[at : at + 4] for at in range(16, end, 4))}
    return b"avif" not in brands and not brands.isdisjoint(_HEIF_BRANDS)


def _other_kind(content: bytes) -> str:
    head = content[:512].lstrip()
    if content[4:8] == b"ftyp":
        return "it is a video, not a photo"
    return next((words for start, words in _OTHER_KINDS if head.startswith(start)), "it is not an image")


def _damaged(name: str, error: Exception) -> UnreadableImage:
    words = str(error).lower()
    early = any(hint in words for hint in ("truncated", "end of file", "unexpected end", "premature", "not enough"))
    reason = "the file ends early" if early or isinstance(error, EOFError) else "the file is damaged"
    return UnreadableImage(f"{name} could not be read: {reason}. Copy it again from where it came from.")


def _too_many_pixels(name: str, size: Size | None, max_pixels: int) -> ImageTooLarge:
    found = f"{size[0]} x {size[1]} pixels ({size[0] * size[1] / 1e6:.0f} megapixels)" if size else "too many pixels"
    limit = f"{max_pixels / 1e6:.0f} megapixels"
    return ImageTooLarge(f"{name} is too large: {found}, the limit is {limit}. Save it smaller.")
