"""Which of many crops of one photo frames it best, from one look of the embedded model at the whole photo.

The model's score does not know: on pairs of crops of one size that five people voted on, it was right in .51 to .53.
The ranker here sums three opinions, each put on the same scale for each photo:

- content, learned: whether what the crop shows is what photographers put in the middle of their frames;
- contrast, learned: how what is in the middle of the crop differs from what lies along its sides, top and bottom;
- energy, not learned: how much the model sees inside the crop (mean square of its features over channels), and how
  much more of it than along the border.

`popscore/training/crops` makes the file with the learned weights; `tests/benchmarks/crops.py` measures the ranker.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Boxes = npt.NDArray[np.float64]
"""(N, 4) left, top, right, bottom, each as a share of the photo's width or height, 0 to 1."""

WEIGHTS_FILE = "models/framing.npz"
LAYERS = (0, 640, 848, 1200, 2224, 2480)
"""Where the five layers of the embedded model's features begin, and where the last one ends."""
CLIP = 6.0
"""Standard deviations from the mean at which a feature is cut off."""
REGIONS = ("all", "core", "middle", "sides", "top", "bottom")
"""Parts of a crop that are looked at, see `region_means`."""

# Width of the strip along a crop's border, and the inset of its middle, as shares of the crop's side.
_STRIP, _MIDDLE = 0.15, 0.3
# Sides of the crops that are tried to learn how the photo is best framed, as shares of the photo's: the least and
# nearly the largest of those that the weights were learned on. Nothing was chosen between them.
_SIDES = (0.6, 0.8)
# Of the crops over which opinions are put on one scale, likewise.
_SCALE_SIDE = 0.7
_STEPS = 13
# Least deviations of the opinions that are put on one scale, a quarter of the usual ones (.53, .64 and .16 in the mean
# of real photos): where all places look the same, what little they differ is not blown up.
_LEAST_SCALES = (0.13, 0.16, 0.04)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What was learned from photographers' frames.

    Attributes:
        mean, deviation: (C,) of each feature.
        content: (C,) for all of the crop.
        contrast: (4, C) for core, sides, top and bottom, each less all of the crop.
        energies: (2, 6, 6) of content and contrast: for each region the energy of each layer, and of all.
        model_sha256: of the embedded model whose features these are.
    """

    mean: Floats
    deviation: Floats
    content: Floats
    contrast: Floats
    energies: Floats
    model_sha256: str


@cache
def weights() -> Weights:
    """The weights that popscore ships."""
    content = files("popscore.insight").joinpath(WEIGHTS_FILE).read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        arrays = {name: np.asarray(found[name], dtype=np.float64) for name in Weights.__slots__[:-1]}
        return Weights(**arrays, model_sha256=str(found["model_sha256"]))


class Framing:
    """What a photo holds and where, ready to judge any number of crops of it.

    Args:
        features: (C, rows, columns) of the embedded model for the whole photo, squashed.
    """

    def __init__(self, features: npt.NDArray[np.float32]) -> None:
        known = weights()
        channels, rows, columns = features.shape
        flat = features.reshape(channels, rows * columns).astype(np.float64)
        seen = np.clip((flat - known.mean[:, None]) / known.deviation[:, None], -CLIP, CLIP)
        strength = layer_energies(features)  # (6, rows, columns)
        learned = np.einsum("mre,eij->mrij", known.energies, strength)  # (2, 6, rows, columns)
        learned[0, 0] += (known.content @ seen).reshape(rows, columns)
        contrast = (known.contrast @ seen).reshape(4, rows, columns)
        learned[1, [1, 3, 4, 5]] += contrast
        learned[1, 0] -= contrast.sum(axis=0)
        self._learned = Integral(learned)
        self._energy = Integral(strength[-1:])
        self._scales = np.ones(3)
        self._scales = np.maximum(self._opinions(_grid(_SCALE_SIDE)).std(axis=0), _LEAST_SCALES)
        # Crops at all places, and how likely each is the best of its size: the learned opinions are log odds.
        self._tried = [_grid(side) for side in _SIDES]
        self._likely = [_softmax(self.quality(boxes)) for boxes in self._tried]

    def quality(self, boxes: Boxes) -> Floats:
        """(N,) how well each crop frames the photo; higher is better, comparable between crops of one size only."""
        return np.asarray((self._opinions(boxes) / self._scales).sum(axis=1))

    def expected_overlap(self, boxes: Boxes, *, whole: bool = False) -> Floats:
        """(N,) the overlap to expect between each crop, of any shape, and the best frame of the photo, 0 to 1.

        Where nothing speaks for one place, this is highest in the middle.

        Args:
            boxes: the crops.
            whole: the whole photo, too, may be its best frame.
        """
        overlaps = [overlap(boxes, tried) @ likely for tried, likely in zip(self._tried, self._likely, strict=True)]
        overlaps += [areas(boxes)] if whole else []
        return np.asarray(np.mean(overlaps, axis=0))

    def _opinions(self, boxes: Boxes) -> Floats:
        """(N, 3) content, contrast, energy."""
        means = region_means(self._learned, boxes)  # of each region (N, 2, 6)
        found = [means[name][:, :, index] for index, name in enumerate(REGIONS)]
        energy = {name: values[:, 0] for name, values in region_means(self._energy, boxes).items()}
        share = (1 - 2 * _STRIP) ** 2
        border = (energy["all"] - share * energy["core"]) / (1 - share)
        learned = np.sum(found, axis=0)  # (N, 2)
        return np.column_stack([learned, energy["all"] + energy["core"] - border])


def layer_energies(features: npt.NDArray[np.floating]) -> Floats:
    """(6, rows, columns) mean square over the channels of each layer and of all, each with a mean of 1."""
    squares = np.square(features, dtype=np.float64)
    layers = [squares[start:end].mean(axis=0) for start, end in pairwise(LAYERS)]
    found = np.stack([*layers, squares.mean(axis=0)])
    return np.asarray(found / np.maximum(found.mean(axis=(1, 2), keepdims=True), 1e-12))


def region_means(integral: "Integral", boxes: Boxes) -> Mapping[str, Floats]:
    """Means over the parts of each box, by the names of `REGIONS`."""
    left, right = _inner(boxes, 0, 0, _STRIP, 1), _inner(boxes, 1 - _STRIP, 0, 1, 1)
    return {
        "all": integral.means(boxes),
        "core": integral.means(_inner(boxes, _STRIP, _STRIP, 1 - _STRIP, 1 - _STRIP)),
        "middle": integral.means(_inner(boxes, _MIDDLE, _MIDDLE, 1 - _MIDDLE, 1 - _MIDDLE)),
        "sides": (integral.means(left) + integral.means(right)) / 2,
        "top": integral.means(_inner(boxes, 0, 0, 1, _STRIP)),
        "bottom": integral.means(_inner(boxes, 0, 1 - _STRIP, 1, 1)),
    }


def overlap(boxes: Boxes, others: Boxes) -> Floats:
    """(N, M) intersection over union of each box with each other one."""
    one, other = boxes[:, None], others[None]
    width = np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0])
    height = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1])
    both = width.clip(0) * height.clip(0)
    return np.asarray(both / (areas(boxes)[:, None] + areas(others) - both))


def areas(boxes: Boxes) -> Floats:
    """(N,) as shares of the photo."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


class Integral:
    """Means over any rectangle of maps whose cells are of one value each, at once for many rectangles.

    Args:
        cells: (..., rows, columns).
    """

    def __init__(self, cells: Floats) -> None:
        *kinds, rows, columns = cells.shape
        self._sums = np.zeros((rows + 1, columns + 1, *kinds))
        sums = cells.cumsum(axis=-2).cumsum(axis=-1) / (rows * columns)
        self._sums[1:, 1:] = np.moveaxis(sums, (-2, -1), (0, 1))

    def means(self, boxes: Boxes) -> Floats:
        """(N, ...) the mean over each box."""
        left, top, right, bottom = boxes.T
        sums = self._at(bottom, right) - self._at(top, right) - self._at(bottom, left) + self._at(top, left)
        size = np.maximum(areas(boxes), 1e-12).reshape(-1, *[1] * (sums.ndim - 1))
        return np.asarray(sums / size)

    def _at(self, y: Floats, x: Floats) -> Floats:
        """Sums over all that lies above and to the left; between the corners of cells they are bilinear."""
        rows, columns = (length - 1 for length in self._sums.shape[:2])
        row, column = np.clip(y, 0, 1) * rows, np.clip(x, 0, 1) * columns
        upper, lefter = np.minimum(row.astype(int), rows - 1), np.minimum(column.astype(int), columns - 1)
        tail = [1] * (self._sums.ndim - 2)
        down, along = (row - upper).reshape(-1, *tail), (column - lefter).reshape(-1, *tail)
        above = self._sums[upper, lefter] * (1 - along) + self._sums[upper, lefter + 1] * along
        below = self._sums[upper + 1, lefter] * (1 - along) + self._sums[upper + 1, lefter + 1] * along
        return np.asarray(above * (1 - down) + below * down)


def _inner(boxes: Boxes, left: float, top: float, right: float, bottom: float) -> Boxes:
    """The part of each box between these shares of its sides."""
    corner, size = boxes[:, [0, 1, 0, 1]], (boxes[:, 2:] - boxes[:, :2])[:, [0, 1, 0, 1]]
    return np.asarray(corner + size * [left, top, right, bottom])


def _grid(side: float) -> Boxes:
    """Crops of the photo's shape and this share of its sides, at places all over it."""
    start = np.linspace(0, 1 - side, _STEPS)
    left, top = (values.ravel() for values in np.meshgrid(start, start))
    return np.stack([left, top, left + side, top + side], axis=1)


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())
