"""How far a photo hangs to one side, by the long lines in it, and turning it level."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

MAX_TILT_DEGREES = 5.0
"""Beyond it a photo is rather meant to be as it is, and levelling would cost a fifth of it."""

# A horizon that is off by less is not seen.
_LEAST_DEGREES = 0.8
_SIDE = 320  # of the small picture that is searched
_STEP_DEGREES = 0.25
# Brightness steps (Sobel, of 1020) that make an edge, and how far an edge may turn away from the line that it is on.
_EDGE, _TURN_DEGREES = 60, 4.0
# Share of the width, or the height, that a line has to cover; and how much of it what is found has to have above that.
_LONG = 0.3
_EVIDENCE = 0.12
# Where lines that are level already have this share of the evidence, the tilted ones are perspective.
_LEVEL_SHARE = 0.3
# More of the photo is not given up.
_LEAST_KEPT = 0.78


def tilt(picture: Image.Image) -> float | None:
    """By how many degrees the photo has to be turned, counter-clockwise, to stand level; None where no lines say.

    Args:
        picture: upright, mode RGB, any size.
    """
    small = picture.convert("L")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    if min(small.size) < 64:
        return None
    grey = np.asarray(small, np.float32)
    angles = np.arange(-MAX_TILT_DEGREES - 1, MAX_TILT_DEGREES + 1.01, _STEP_DEGREES)
    # Upright lines are level ones of the picture turned by a right angle, which also turns the sense of the angle.
    found = _evidence(grey, angles) + _evidence(np.ascontiguousarray(grey.T), angles)[::-1]
    best = int(found.argmax())
    if found[best] < _EVIDENCE or not 0 < best < len(angles) - 1:
        return None
    level = found[np.abs(angles) <= 2 * _STEP_DEGREES].max()
    angle = float(angles[best] + _STEP_DEGREES * _peak(found[best - 1], found[best], found[best + 1]))
    if not _LEAST_DEGREES <= abs(angle) <= MAX_TILT_DEGREES or level > _LEVEL_SHARE * found[best]:
        return None
    return angle if _kept(picture.size, angle) >= _LEAST_KEPT else None


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """The photo turned counter-clockwise, cut to the largest part of the same shape that has no empty corner."""
    width, height = picture.size
    share = _kept(picture.size, degrees)
    new = max(1, math.floor(share * width) - 2), max(1, math.floor(share * height) - 2)
    # From a place in the new picture to the place in the old one.
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    left = width / 2 - cos * new[0] / 2 + sin * new[1] / 2
    top = height / 2 - sin * new[0] / 2 - cos * new[1] / 2
    data = (cos, -sin, left, sin, cos, top)
    return picture.transform(new, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def _kept(size: tuple[int, int], degrees: float) -> float:
    """Share of each side that is left when a picture is turned and cut to its old shape."""
    angle = abs(math.radians(degrees))
    return 1 / (math.cos(angle) + max(size) / min(size) * math.sin(angle))


def _evidence(grey: Floats, angles: npt.NDArray[np.float64]) -> Floats:
    """(A,) how much of long lines at each angle: how far lines cover the width beyond `_LONG` of it, squared."""
    up = grey[2:, :-2] + 2 * grey[2:, 1:-1] + grey[2:, 2:] - grey[:-2, :-2] - 2 * grey[:-2, 1:-1] - grey[:-2, 2:]
    across = grey[:-2, 2:] + 2 * grey[1:-1, 2:] + grey[2:, 2:] - grey[:-2, :-2] - 2 * grey[1:-1, :-2] - grey[2:, :-2]
    strength = np.abs(up)
    edge = np.zeros(up.shape, bool)
    # The strongest of three pixels above each other: an edge is one pixel high.
    middle = strength[1:-1]
    edge[1:-1] = (middle > _EDGE) & (middle >= strength[:-2]) & (middle > strength[2:])
    edge &= np.abs(across) <= strength * math.tan(math.radians(MAX_TILT_DEGREES + 1 + _TURN_DEGREES))
    y, x = np.nonzero(edge)
    width = up.shape[1]
    found = np.zeros(len(angles), np.float32)
    if len(y) < _LONG * width:
        return found
    # An edge that falls to the right by some degrees: its brightness changes across as much as the tangent says.
    own = np.degrees(np.arctan2(-across[y, x] * np.sign(up[y, x]), strength[y, x]))
    falls_up = np.sign(up[y, x]) > 0
    centre = x - width / 2
    for number, angle in enumerate(angles):
        near = np.abs(own - angle) <= _TURN_DEGREES
        place = y[near] - centre[near] * math.tan(math.radians(angle))
        # Rises and falls of brightness apart: both sides of a stripe are not one line.
        bins = np.rint(place).astype(int) + width
        rows = np.bincount(bins * 2 + falls_up[near], minlength=4).astype(np.float32)
        pairs = rows[: len(rows) // 2 * 2].reshape(-1, 2)
        covered = (pairs[1:] + pairs[:-1]) / width
        found[number] = np.square(np.maximum(0, covered - _LONG)).sum()
    return np.sqrt(found)


def _peak(before: float, at: float, after: float) -> float:
    """Where between three neighbours the top of the curve through them is, in steps."""
    bend = before - 2 * at + after
    return 0.0 if bend == 0 else float(0.5 * (before - after) / bend)
