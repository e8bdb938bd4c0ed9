"""How sharp a part of a photo is, at the photo's own resolution."""

import numpy as np
import numpy.typing as npt
from PIL import Image

MOST_PX = 256
"""A larger part is made so large first: finer detail than that is not seen in a face, and noise is."""


def sharpness(pixels: Image.Image, box: tuple[int, int, int, int]) -> float:
    """Energy of fine detail against that of all contrast, in percent.

    The variance of the Laplacian, after a light smoothing that takes off noise, divided by the variance of the
    brightness. A number for comparing shots of the same subject at about the same size: what skin, hair and light
    there are moves it as much as focus does, so it says little alone and nothing between two people.

    Args:
        pixels: of the photo in full.
        box: left, top, right, bottom within it.

    Returns:
        0 (nothing fine, or a part of one colour) to some 100.

    Source of the variance of the Laplacian: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    part = pixels.crop(box).convert("L")
    if max(part.size) > MOST_PX:
        scale = MOST_PX / max(part.size)
        part = part.resize(
            (max(1, round(part.width * scale)), max(1, round(part.height * scale))),
            Image.Resampling.BOX,
            reducing_gap=None,
        )
    grey = np.asarray(part, np.float64)
    if min(grey.shape) < 5:
        return 0.0
    smooth = _smoothed(grey)
    variance = float(smooth.var())
    # Less contrast than one step of brightness is none.
    return 100 * float(_laplacian(smooth).var()) / variance if variance >= 1 else 0.0


def _smoothed(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights 1 2 1 in both directions, without the border."""
    rows = grey[:-2] + 2 * grey[1:-1] + grey[2:]
    return (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16


def _laplacian(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
