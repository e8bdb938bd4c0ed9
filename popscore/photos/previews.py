"""Small pictures of photos, for a browser: it never needs the originals, and some formats it could not show."""

import io

from PIL import Image

from popscore.files.kinds import HEAD_BYTES, photo_kind
from popscore.files.opening import head_of
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto

_QUALITY = 80
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


def as_webp(pixels: Image.Image) -> bytes:
    """The picture as a WebP file."""
    packed = io.BytesIO()
    pixels.save(packed, "WEBP", quality=_QUALITY)
    return packed.getvalue()
