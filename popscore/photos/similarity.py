"""Near-duplicates: what a picture looks like in 176 bytes, and which pictures show the same moment.

Two pictures are compared as in a tangent distance: how much of the one is explained by the other one, moved,
stretched, zoomed and turned a little. Source: Simard, LeCun & Denker 1992, "Efficient pattern recognition using
a new transformation distance". What is compared are the differences between neighbouring cells, because a
bright sky over a dark ground makes all landscapes look alike.

Measured on 598 photos by tests/benchmarks/near_duplicates.py, which prints the recall for every kind of change.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE = 12  # cells of brightness along a side
_COLOR_SIDE = 4  # cells of each of the two colour differences along a side
_BRIGHTNESS = _SIDE * _SIDE
_FEATURES = 2 * (_SIDE - 2) * (_SIDE - 3)
SIGNATURE_BYTES = _BRIGHTNESS + 2 * _COLOR_SIDE * _COLOR_SIDE

# Smoothing, in cells, lets the linear model of a movement hold for about one cell, 8 % of the picture.
_BLUR = 0.9
# Similarity from which two pictures are near-duplicates. Of the 178,503 pairs among 598 photos, all of different
# things but for one pair, the highest reach .881, .881, .874 and .857, and the one pair .989.
_SIMILAR = 0.92
# Photos taken within seconds of each other may differ more, and after an hour only a copy is the same picture.
BURST_S, _BURST_SIMILAR = 10.0, 0.85
_APART_S, _APART_SIMILAR = 3600.0, 0.96
# Mean differences up to these are changes of exposure and white balance; a step of 1 EV is about 40.
_MAX_BRIGHTNESS_STEP = 45.0
_MAX_COLOR_STEP = 10.0
# Below this mean difference of neighbouring cells, of 255, a picture is flat: it has nothing to compare but its
# colour, which must then agree to this many steps.
_FLAT = 1.0
_FLAT_STEP = 2.0
# Photos compared with others at one time, others at one time, and pairs looked at closely at one time; each takes
# a few megabytes.
_ROWS, _COLUMNS, _PAIRS = 128, 1024, 256

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]
Truths = npt.NDArray[np.bool_]


def signature(pixels: Image.Image) -> bytes:
    """What a picture looks like, in `SIGNATURE_BYTES` bytes.

    Args:
        pixels: upright, mode RGB, any size.
    """
    small = pixels.resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=4).convert("YCbCr")
    brightness, *colors = small.split()
    cells = (color.resize((_COLOR_SIDE, _COLOR_SIDE), Image.Resampling.BOX).tobytes() for color in colors)
    return b"".join([brightness.tobytes(), *cells])


def groups(signatures: Sequence[bytes], taken_s: Sequence[float | None], *, burst_s: float = BURST_S) -> list[int]:
    """Put near-duplicates into groups.

    The first photo founds a group; each other one joins the first founder that it resembles, or founds a
    group itself. So all members resemble their founder, and a group does not drift along a chain.

    Args:
        signatures: of the photos, best first, see `signature`.
        taken_s: when each was taken, in seconds; None where that is not known.
        burst_s: photos taken within so many seconds of each other may differ more, and still be of one moment.

    Returns:
        The founder of each photo's group, as an index; of a founder, its own.

    Raises:
        ValueError: the lengths differ, or a signature is not one of this kind.
    """
    _check(signatures, taken_s)
    founders = np.arange(len(signatures))
    if len(founders) < 2:
        return founders.tolist()
    look = _Look(signatures, taken_s, burst_s)
    left = np.arange(len(founders))  # photos that may still found a group, in order
    while len(left):
        rows, left = left[:_ROWS], left[_ROWS:]
        # First among themselves: of 128 photos of one burst, only one is then compared with all the others.
        for others in (rows, left):
            rows = rows[founders[rows] == rows]
            for start in range(0, len(others), _COLUMNS):
                for first, second in look.similar_pairs(rows, others[start : start + _COLUMNS]):
                    if founders[first] == first and founders[second] == second:
                        founders[second] = first
        left = left[founders[left] == left]
    return founders.tolist()


def groups_of_each(signatures: Sequence[bytes], owners: Sequence[int]) -> list[int]:
    """As `groups`, for many small sets of photos at once; only photos of one owner are compared.

    For sets of 8 photos this takes a tenth of the time of one call of `groups` for each of them.

    Args:
        signatures: of the photos, of whose times nothing is known; those of each owner best first.
        owners: of the photos, ascending.

    Returns:
        As `groups`.

    Raises:
        ValueError: as `groups`, or the owners do not ascend.
    """
    owner = np.asarray(owners, np.int64)
    if len(owner) != len(signatures) or (np.diff(owner) < 0).any():
        raise ValueError("owners must be as many as signatures, and ascend")
    _check(signatures, [None] * len(signatures))
    founders = np.arange(len(signatures))
    if len(founders) < 2:
        return founders.tolist()
    look = _Look(signatures, [None] * len(signatures), BURST_S)
    ends = np.searchsorted(owner, owner, side="right")
    for start in range(0, len(owner), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(owner)))
        counts = ends[rows] - rows - 1
        first = np.repeat(rows, counts)
        second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        for one, other in look.similar_ones(first, second):
            if founders[one] == one and founders[other] == other:
                founders[other] = one
    return founders.tolist()


def resembling(signatures: Sequence[bytes], taken_s: Sequence[float | None], known: int) -> list[bool]:
    """Which photos are near-duplicates of one of the first `known`; these are not in the answer.

    Args:
        signatures, taken_s: as of `groups`.
        known: how many photos the others are compared with.

    Raises:
        ValueError: as `groups`.
    """
    _check(signatures, taken_s)
    found = np.zeros(len(signatures), np.bool_)
    others = np.arange(known, len(signatures))
    if known and len(others):
        look = _Look(signatures, taken_s, BURST_S)
        for row in range(0, known, _ROWS):
            rows = np.arange(row, min(known, row + _ROWS))
            for start in range(0, len(others), _COLUMNS):
                columns = others[start : start + _COLUMNS]
                columns = columns[~found[columns]]
                found[[second for _, second in look.similar_pairs(rows, columns)]] = True
    return [bool(alike) for alike in found[known:]]


def apart(signatures: Sequence[bytes]) -> list[int]:
    """Put photos into families, so that no photo of one family is a near-duplicate of any of another.

    Unlike in `groups`, likeness goes on along a chain: a set that is split by families separates no near-duplicates.

    Args:
        signatures: of the photos, of whose times nothing is known.

    Returns:
        The first photo of each photo's family, as an index.

    Raises:
        ValueError: a signature is not one of this kind.
    """
    _check(signatures, [None] * len(signatures))
    first = np.arange(len(signatures))
    if len(first) < 2:
        return first.tolist()
    look, every = _Look(signatures, [None] * len(signatures), BURST_S), np.arange(len(signatures))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]  # makes the way shorter for the next one
            index = int(first[index])
        return index

    for row in range(0, len(every), _ROWS):
        for column in range(row, len(every), _COLUMNS):
            for one, other in look.similar_pairs(every[row : row + _ROWS], every[column : column + _COLUMNS]):
                a, b = sorted((root(one), root(other)))
                first[b] = a
    return [root(index) for index in every.tolist()]


def _check(signatures: Sequence[bytes], taken_s: Sequence[float | None]) -> None:
    if len(signatures) != len(taken_s) or any(len(item) != SIGNATURE_BYTES for item in signatures):
        raise ValueError(f"{len(taken_s)} times for {len(signatures)} signatures, each of {SIGNATURE_BYTES} bytes")


class _Look:
    """The pictures as arrays, and the table of their similarities, row by row."""

    def __init__(self, signatures: Sequence[bytes], taken_s: Sequence[float | None], burst_s: float) -> None:
        self._burst_s = burst_s
        cells = np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, SIGNATURE_BYTES)
        self._brightness = cells[:, :_BRIGHTNESS].reshape(-1, _SIDE, _SIDE)
        self._colors = cells[:, _BRIGHTNESS:]
        self._taken_s = np.array([np.nan if time_s is None else time_s for time_s in taken_s])
        self._mean = self._brightness.mean(axis=(1, 2))
        self._unit = np.empty((len(cells), _FEATURES), np.float32)  # (N, F)
        self._flat = np.empty(len(cells), np.bool_)
        for start in range(0, len(cells), _COLUMNS):
            part = slice(start, start + _COLUMNS)
            features = _features(_smooth(self._brightness[part]))
            norms = np.linalg.norm(features, axis=1, keepdims=True)
            self._flat[part] = norms[:, 0] < _FLAT * np.sqrt(_FEATURES)
            self._unit[part] = features / np.maximum(norms, 1e-6)

    def similar_pairs(self, rows: Indices, columns: Indices) -> Iterator[tuple[int, int]]:
        """Near-duplicates (a, b) with a among `rows`, b among `columns` and a < b; a, then b ascending."""
        basis = self._basis(rows)  # (R, 6, F)
        explained = basis.reshape(-1, _FEATURES) @ self._unit[columns].T  # (R * 6, C)
        explained = np.sqrt(np.square(explained, out=explained).reshape(len(rows), 6, -1).sum(axis=1))
        row, column = np.nonzero(explained >= _one_way(_BURST_SIMILAR))
        first, second = rows[row], columns[column]
        needed = self._needed(first, second)
        maybe = (explained[row, column] >= _one_way(needed)) & (second > first) & self._may_match(first, second)
        first, second, needed = first[maybe], second[maybe], needed[maybe]
        found = [self._flat_pairs(rows, columns)]
        for start in range(0, len(first), _PAIRS):
            part = slice(start, start + _PAIRS)
            one, other = first[part], second[part]
            similar = (self._explained(one, other) + self._explained(other, one)) / 2 >= needed[part]
            found.append((one[similar], other[similar]))
        first, second = (np.concatenate(indices) for indices in zip(*found, strict=True))
        order = np.lexsort((second, first))
        yield from zip(first[order].tolist(), second[order].tolist(), strict=True)

    def similar_ones(self, first: Indices, second: Indices) -> Iterator[tuple[int, int]]:
        """Which of some pairs are near-duplicates, in the order given; those of one picture follow each other."""
        maybe = self._may_match(first, second)
        similar = self._flat[first] & self._flat[second] & self._same_color(first, second)
        close = np.nonzero(maybe)[0]
        for start in range(0, len(close), _PAIRS):
            part = close[start : start + _PAIRS]
            places, inverse = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
            basis = self._basis(places)  # (P, 6, F)
            one, other = inverse[: len(part)], inverse[len(part) :]
            forth = self._explained(first[part], second[part], basis[one])
            back = self._explained(second[part], first[part], basis[other])
            similar[part] = (forth + back) / 2 >= self._needed(first[part], second[part])
        found = np.nonzero(similar)[0]
        yield from zip(first[found].tolist(), second[found].tolist(), strict=True)

    def _needed(self, first: Indices, second: Indices) -> Floats:
        """The similarity that makes each pair near-duplicates, by the time between them."""
        apart_s = np.abs(self._taken_s[first] - self._taken_s[second])  # NaN if not known: no comparison is true
        needed = np.where(apart_s >= _APART_S, _APART_SIMILAR, _SIMILAR)
        return np.where(apart_s <= self._burst_s, _BURST_SIMILAR, needed)

    def _may_match(self, first: Indices, second: Indices) -> Truths:
        """Whether brightness and colours are near enough, and there is something to compare."""
        step = np.abs(self._mean[first] - self._mean[second])
        colors = self._colors[first].astype(np.float32) - self._colors[second]
        alike = (step <= _MAX_BRIGHTNESS_STEP) & (np.sqrt(np.square(colors).mean(axis=1)) <= _MAX_COLOR_STEP)
        return np.asarray(alike & ~self._flat[first] & ~self._flat[second])

    def _explained(self, first: Indices, second: Indices, basis: Floats | None = None) -> Floats:
        """How much of the second picture is the first one, moved a little: 0 to 1.

        Args:
            first, second: (P,) the pictures.
            basis: (P, 6, F) of the first ones, if it is there already.
        """
        unit = self._unit[second]
        parts = np.einsum("pkf,pf->pk", self._basis(first) if basis is None else basis, unit)
        explained = np.sqrt(np.square(parts).sum(axis=1))
        # A picture that is all movement, or a negative, is no likeness.
        return np.where((self._unit[first] * unit).sum(axis=1) > 0.1, explained, 0).astype(np.float32)

    def _basis(self, rows: Indices) -> Floats:
        """Orthonormal basis of each picture and its small changes: (R, 6, F)."""
        picture = _smooth(self._brightness[rows])
        down, right = (np.gradient(picture, axis=axis) for axis in (1, 2))
        across = np.arange(_SIDE, dtype=np.float32) - (_SIDE - 1) / 2
        x, y = across[np.newaxis, np.newaxis, :], across[np.newaxis, :, np.newaxis]
        # The picture; moved right and down; stretched in width and height; turned.
        changes: tuple[Floats, ...] = (picture, right, down, x * right, y * down, x * down - y * right)
        vectors = np.stack([_features(change) for change in changes], axis=1)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=2, keepdims=True), 1e-6)
        products = vectors @ vectors.transpose(0, 2, 1) + 1e-4 * np.eye(6, dtype=np.float32)
        return np.asarray(np.linalg.inv(np.linalg.cholesky(products)) @ vectors, dtype=np.float32)

    def _flat_pairs(self, rows: Indices, columns: Indices) -> tuple[Indices, Indices]:
        """Pictures of one colour that have the same colour."""
        flat = columns[self._flat[columns]]
        found = [np.empty((2, 0), np.intp)]
        for row in rows[self._flat[rows]]:
            others = flat[flat > row]
            same = self._same_color(np.full(len(others), row), others)
            found.append(np.stack([np.full(int(same.sum()), row), others[same]]))
        first, second = np.concatenate(found, axis=1)
        return first, second

    def _same_color(self, first: Indices, second: Indices) -> Truths:
        """Whether pictures that are flat are the same."""
        steps = np.abs(self._colors[first].astype(np.float32) - self._colors[second]).max(axis=1, initial=0)
        return np.asarray((steps <= _FLAT_STEP) & (np.abs(self._mean[first] - self._mean[second]) <= _FLAT_STEP))


def _one_way(similarity: Floats | float) -> Floats | float:
    """The least that one of two pictures explains of the other, if the mean of both ways is this similarity."""
    return 2 * similarity - 1


def _smooth(brightness: npt.NDArray[np.uint8]) -> Floats:
    return np.asarray(_SMOOTHING @ brightness.astype(np.float32) @ _SMOOTHING.T, dtype=np.float32)


def _smoothing() -> Floats:
    """(side, side) matrix that blurs along one side; beyond the edge the last cell goes on."""
    reach = np.arange(-_SIDE, _SIDE + 1)
    weights = np.exp(-0.5 * np.square(reach / _BLUR))
    matrix = np.zeros((_SIDE, _SIDE), np.float32)
    for cell in range(_SIDE):
        np.add.at(matrix[cell], np.clip(cell + reach, 0, _SIDE - 1), weights / weights.sum())
    return matrix


_SMOOTHING = _smoothing()


def _features(pictures: Floats) -> Floats:
    """Differences of neighbouring cells, without the outermost ones, which a crop replaces: (N, F)."""
    down = np.diff(pictures, axis=1)[:, 1:-1, 1:-1]
    right = np.diff(pictures, axis=2)[:, 1:-1, 1:-1]
    shape = (len(pictures), _FEATURES // 2)
    return np.concatenate([down.reshape(shape), right.reshape(shape)], axis=1)
