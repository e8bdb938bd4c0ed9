"""The search for the best crop of a shape: which crops come into question, and why the best one is the best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from popscore.insight.aspects import Aspect, largest
from popscore.insight.framing import Boxes, Framing
from popscore.models.preprocess import Box

Size = tuple[int, int]

# Positions that are tried along the side where the crop has room: a step is a twentieth of a cell of the map or less.
_POSITIONS = 161
# Sides of a free crop, as shares of the photo's, that are tried for each side by itself.
_FREE_TRIMS = (0.0, 0.05, 0.1, 0.15)
# A free crop must be better than the whole frame by this much: trimming takes something away, and often for nothing.
_FREE_GAIN = 0.15
# What being moved out of the middle costs, at the end of the way.
_OUT_OF_MIDDLE = 0.3
# A crop that was moved by less than this share of the photo's side stands in the middle.
_NOT_MOVED = 0.02
# A face may lose this share of its area: detectors draw their boxes around hair and chin too.
_FACE_CUT = 0.1


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
    shape = f"largest {aspect.text} that fits"
    if (width, height) == size:
        return Found((0, 0, *size), f"the photo is {aspect.text} already", 0)
    room = size[0] - width, size[1] - height
    along = 0 if room[0] else 1
    starts = np.unique(np.linspace(0, room[along], _POSITIONS).round().astype(int))
    boxes = np.tile(np.array([0, 0, width, height]), (len(starts), 1))
    boxes[:, along] += starts
    boxes[:, along + 2] += starts
    quality = framing.quality(_shares(boxes, size))
    quality -= _OUT_OF_MIDDLE * np.square((starts / room[along] - 0.5) * 2)
    cut, lost = _cut_faces(boxes, faces)
    allowed = _least_cut(cut, lost)
    chosen = int(np.flatnonzero(allowed)[np.argmax(quality[allowed])])
    free_choice = int(np.argmax(quality))
    box = _box(boxes[chosen])
    moved = (starts[chosen] - room[along] / 2) / size[along]
    why = f"{shape}; {_place(moved, along)}"
    if len(faces):
        why += f"; {_faces_in_words(box, faces, int(cut[chosen]), moved_for_them=chosen != free_choice)}"
    return Found(box, why, int(cut[chosen]))


def _free(size: Size, framing: Framing, faces: Sequence[Box]) -> Found:
    """The whole frame, or what remains of it when edges are trimmed that hold little."""
    trims = np.array(np.meshgrid(*[_FREE_TRIMS] * 4)).reshape(4, -1).T
    shares = trims * [1, 1, -1, -1] + [0, 0, 1, 1]
    boxes = (shares * [*size, *size]).round().astype(int)
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    whole = (boxes == [0, 0, *size]).all(axis=1)
    quality = framing.quality(_shares(boxes, size))
    cut, lost = _cut_faces(boxes, faces)
    quality[(cut > 0) & ~whole] = -np.inf
    chosen = int(np.argmax(quality))
    if quality[chosen] - quality[whole].max() < _FREE_GAIN:
        return Found((0, 0, *size), "the whole frame: no edge of it is better left out", 0)
    box = _box(boxes[chosen])
    parts = {
        "left": box[0] / size[0],
        "top": box[1] / size[1],
        "right": 1 - box[2] / size[0],
        "bottom": 1 - box[3] / size[1],
    }
    trimmed = ", ".join(f"{share:.0%} at the {side}" for side, share in parts.items() if share >= 0.005)
    return Found(box, f"trims {trimmed}, where there is little to see or something is cut by the edge", 0)


def _place(moved: float, along: int) -> str:
    if abs(moved) < _NOT_MOVED:
        return "in the middle: there is no more to see beside it"
    side = (("left", "right"), ("top", "bottom"))[along][int(moved > 0)]
    return f"moved to the {side}, where there is more to see"


# --- faces ------------------------------------------------------------------------------------------


def _cut_faces(boxes: Boxes, faces: Sequence[Box]) -> tuple[Boxes, Boxes]:
    """(N,) how many faces each crop cuts in two, and (N,) which area of faces is lost by that, in pixels."""
    if not len(faces):
        return np.zeros(len(boxes), int), np.zeros(len(boxes))
    found = np.asarray(faces, dtype=float)[:, None, :]  # (F, 1, 4)
    width = np.minimum(found[..., 2], boxes[:, 2]) - np.maximum(found[..., 0], boxes[:, 0])
    height = np.minimum(found[..., 3], boxes[:, 3]) - np.maximum(found[..., 1], boxes[:, 1])
    shown = width.clip(0) * height.clip(0)  # (F, N)
    area = (found[..., 2] - found[..., 0]) * (found[..., 3] - found[..., 1])
    is_cut = (shown > _FACE_CUT * area) & (shown < (1 - _FACE_CUT) * area)
    return is_cut.sum(axis=0), np.where(is_cut, area - shown, 0).sum(axis=0)


def _least_cut(cut: Boxes, lost: Boxes) -> Boxes:
    """(N,) bool: the crops that cut no face, or where there is none, those that lose least of them."""
    if (cut == 0).any():
        return np.asarray(cut == 0)
    return np.asarray(lost <= lost.min() + 1e-9)


def _faces_in_words(box: Box, faces: Sequence[Box], cut: int, *, moved_for_them: bool) -> str:
    if cut:
        return "no place for it leaves every face whole: this one cuts least of them"
    what = "the face" if len(faces) == 1 else "every face"
    return f"moved to keep {what} whole" if moved_for_them else "cuts no face"


def _shares(boxes: Boxes, size: Size) -> Boxes:
    return np.asarray(boxes / [*size, *size], dtype=float)


def _box(row: Boxes) -> Box:
    left, top, right, bottom = (int(value) for value in row)
    return left, top, right, bottom
