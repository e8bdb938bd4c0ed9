"""Which of many crops of one photo frames it best, from one look of the embedded model at the whole photo.

The model's score does not know: on pairs of crops of one size that five people voted on, it was right in .51 to .53.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Boxes = npt.NDArray[np.float64]
"""(N, 4) left, top, right, bottom, each as a share of the photo's width or height, 0 to 1."""

# Width of the strip along a crop's border, as a share of the crop's side.
_STRIP = 0.15


class Framing:
    """What a photo holds and where, ready to judge any number of crops of it.

    Args:
        features: (C, rows, columns) of the embedded model for the whole photo, squashed.
    """

    def __init__(self, features: npt.NDArray[np.float32]) -> None:
        energy = np.square(features, dtype=np.float64).mean(axis=0)  # (rows, columns)
        self._integral = _Integral(energy / max(float(energy.mean()), 1e-12))

    def quality(self, boxes: Boxes) -> Floats:
        """(N,) how well each crop frames the photo; higher is better, comparable between crops of one size only.

        What the model sees inside the crop, less what is cut by its border: the mean square of the features over
        channels, averaged over the inside and over a strip along the border.
        """
        inside = _shrunk(boxes, _STRIP)
        whole_sum, inside_sum = self._integral.sums(boxes), self._integral.sums(inside)
        whole_area, inside_area = _areas(boxes), _areas(inside)
        strip = (whole_sum - inside_sum) / np.maximum(whole_area - inside_area, 1e-12)
        return whole_sum / np.maximum(whole_area, 1e-12) + (inside_sum / np.maximum(inside_area, 1e-12) - strip)


class _Integral:
    """Sums over any rectangle of a map whose cells are of one value each, at once for many rectangles."""

    def __init__(self, cells: Floats) -> None:
        rows, columns = cells.shape
        sums = np.zeros((rows + 1, columns + 1))
        sums[1:, 1:] = cells.cumsum(axis=0).cumsum(axis=1) / (rows * columns)
        self._sums = sums

    def sums(self, boxes: Boxes) -> Floats:
        """(N,) sums over the boxes; over the whole photo it is the mean of the cells."""
        left, top, right, bottom = boxes.T
        return self._at(bottom, right) - self._at(top, right) - self._at(bottom, left) + self._at(top, left)

    def _at(self, y: Floats, x: Floats) -> Floats:
        """Sum over all that lies above and to the left; between the corners of cells it is bilinear."""
        rows, columns = (length - 1 for length in self._sums.shape)
        row, column = np.clip(y, 0, 1) * rows, np.clip(x, 0, 1) * columns
        upper, lefter = np.minimum(row.astype(int), rows - 1), np.minimum(column.astype(int), columns - 1)
        down, along = row - upper, column - lefter
        above = self._sums[upper, lefter] * (1 - along) + self._sums[upper, lefter + 1] * along
        below = self._sums[upper + 1, lefter] * (1 - along) + self._sums[upper + 1, lefter + 1] * along
        return np.asarray(above * (1 - down) + below * down)


def _shrunk(boxes: Boxes, share: float) -> Boxes:
    """The boxes without a strip along each side, a share of the box's own sides."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return boxes + share * np.stack([width, height, -width, -height], axis=1)


def _areas(boxes: Boxes) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
