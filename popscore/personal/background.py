"""What is behind the people in a picture: the picture, with the people painted over."""

from __future__ import annotations

import numpy as np
from PIL import Image

from popscore.personal.networks import network

_SIDE = 256
# Of the picture; a person who covers less hides nothing.
_LEAST = 0.01
# A picture that is all person has no background, only its colour at the edges.
_MOST = 0.98


def without_people(pixels: Image.Image, *, side: tuple[int, int]) -> Image.Image | None:
    """The picture with its people in the mean colour of what is behind them, softly at their outline.

    Args:
        pixels: upright, mode RGB.
        side: (width, height) to give it at.

    Returns:
        None where there is nobody to paint over, or nothing behind.

    Raises:
        ScoringFailed: the network stopped.
    """
    small = pixels.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    given = np.asarray(small, np.float32).transpose(2, 0, 1)[np.newaxis] / np.float32(255)
    mask = network("person_mask").run({"input": given})["mask"][0, 0]
    share = float(mask.mean())
    if not _LEAST <= share <= _MOST:
        return None
    behind = (1 - mask)[..., np.newaxis]
    color = (np.asarray(small, np.float32) * behind).sum(axis=(0, 1)) / behind.sum()
    outline = Image.fromarray(np.rint(mask * 255).astype(np.uint8)).resize(side, Image.Resampling.BILINEAR)
    plain = Image.new("RGB", side, tuple(round(float(value)) for value in color))
    return Image.composite(plain, pixels.resize(side, Image.Resampling.BILINEAR), outline)
