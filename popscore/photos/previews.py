"""Small pictures of photos, for a browser: it never needs the originals, and some formats it could not show."""

import io

from PIL import Image

from popscore.files.kinds import HEAD_BYTES, photo_kind
from popscore.files.opening import head_of
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto

_QUALITY = 80
_ANIMATED = 0x02
# HEIC and TIFF are what browsers do not show.
_SHOWN_BY_BROWSERS = {"jpeg", "png", "webp", "gif", "bmp", "avif"}


def preview(photo: NamedPhoto, side: int, limits: ImageLimits) -> bytes:
    """The photo upright as a WebP file, fitted into a square of `side` pixels.

    Args:
        limits: those of the scorer: what it scores can be shown.

    Raises:
        UnreadableImage, ImageTooLarge: as `read_photo`.
    """
    return as_webp(fitted(read_photo(photo, at_least=(side, side), limits=limits).pixels, side))


def is_shown_by_browsers(photo: NamedPhoto) -> bool:
    """Whether browsers can show the file itself, going by its content."""
    try:
        return photo_kind(head_of(photo.location, HEAD_BYTES)) in _SHOWN_BY_BROWSERS
    except (OSError, ValueError):
        return False


def fitted(pixels: Image.Image, side: int) -> Image.Image:
    """The picture, made smaller in place if it does not fit into a square of `side` pixels."""
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS)
    return pixels


def still_webp_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a WebP file, read from its head and not decoded.

    Returns:
        None for anything else, also for WebP files that are animated.

    Source of the layout: RFC 9649, sections 2.5 to 2.7, and RFC 6386, section 9.1.
    """
    if len(content) < 30 or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    if content[12:16] == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        return width, height
    if content[12:16] == b"VP8L" and content[20] == 0x2F:
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if content[12:16] == b"VP8X" and not content[20] & _ANIMATED:
        # Decoders refuse a file whose picture is not as large as this says.
        across, down = (int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
        return across + 1, down + 1
    return None


def as_webp(pixels: Image.Image) -> bytes:
    """The picture as a WebP file."""
    packed = io.BytesIO()
    pixels.save(packed, "WEBP", quality=_QUALITY)
    return packed.getvalue()
