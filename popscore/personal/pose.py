"""The pose of the person in a picture, and how like two poses are.

MoveNet (singlepose lightning, version 4; Google) sees one person, the one nearest to the middle. It says where 17
points of a body are, and nothing about whose it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.personal.networks import network

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

POINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
SURE = 0.3
"""Confidence from which on a point is there."""
# Mean confidence of the five surest points from which on somebody is there. Of 450 photos of OASIS that is so in 60 %
# of those of people (of whom many show an eye or a hand), 13 % of scenes and of animals, and 7 % of objects.
_SURE_PERSON, _SUREST = 0.4, 5
_SIDE, _CELLS = 192, 48
# The network's own: how much a point's place may differ from the first guess, in cells.
_NEAR = 1.8
# Standard deviation of where two people see a point, by its kind, as a share of the size of the body: COCO, keypoint
# evaluation (cocodataset.org). In the exponent stands its double.
_SPREADS = np.array(
    [
        *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
        *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ]
)
_CELL = np.arange(_CELLS)


def pose_of(pixels: Image.Image) -> Floats | None:
    """The pose of the person in a picture.

    Args:
        pixels: upright, mode RGB, any size; 192 pixels are enough.

    Returns:
        (17, 3) x and y in shares of the picture's longer side, from its left upper corner, and confidence; in the
        order of `POINTS`, left and right are the person's own. None where nobody is seen.

    Raises:
        ScoringFailed: the network stopped.
    """
    longer = max(pixels.size)
    size = [max(1, round(_SIDE * side / longer)) for side in pixels.size]
    corner = [(_SIDE - side) // 2 for side in size]
    square = Image.new("RGB", (_SIDE, _SIDE))
    square.paste(pixels.resize((size[0], size[1]), Image.Resampling.BILINEAR), (corner[0], corner[1]))
    given = np.asarray(square, np.float32).transpose(2, 0, 1)[np.newaxis]
    points = _decoded({name: values[0] for name, values in network("pose").run({"input": given}).items()})
    points[:, :2] = (points[:, :2] * _SIDE - corner) / _SIDE
    return points if float(np.sort(points[:, 2])[-_SUREST:].mean()) >= _SURE_PERSON else None


def _decoded(seen: dict[str, Floats]) -> Floats:
    """(17, 3) x, y in shares of the square, confidence: the choices that the network's last layers make."""
    row, column = divmod(int(seen["centre"].argmax()), _CELLS)
    guess = seen["guess"][:, row, column].reshape(len(POINTS), 2) + np.array([row, column])  # y, x
    down = _CELL[np.newaxis, :, np.newaxis] - guess[:, :1, np.newaxis]
    across = _CELL[np.newaxis, np.newaxis, :] - guess[:, 1:, np.newaxis]
    likely = seen["points"] / (np.sqrt(down**2 + across**2) + _NEAR)
    rows, columns = np.divmod(likely.reshape(len(POINTS), -1).argmax(axis=1), _CELLS)
    kinds = np.arange(len(POINTS))
    offset = seen["offset"].reshape(len(POINTS), 2, _CELLS, _CELLS)[kinds, :, rows, columns]
    across, down = (columns + offset[:, 1]) / _CELLS, (rows + offset[:, 0]) / _CELLS
    return np.stack([across, down, seen["points"][kinds, rows, columns]], axis=1).astype(np.float32)


def likeness(poses: Floats, pose: Floats) -> Wide:
    """Object Keypoint Similarity of M poses to one, 0 to 1.

    The mean over the points that are sure in a pose of exp(-d^2 / (2 s^2 k^2)): d the distance to the same point of the
    other, s^2 the area that the sure points span, k by the kind of the point. A point that the other does not show
    counts as 0. Both stand where they stand in their pictures: a person at the left is not like one at the right.

    Args:
        poses: (M, 17, 3); those of pictures without a person have confidence 0, and are like nothing.
        pose: (17, 3).

    Source: COCO, keypoint evaluation.
    """
    sure = poses[:, :, 2] >= SURE
    apart = ((poses[:, :, :2] - pose[:, :2]) ** 2).sum(axis=2).astype(np.float64)
    place = np.where(sure[:, :, np.newaxis], poses[:, :, :2], np.nan)
    with np.errstate(all="ignore"):
        sides = np.nan_to_num(_span(place)) if len(poses) else np.zeros((0, 2))
    area = np.maximum(sides.prod(axis=1), 1e-6)[:, np.newaxis]
    near = np.exp(-apart / (2 * area * (2 * _SPREADS) ** 2)) * sure * (pose[:, 2] >= SURE)
    return np.asarray(near.sum(axis=1) / np.maximum(sure.sum(axis=1), 1), np.float64)


def _span(places: Floats) -> Wide:
    """(M, 2) sides of the box round the points that are not NaN; 0 where all are."""
    low = np.where(np.isnan(places), np.inf, places).min(axis=1)
    high = np.where(np.isnan(places), -np.inf, places).max(axis=1)
    return np.where(np.isfinite(high - low), high - low, 0.0).astype(np.float64)
