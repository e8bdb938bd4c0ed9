"""The search for the best crop of a shape: which crops come into question, and why the best one is the best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popscore.insight.aspects import Aspect, largest
from popscore.insight.framing import Boxes, Framing
from popscore.models.preprocess import Box

Size = tuple[int, int]
Bools = npt.NDArray[np.bool_]

# Positions that are tried along the side where the crop has room: a step is a twentieth of a cell of the map or less.
_POSITIONS = 161
# What a free crop may trim off each side, as shares of the photo's: a fifth is what its owner would call another photo.
_TRIMS = (0.0, 0.05, 0.1, 0.15, 0.2)
# Trimming takes something away: the expected overlap with the best frame must rise by this much. So 3 in 10 photos are
# trimmed, of OASIS and of the photos with people's crops; from .01 on it would be 8 in 10, nearer to what people draw
# who are asked to crop, but of two crops of different size people mostly take the larger one.
_LEAST_GAIN = 0.015
# A difference of expected overlaps that says nothing: it comes from the places that are tried.
_AS_GOOD = 0.001
# A crop that was moved by less than this share of the photo's side stands in the middle.
_NOT_MOVED = 0.02
# The box of a face goes from forehead to chin; hair, ears and chin want this much more, as shares of its sides.
_HEAD = (0.25, 0.4, 0.25, 0.15)
# A smaller face beside a large one, below this share of its area, is somebody in the background.
_BACKGROUND = 0.15
# Of a face this much of the area may be missing, or showing, without its counting as cut.
_SLACK = 0.03


@dataclass(frozen=True, slots=True)
class Found:
    """The best crop of a shape.

    Attributes:
        box: in pixels of the photo of the given size.
        reason: why it lies there, in words.
        faces_cut: faces of which it shows a part only.
    """

    box: Box
    reason: str
    faces_cut: int


def best_crop(aspect: Aspect, size: Size, framing: Framing, faces: Sequence[Box] = ()) -> Found:
    """The best crop of a shape.

    Args:
        aspect: the shape.
        size: (width, height) of the photo in pixels.
        framing: of the same photo.
        faces: boxes in pixels of the photo.
    """
    if aspect.ratio is None:
        return _free(size, framing, faces)
    width, height = largest(aspect.ratio, size)
    if (width, height) == size:
        return Found((0, 0, *size), f"the photo is {aspect.text} already", 0)
    room = size[0] - width, size[1] - height
    along = 0 if room[0] else 1
    starts = np.unique(np.linspace(0, room[along], _POSITIONS).round().astype(int))
    boxes = np.tile(np.array([0, 0, width, height]), (len(starts), 1))
    boxes[:, along] += starts
    boxes[:, along + 2] += starts
    expected = framing.expected_overlap(_shares(boxes, size))
    moved = (starts - room[along] / 2) / size[along]
    wish = _nearest_best(expected, moved, np.ones(len(boxes), bool))
    allowed, for_faces = _with_faces(boxes, faces)
    chosen = _nearest_best(expected, moved, allowed)
    box = _box(boxes[chosen])
    cut = int(_cut(boxes[chosen : chosen + 1], faces).sum())
    parts = [f"largest {aspect.text} that fits"]
    if chosen == wish or not for_faces:
        parts.append(_place(float(moved[chosen]), along))
    if len(faces):
        parts.append(_of_faces(box, faces, cut, moved=chosen != wish))
    return Found(box, "; ".join(parts), cut)


def _nearest_best(expected: Boxes, moved: Boxes, allowed: Bools) -> int:
    """The best of the allowed places; of several as good as the best, the one that was moved least."""
    good = allowed & (expected >= expected[allowed].max() - _AS_GOOD)
    return int(np.flatnonzero(good)[np.abs(moved[good]).argmin()])


def _free(size: Size, framing: Framing, faces: Sequence[Box]) -> Found:
    """The whole frame, or what remains of it when edges are trimmed that hold little."""
    trims = np.array(np.meshgrid(*[_TRIMS] * 4)).reshape(4, -1).T
    shares = trims * [1, 1, -1, -1] + [0, 0, 1, 1]
    boxes = (shares * [*size, *size]).round().astype(int)
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    whole = (boxes == [0, 0, *size]).all(axis=1)
    expected = framing.expected_overlap(_shares(boxes, size), whole=True)
    heads_whole = (_shown(boxes, _heads(faces, size)) > 1 - _SLACK).all(axis=0)
    expected[np.logical_not(heads_whole | whole)] = -np.inf
    chosen = int(np.argmax(expected))
    if expected[chosen] - expected[whole].max() < _LEAST_GAIN:
        return Found((0, 0, *size), "the whole photo: no edge of it is clearly better left out", 0)
    box = _box(boxes[chosen])
    parts = {
        "left": box[0] / size[0],
        "top": box[1] / size[1],
        "right": 1 - box[2] / size[0],
        "bottom": 1 - box[3] / size[1],
    }
    trimmed = " and ".join(f"{share:.0%} at the {side}" for side, share in parts.items() if share >= 0.005)
    why = f"trims {trimmed}, where there is less to see"
    return Found(box, f"{why}; {_of_faces(box, faces, 0, moved=False)}" if len(faces) else why, 0)


def _place(moved: float, along: int) -> str:
    if abs(moved) < _NOT_MOVED:
        return "in the middle: there is no more to see beside it"
    side = (("left", "right"), ("top", "bottom"))[along][int(moved > 0)]
    return f"moved to the {side}, where there is more to see"


# --- faces ------------------------------------------------------------------------------------------


def _with_faces(boxes: Boxes, faces: Sequence[Box]) -> tuple[Bools, bool]:
    """(N,) bool: the crops that treat faces best; and whether that leaves some out.

    First of all no face is cut, then as much as can be of the faces is shown (those in the background do not
    count), then the hair and chins of those. Where every crop cuts one, the largest that can be whole stays whole.
    """
    allowed = np.ones(len(boxes), bool)
    if not len(faces):
        return allowed, False
    found = np.asarray(faces, dtype=float)
    size = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    near = size >= _BACKGROUND * size.max()
    cut, shown = _cut(boxes, faces), _shown(boxes, found)
    lost = np.where(cut, size[:, None], 0).sum(axis=0)  # of faces that are cut, all of their area counts
    allowed &= lost <= lost.min() + 1e-9
    whole = np.where(~cut & near[:, None], shown * size[:, None], 0).sum(axis=0)
    allowed &= whole >= whole[allowed].max() - 1e-9
    heads = (_shown(boxes, _heads(faces, (np.inf, np.inf))) * (shown > 1 - _SLACK) * size[:, None]).sum(axis=0)
    allowed &= heads >= heads[allowed].max() - _SLACK * size.max()
    return allowed, not bool(allowed.all())


def _shown(boxes: Boxes, faces: Boxes) -> Boxes:
    """(F, N) the share of each face that each crop shows."""
    found = np.asarray(faces, dtype=float).reshape(-1, 1, 4)
    width = np.minimum(found[..., 2], boxes[:, 2]) - np.maximum(found[..., 0], boxes[:, 0])
    height = np.minimum(found[..., 3], boxes[:, 3]) - np.maximum(found[..., 1], boxes[:, 1])
    area = (found[..., 2] - found[..., 0]) * (found[..., 3] - found[..., 1])
    return np.asarray(width.clip(0) * height.clip(0) / np.maximum(area, 1))


def _cut(boxes: Boxes, faces: Sequence[Box]) -> Bools:
    """(F, N) bool: the crop shows a part of the face only."""
    shown = _shown(boxes, np.asarray(faces, dtype=float).reshape(-1, 4))
    return np.asarray((shown > _SLACK) & (shown < 1 - _SLACK))


def _heads(faces: Sequence[Box], size: tuple[float, float]) -> Boxes:
    """(F, 4) the faces with hair and chin, within the photo."""
    found = np.asarray(faces, dtype=float).reshape(-1, 4)
    width, height = found[:, 2:3] - found[:, :1], found[:, 3:] - found[:, 1:2]
    sides = np.concatenate([width, height, width, height], axis=1) * _HEAD
    grown = found + sides * [-1, -1, 1, 1]
    return np.asarray(np.clip(grown, 0, [*size, *size]))


def _of_faces(box: Box, faces: Sequence[Box], cut: int, *, moved: bool) -> str:
    count = int((_shown(np.array([box]), np.asarray(faces, dtype=float)) > 1 - _SLACK).sum())
    what = "the face" if len(faces) == 1 else "both faces" if count == len(faces) == 2 else f"all {count} faces"
    if cut:
        return "it cannot be moved so that no face is cut: this place cuts least"
    if count < len(faces):
        what = "no face" if not count else f"{count} of {len(faces)} faces"
        return f"shows {what}, and cuts none"
    return f"moved to keep {what} whole" if moved else f"keeps {what} whole"


def _shares(boxes: Boxes, size: Size) -> Boxes:
    return np.asarray(boxes / [*size, *size], dtype=float)


def _box(row: Boxes) -> Box:
    left, top, right, bottom = (int(value) for value in row)
    return left, top, right, bottom
