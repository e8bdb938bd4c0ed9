"""Small pictures for the browser: it never gets the originals, and some formats it could not show."""

import base64
import io
from pathlib import Path

from PIL import Image

from popscore.photos.decode import read_photo

_QUALITY = 80


def preview(location: Path, side: int) -> Image.Image:
    """The photo upright in RGB, fitted into a square of `side` pixels.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
    """
    return fitted(read_photo(location, at_least=(side, side)).pixels, side)


def fitted(pixels: Image.Image, side: int) -> Image.Image:
    """The picture, made smaller in place if it does not fit into a square of `side` pixels."""
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS)
    return pixels


def data_address(pixels: Image.Image) -> str:
    """A picture as a `data:` address in WebP, which costs the browser no further request."""
    packed = io.BytesIO()
    pixels.save(packed, "WEBP", quality=_QUALITY)
    return "data:image/webp;base64," + base64.b64encode(packed.getvalue()).decode("ascii")
