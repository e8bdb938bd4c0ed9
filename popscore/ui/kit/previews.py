"""Small pictures for the browser: it never gets the originals, and some formats it could not show.

A picture that cannot be made is left out. It never costs a score or an answer.
"""

import base64
import io
from pathlib import Path

from PIL import Image

from popscore.errors import PopscoreError
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto

_QUALITY = 80
_SHOWN_BY_BROWSERS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"}


def preview(photo: NamedPhoto | Path, side: int, limits: ImageLimits) -> Image.Image | None:
    """The photo upright in RGB, fitted into a square of `side` pixels; None if it cannot be read.

    Args:
        limits: those of the scorer: what it scores can be shown.
    """
    try:
        return fitted(read_photo(photo, at_least=(side, side), limits=limits).pixels, side)
    except PopscoreError:
        return None


def preview_if_needed(location: Path, side: int, limits: ImageLimits) -> Image.Image | None:
    """A preview of what browsers cannot show themselves (HEIC, TIFF); None when they can, or it cannot be read."""
    try:
        with Image.open(location) as image:
            if image.format in _SHOWN_BY_BROWSERS:
                return None
    except (OSError, ValueError, Image.DecompressionBombError):  # not a format that Pillow alone knows
        pass
    return preview(location, side, limits)


def fitted(pixels: Image.Image, side: int) -> Image.Image:
    """The picture, made smaller in place if it does not fit into a square of `side` pixels."""
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS)
    return pixels


def data_address(pixels: Image.Image) -> str:
    """A picture as a `data:` address in WebP, which costs the browser no further request."""
    packed = io.BytesIO()
    pixels.save(packed, "WEBP", quality=_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode("ascii")
