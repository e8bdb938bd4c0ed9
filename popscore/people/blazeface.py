"""BlazeFace: from a picture to boxes with six points each. Pure functions around one run of the network.

Sources: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (arXiv 1907.05047);
the constants of each network are those of MediaPipe 0.10.21, mediapipe/modules/face_detection.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

POINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
"""The six points in the network's order; right and left are the person's own."""

MAX_OVERLAP = 0.3
"""Boxes that overlap more are one face. Source: MediaPipe, `min_suppression_threshold`."""
MAX_WITHIN = 0.7
"""A box of which more lies in another one is the same face: the two networks may draw it at two sizes."""

_VALUES = 4 + 2 * len(POINTS)
_LOGIT_LIMIT = 100.0  # of `score_clipping_thresh`: keeps exp in range


@dataclass(frozen=True, kw_only=True)
class Detector:
    """How a network of the family is used.

    Attributes:
        side: rows and columns of its input in pixels.
        grids: (cells per row, boxes per cell) of each of its maps, finest first.
    """

    side: int
    grids: tuple[tuple[int, int], ...]

    def anchors(self) -> Floats:
        """(A, 2) centres x, y from which the boxes are counted, as shares of the input."""
        centres = []
        for cells, boxes in self.grids:
            middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
            grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)  # row by row
            centres.append(np.repeat(grid, boxes, axis=0))
        return np.concatenate(centres)


SHORT_RANGE = Detector(side=128, grids=((16, 2), (8, 6)))
"""For faces that fill a good part of the picture. 896 anchors."""

FULL_RANGE = Detector(side=192, grids=((48, 1),))
"""For smaller faces, from about a twentieth of the longer side on. 2304 anchors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What the network found in one picture, in pixels of that picture, surest first.

    Attributes:
        boxes: (F, 4) left, top, right, bottom; may reach over the border.
        points: (F, 6, 2) x, y in the order of `POINTS`.
        confidences: (F,) 0 to 1.
    """

    boxes: Floats
    points: Floats
    confidences: Floats

    def only(self, indices: npt.NDArray[np.intp]) -> "Found":
        """Some of them, in the order asked for."""
        indices = indices.astype(np.intp)
        return Found(boxes=self.boxes[indices], points=self.points[indices], confidences=self.confidences[indices])

    def first(self, count: int) -> "Found":
        """The surest."""
        return self.only(np.arange(min(count, len(self.confidences))))

    def enlarged(self, factor: float) -> "Found":
        """The same in pixels of a picture so many times as large."""
        return Found(
            boxes=self.boxes * np.float32(factor), points=self.points * np.float32(factor), confidences=self.confidences
        )


def reduced(pixels: Image.Image, side: int) -> tuple[Image.Image, int]:
    """The picture made smaller by a whole number, with a longer side of at least `side`, and that number.

    For a picture that is looked at several times: making it small is what costs most of a look, 8 ms for 12 megapixels.
    """
    factor = max(pixels.size) // side
    return (pixels.reduce(factor), factor) if factor > 1 else (pixels, 1)


def joined(parts: Sequence[Found]) -> Found:
    """What several looks found, surest first; the same face may come several times."""
    found = Found(
        boxes=np.concatenate([part.boxes for part in parts]),
        points=np.concatenate([part.points for part in parts]),
        confidences=np.concatenate([part.confidences for part in parts]),
    )
    return found.only(np.argsort(-found.confidences, kind="stable"))


def is_new(box: Floats, others: Floats) -> bool:
    """Whether a box is another face than (F, 4) others: it overlaps none much, and most of it lies within none."""
    if not len(others):
        return True
    return bool(overlaps(box, others).max() <= MAX_OVERLAP and within(box, others).max() <= MAX_WITHIN)


def _fitted(pixels: Image.Image, side: int) -> tuple[Image.Image, float]:
    """The picture with a longer side of so many pixels, and the scale to it."""
    scale = side / max(pixels.size)
    width, height = (max(1, round(length * scale)) for length in pixels.size)
    # With a gap of 2, a large picture is first reduced by whole numbers, which is some ten times quicker.
    return pixels.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0), scale


def to_input(pixels: Image.Image, side: int) -> tuple[Floats, float, tuple[int, int]]:
    """The picture in the middle of a black square, whole and undistorted.

    Args:
        pixels: mode RGB.
        side: of the square in pixels.

    Returns:
        (1, 3, side, side) float32 from -1 to 1; the scale from the picture to the square; the free columns on the left
        and rows on the top.
    """
    small, scale = _fitted(pixels, side)
    left, top = (side - small.width) // 2, (side - small.height) // 2
    square = np.full((1, 3, side, side), -1, np.float32)
    part = square[0, :, top : top + small.height, left : left + small.width]
    np.divide(np.asarray(small).transpose(2, 0, 1), 127.5, out=part)
    part -= 1
    return square, scale, (left, top)


def decode(
    detector: Detector, values: Floats, logits: Floats, *, threshold: float, scale: float, corner: tuple[int, int]
) -> Found:
    """What the network's numbers say, in pixels of the picture.

    Args:
        values: (A, 16) per anchor: centre x, y, width, height, then six points x, y, in pixels of the input and
            counted from the anchor.
        logits: (A,) how sure it is that there is a face.
        threshold: the confidence from which a face counts.
        scale, corner: as `to_input` gives them.
    """
    least = math.log(threshold / (1 - threshold))
    kept = np.flatnonzero(logits >= least)
    confidences = 1 / (1 + np.exp(-np.clip(logits[kept], -_LOGIT_LIMIT, _LOGIT_LIMIT)))
    numbers = values[kept].reshape(len(kept), _VALUES // 2, 2).copy()
    anchors = detector.anchors()[kept] * detector.side
    numbers[:, 0] += anchors
    numbers[:, 2:] += anchors[:, None]
    numbers[:, 1] = np.abs(numbers[:, 1]) / 2
    centres, halves, points = numbers[:, 0], numbers[:, 1], numbers[:, 2:]
    offset = np.array(corner, np.float32)
    found = Found(
        boxes=(np.concatenate([centres - halves - offset, centres + halves - offset], axis=1) / scale).astype(
            np.float32
        ),
        points=((points - offset) / scale).astype(np.float32),
        confidences=confidences.astype(np.float32),
    )
    return merged(found)


def merged(found: Found) -> Found:
    """One box per face: what overlaps the surest box becomes one with it, by the mean weighted with the confidences.

    Source: the paper, section 3.3; it shakes less from frame to frame than dropping all but the surest.
    """
    left = np.argsort(-found.confidences, kind="stable")
    boxes, points, confidences = [], [], []
    while len(left):
        first = left[0]
        same = overlaps(found.boxes[first], found.boxes[left]) > MAX_OVERLAP
        same[0] = True  # a box without area does not overlap itself
        group, left = left[same], left[~same]
        weights = found.confidences[group] / found.confidences[group].sum()
        boxes.append(np.tensordot(weights, found.boxes[group], axes=1))
        points.append(np.tensordot(weights, found.points[group], axes=1))
        confidences.append(found.confidences[first])
    return Found(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        points=np.array(points, np.float32).reshape(-1, len(POINTS), 2),
        confidences=np.array(confidences, np.float32),
    )


def within(box: Floats, boxes: Floats) -> Floats:
    """(F,) shares of the common area in the smaller one of one box and each of (F, 4) others."""
    corner, end = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.maximum(end - corner, 0), axis=1)
    least = np.minimum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.prod(box[2:] - box[:2]))
    return np.asarray(np.divide(common, least, out=np.zeros_like(common), where=least > 0), np.float32)


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """(F,) shares of the common area in the joint area (intersection over union) of one box with (F, 4) others."""
    corner, end = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.maximum(end - corner, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    joint = np.prod(box[2:] - box[:2]) + areas - common
    return np.asarray(np.divide(common, joint, out=np.zeros_like(common), where=joint > 0), np.float32)
