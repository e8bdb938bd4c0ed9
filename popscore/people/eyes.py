"""Is an eye open? From the outline of its lids, as a network draws it on a close cut.

Sources: Ablavatski et al. 2020, "Real-time Pupil Tracking from Monocular Video for Digital Puppetry" (arXiv
2006.11341); the cut and its constants as in MediaPipe 0.10.21, mediapipe/modules/iris_landmark. The openness is the eye
aspect ratio of Soukupová & Čech 2016, "Real-Time Eye Blink Detection using Facial Landmarks", over seven pairs of
points.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from popscore.people.blazeface import Floats
from popscore.people.mesh import Mesh, turned_square
from popscore.people.networks import network

EyeState = Literal["open", "closed", "not_visible"]

OPEN_FROM = 0.13
"""Openness from which an eye counts as open. Of 129 eyes on OASIS labelled by eye, 106 open and 23 closed, the openness
of 96 in 100 pairs of an open and a closed one is in the right order; narrowed eyes of people who laugh come nearest."""
LEAST_CERTAINTY = 0.5
"""Of the mesh: below, it does not know where the eyes are."""
NARROWEST_PX = 8
"""An eye of fewer pixels from corner to corner shows too little."""
NARROWEST_SHARE = 0.6
"""An eye seen so much narrower than the other one is on the far side of a turned head."""
DARKEST_SHARE = 0.4
"""Where the brightest part of an eye has a smaller share of the brightness of the cheeks, glasses or shade cover it."""

_SIDE = 64
_MARGIN = 2.3  # side of the cut in widths of the eye
# Corners, outer one first for the person's right eye, inner one first for the left one: both from left to right in a
# face that looks at the camera. And a point on the cheek below.
_EYES = {"right": (33, 133, 50), "left": (362, 263, 280)}
# Points of the outline: from corner 0 along the lower lid (1 to 7) to corner 8, and along the upper one (9 to 15).
_LOWER, _UPPER, _CORNERS = slice(1, 8), slice(9, 16), (0, 8)


@dataclass(frozen=True, kw_only=True)
class Eye:
    """One eye.

    Attributes:
        state: `not_visible` where it is too small, on the far side of a turned head, covered or beyond the border.
        openness: mean height between the lids in widths of the eye; some .23 when open, below .1 when closed. None
            where it is not visible.
    """

    state: EyeState
    openness: float | None


def eyes(pixels: Image.Image, mesh: Mesh) -> dict[str, Eye]:
    """Both eyes of a face, as `right` and `left` of the person.

    Args:
        pixels: mode RGB, the picture that the mesh was found in.
        mesh: from `mesh.look`.

    Raises:
        ScoringFailed: the network stopped.
    """
    if mesh.certainty < LEAST_CERTAINTY:
        return {side: Eye(state="not_visible", openness=None) for side in _EYES}
    widths = {
        side: float(np.hypot(*(mesh.points[second, :2] - mesh.points[first, :2])))
        for side, (first, second, _) in _EYES.items()
    }
    widest = max(widths.values())
    found = {}
    for side, (first, second, cheek) in _EYES.items():
        ends = mesh.points[[first, second], :2]
        inside = (ends >= 0).all() and (ends < pixels.size).all()
        if not inside or widths[side] < max(NARROWEST_PX, NARROWEST_SHARE * widest):
            found[side] = Eye(state="not_visible", openness=None)
            continue
        found[side] = _eye(pixels, ends, mesh.points[cheek, :2], mirrored=side == "left")
    return found


def _eye(pixels: Image.Image, ends: Floats, cheek: Floats, *, mirrored: bool) -> Eye:
    across = ends[1] - ends[0]
    middle = ends.mean(axis=0)
    length = float(np.hypot(*across)) * _MARGIN
    cut = turned_square(
        pixels,
        centre=(float(middle[0]), float(middle[1])),
        length=length,
        angle=math.atan2(float(across[1]), float(across[0])),
        side=_SIDE,
        mirrored=mirrored,
    )
    given = np.asarray(cut.pixels, np.float32).transpose(2, 0, 1)[None] / 255
    outline = network("iris").run({"input": given}, ["eye"])["eye"].reshape(-1, 3)[:16, :2]
    if _covered(cut.pixels, outline, _brightness(pixels, cheek, length / 8)):
        return Eye(state="not_visible", openness=None)
    width = max(float(np.hypot(*(outline[_CORNERS[1]] - outline[_CORNERS[0]]))), 1.0)
    openness = float((outline[_LOWER, 1] - outline[_UPPER, 1]).mean()) / width
    return Eye(state="open" if openness >= OPEN_FROM else "closed", openness=max(openness, 0.0))


def _covered(cut: Image.Image, outline: Floats, cheek: float) -> bool:
    """Whether nothing in the outline is nearly as bright as the skin: no white of the eye, no lid."""
    left, top = np.clip(np.floor(outline.min(axis=0)), 0, _SIDE - 2).astype(int)
    right, bottom = np.clip(np.ceil(outline.max(axis=0)), (left + 2, top + 2), _SIDE).astype(int)
    inside = np.asarray(cut.convert("L"))[top:bottom, left:right]
    return float(np.percentile(inside, 90)) < DARKEST_SHARE * cheek


def _brightness(pixels: Image.Image, at: Floats, radius: float) -> float:
    """Median brightness around a point, 0 to 255; 0 beyond the border."""
    x, y = float(at[0]), float(at[1])
    if not (0 <= x < pixels.width and 0 <= y < pixels.height):
        return 0.0
    part = turned_square(pixels, centre=(x, y), length=2 * radius, angle=0, side=8)
    return float(np.median(np.asarray(part.pixels.convert("L"))))
