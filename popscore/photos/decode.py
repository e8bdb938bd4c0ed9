"""From a photo's file, or a PIL image, to upright RGB pixels.

The only room that knows image formats, EXIF orientation and limits. The content decides what a file is,
never its name. Pillow's decoders are called one by one, not through Image.open, so what the process has
registered in Pillow neither matters here nor is changed, and large photos cause no warnings.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.files.kinds import READABLE_PHOTOS, Kind, other_kind, photo_kind
from popscore.photos.containers import TooMuch, walked
from popscore.photos.exif import facts
from popscore.photos.jpeg_scans import has_too_many_scans
from popscore.photos.sources import MAX_PIXELS, ImageLimits, NamedPhoto, PhotoSource, named, read_bytes, unread_bytes

Size = tuple[int, int]
Facts = tuple[int, float | None]
"""EXIF orientation, and when the photo was taken."""

# Formats count sides in 16 bits where they were made for photos. A picture of one pixel in width costs decoders most.
MAX_SIDE = 65_535

_FORMATS = {"JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "HEIF"}
# Measured peaks, bytes per pixel: PNG with alpha 8, TIFF of floats 12, progressive JPEG 6 to 8, but WebP 16,
# AVIF 9 to 13 and HEIC 7 to 9, whose decoders keep copies of their own. None came to more than 1.4 GB.
_SHARE_OF_DECODED_PIXELS = {"WEBP": 0.6, "AVIF": 0.6, "HEIF": 0.6}
# Rows taken at one time when 16 bits become 8, so that memory holds no second full-size copy.
_ROWS = 256


@dataclass(frozen=True)
class Photo:
    """Upright RGB pixels, and the size of the photo they came from.

    Attributes:
        pixels: mode RGB; smaller than the photo when it was decoded at reduced size.
        width, height: of the whole photo, upright, in pixels.
        taken_s: when the camera took it, in seconds since 1970 by the camera's own clock; None where the
            file does not say.
    """

    pixels: Image.Image
    width: int
    height: int
    taken_s: float | None = None


def read_photo(
    photo: PhotoSource | NamedPhoto, *, at_least: Size | None = None, limits: ImageLimits | None = None
) -> Photo:
    """Decode a photo; of an animation, the first frame.

    Args:
        photo: path, bytes, binary file object (read from where it stands) or PIL image (as it is, and left as it
            is), with or without a name.
        at_least: (width, height) that is enough. A JPEG is then decoded at 1/2, 1/4 or 1/8 of its size,
            as long as both sides stay at least this long. None decodes everything in full.
        limits: bytes and pixels to accept.

    Raises:
        UnreadableImage: missing, empty, damaged, or not an image.
        ImageTooLarge: more bytes or pixels than the limits allow.
    """
    photo = named(photo)
    source, name = photo.source, photo.short_name
    limits = limits or ImageLimits()
    if isinstance(source, Image.Image):
        content = unread_bytes(source, name, limits.max_bytes) if source.format in _FORMATS else None
        if content is None:
            decoded = _upright(source, name, at_least=None, limits=limits)
            return replace(decoded, pixels=source.copy()) if decoded.pixels is source else decoded
    else:
        content = read_bytes(source, name, limits.max_bytes)
    image, known = _open(content, name)
    return _upright(image, name, at_least=at_least, limits=limits, known=known)


# --- opening ----------------------------------------------------------------------------------------


def _open(content: bytes, name: str) -> tuple[ImageFile, Facts]:
    """Open without decoding, and read what EXIF says."""
    kind = photo_kind(content)
    if kind is None:
        raise UnreadableImage(f"{name} could not be read: {other_kind(content)}. Choose a {READABLE_PHOTOS} file.")
    with _refusals(name, None, MAX_PIXELS):
        if kind == "jpeg" and has_too_many_scans(content):
            raise UnreadableImage(f"{name} could not be read: it has too many scans to be a photo. Save it again.")
        try:
            file = walked(content, kind)
        except TooMuch as error:
            raise UnreadableImage(f"{name} could not be read: {error}. Save it again.") from None
        image = _file_type(kind)(io.BytesIO(file.content))
        if isinstance(image, PngImageFile):
            _mend_transparency(image)
        return image, facts(file.exif)


@contextmanager
def _refusals(name: str, size: Size | None, most: int) -> Iterator[None]:
    """Whatever a decoder throws is an error of this file: they share no base class, and new ones turn up."""
    try:
        yield
    except PopscoreError:
        raise
    except _PILLOW_LIMITS:
        raise _more_than_pillow_allows(name) from None
    except MemoryError:
        raise _too_many_pixels(name, size, most) from None
    except Exception as error:
        raise _damaged(name, error) from error


def _file_type(kind: Kind) -> type[ImageFile]:
    if kind == "heif":
        # Loaded only for HEIC: its libraries cost 20 ms of a cold start.
        from pillow_heif import HeifImageFile

        return HeifImageFile
    return _FILE_TYPES[kind]


_FILE_TYPES: dict[Kind, type[ImageFile]] = {
    "jpeg": JpegImageFile,  # of an MPO or an Ultra HDR photo it reads the first, main picture
    "png": PngImageFile,
    "gif": GifImageFile,
    "tiff": TiffImageFile,
    "webp": WebPImageFile,
    "bmp": BmpImageFile,
    "avif": AvifImageFile,
}


# --- pixels -----------------------------------------------------------------------------------------


def _upright(
    image: Image.Image, name: str, *, at_least: Size | None, limits: ImageLimits, known: Facts | None = None
) -> Photo:
    """Decode, flatten and turn. At most two full-size copies of the pixels are held at one time.

    Args:
        known: what the file's EXIF says; without it the image is asked.
    """
    size = image.size
    most = round(limits.max_decoded_pixels * _SHARE_OF_DECODED_PIXELS.get(image.format or "", 1))
    with _refusals(name, size, most):
        if not all(size):
            raise UnreadableImage(f"{name} could not be read: it has no pixels. Choose another photo.")
        if max(size) > MAX_SIDE:
            raise _too_long(name, size)
        if size[0] * size[1] > limits.max_pixels:
            raise _too_many_pixels(name, size, limits.max_pixels)
        if at_least is not None and isinstance(image, JpegImageFile):
            side = max(at_least)  # either way up
            image.draft(None, (side, side))
        if image.width * image.height > most:
            raise _too_many_pixels(name, size, most)
        drafted = image.size != size
        image.load()
        orientation, taken_s = known or (_orientation(image), _taken_s(image))
        if isinstance(image, (TiffImageFile, AvifImageFile)):
            orientation = _orientation(image)  # a TIFF turned itself while loading; AVIF has a box of its own for it
        elif image.format == "HEIF":
            orientation = 1  # its decoder turns it
        method = _TRANSPOSE.get(orientation)
        image = _to_rgb(image, name)
        if method is not None:
            image = image.transpose(method)
    if not drafted:
        size = image.size
    elif method in _TURNED:
        size = size[1], size[0]
    return Photo(image, *size, taken_s)


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
_TURNED = {_TRANSPOSE[orientation] for orientation in (5, 6, 7, 8)}


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS:
        return 1  # damaged EXIF says nothing about the pixels
    return found if isinstance(found, int) else 1


def _taken_s(image: Image.Image) -> float | None:
    try:
        tags = image.getexif().get_ifd(ExifTags.IFD.Exif)
        taken = datetime.strptime(str(tags[ExifTags.Base.DateTimeOriginal]).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        part = str(tags.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
        return taken.replace(tzinfo=UTC).timestamp() + (float(f"0.{part}") if part.isdecimal() else 0)
    except _DECODER_ERRORS:
        return None  # not there, all zeros, or damaged


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Flatten alpha on white, bring 16 bits to 8 without clipping, turn every other mode to RGB.

    Colour profiles are not applied: models were trained without, so a photo scores the same with its
    profile and without. Applied, they would move a score by .04 standard deviations on the median and .25
    at most for Display P3, .07 and .46 for Adobe RGB (40 photos, embedded model).
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bit(image, name)
    if image.has_transparency_data:
        flat = Image.new("RGB", image.size, "white")
        for top in range(0, image.height, _ROWS):  # in strips, so that there is no third full-size copy
            strip = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            if strip.mode == "La":
                strip = strip.convert("LA")
            if strip.mode != "RGBA":
                strip = strip.convert("RGBA")
            flat.paste(strip, (0, top), mask=strip)
        return flat
    return image if image.mode == "RGB" else image.convert("RGB")


def _mend_transparency(image: PngImageFile) -> None:
    """Bring the one transparent colour of a PNG to 8 bits; Pillow does so with the pixels only."""
    found = image.info.get("transparency")
    stored_as = str(image.tile[0].args) if image.tile else ""
    if isinstance(found, int) and stored_as in ("L;2", "L;4"):
        image.info["transparency"] = found * (85 if stored_as == "L;2" else 17) & 255
    elif isinstance(found, tuple) and stored_as == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in found)


def _to_8_bit(image: Image.Image, name: str) -> Image.Image:
    """Grey of more than 8 bits to L, or to LA if one grey value stands for transparent."""
    values = np.asarray(image)  # (H, W) uint16, int32 or float32
    highest, lowest = float(values.max()), float(values.min())
    if not (lowest >= 0 and highest <= 65_535):  # also catches values that are not numbers
        raise UnreadableImage(f"{name} could not be read: its grey values lie outside 0 to 65535. Save it as 8 bit.")
    white = 65_535
    if image.mode in ("I", "F"):  # nothing says where white is
        guesses = (1, 255) if image.mode == "F" else (255,)
        white = next((guess for guess in guesses if highest <= guess), white)
    black = 0
    if isinstance(image, TiffImageFile) and image.mode != "F":
        tags = image.tag_v2
        if tags.get(ExifTags.Base.BitsPerSample) == (12,):
            white = 4_095
        if tags.get(ExifTags.Base.PhotometricInterpretation) == 0 and image.mode != "I":
            black, white = white, black
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        rows = values[top : top + _ROWS].astype(np.float32)
        grey[top : top + _ROWS] = np.rint((rows - black) * (255 / (white - black))).clip(0, 255)
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    return Image.fromarray(np.dstack([grey, np.where(values == transparent, 0, 255).astype(np.uint8)]))


# --- refusals ---------------------------------------------------------------------------------------

# What Pillow and its decoders were seen to raise on damaged files; they do not share a base class. Their
# warnings are errors where the caller made them so.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    Warning,
    struct.error,
    zlib.error,
)
_PILLOW_LIMITS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def _damaged(name: str, error: Exception) -> UnreadableImage:
    words = str(error).lower()
    if isinstance(error, EOFError) or any(hint in words for hint in _ENDS_EARLY):
        return UnreadableImage(f"{name} could not be read: the file ends early. Copy it again from where it came from.")
    return UnreadableImage(
        f"{name} could not be read: the file is damaged, or of a rare kind. Copy it again, or save it as JPEG or PNG."
    )


_ENDS_EARLY = ("truncated", "end of file", "unexpected end", "premature", "not enough")


def _more_than_pillow_allows(name: str) -> ImageTooLarge:
    """For a GIF whose frame is larger than the picture, or where Image.MAX_IMAGE_PIXELS was lowered."""
    return ImageTooLarge(f"{name} is too large: it has more pixels than Pillow is set to allow. Save it smaller.")


def _too_long(name: str, size: Size) -> ImageTooLarge:
    return ImageTooLarge(
        f"{name} is too large: {size[0]} x {size[1]} pixels, the limit is {MAX_SIDE} a side. Save it smaller."
    )


def _too_many_pixels(name: str, size: Size | None, max_pixels: int) -> ImageTooLarge:
    found = f"{size[0]} x {size[1]} pixels ({size[0] * size[1] / 1e6:.0f} megapixels)" if size else "too many pixels"
    limit = f"{max_pixels / 1e6:.0f} megapixels"
    return ImageTooLarge(f"{name} is too large: {found}, the limit is {limit}. Save it smaller.")
