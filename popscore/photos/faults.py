"""Pictures that are no photo worth scoring: left in the lens cap, blank, or a page of text.

A wrong accusation is worse than a miss: every rule asks for several things at once.

None of 894 real photos was accused, at full or at .15 of their brightness; 184 of 210 drawn pages, chats, tables, code,
slides and scans (reduced to .25 to 1, PNG or JPEG from 50 to 95) and 12 of 17 screenshots and charts were.
The nearest photos: brightest cell 115 (limit 24), range of the cells 23 (16); one, lights of a town, passes for text
in all but how well its lines align.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.results import Fault

# Pixels that are looked at. Text of a screenshot of 3 megapixels can still be told at half its size; what is blank
# shows in less, and the reduction takes the noise of the sensor away.
_PIXELS, _SMALL_PIXELS = 1_300_000, 65_536
# Side of a cell in pixels of the small picture: 64 of them hide what noise is left.
_CELL = 8

# Brightness of the strongest colour, 0 to 255. A photo at a tenth of its brightness has cells of 25 or more, or
# cells that differ by more than 6: something can be made out.
_BLACK, _BLACK_RANGE = 24, 6
# A star or a lit window is brighter than 48 in the small picture, noise is not. Three such pixels may be hot ones.
_GLIMMER, _SPECKS = 48, 3

# A lens darkens the corners by some steps, evenly: what a curve of second degree does not explain is a thing.
# JPEG at a quality of 50 makes blocks of colour of noise, and such a frame may be missed.
_RANGE, _UNEVEN = 16.0, 2.5
# Difference of a pixel to its cell: more than 5 in the middle is a texture; 12, and six times the middle, a bird.
_GRAIN, _DETAIL, _DETAIL_GRAINS = 5.0, 12.0, 6.0

# Upright strips that are searched for lines of text, and their greatest width: some words of small print.
_STRIPS, _STRIP = 8, 64
# Narrower strips hold no two letters, and lower ones no two lines.
_LEAST_STRIP, _LEAST_HEIGHT = 8, 32
# Three brightnesses, each with its neighbours by 2 (JPEG), cover most of a page, .73 or more of 95 % of them, and
# rarely so much of a photo; a scan is less even.
_COLORS, _NEAR, _COLORS_SHARE = 3, 2, 0.55
# Steps between neighbouring pixels: from 40 on an edge. From 3 to 23 they are the stuff of photos, .44 of all steps
# in the median; on a page they are the noise of JPEG around the letters, .18 at most of 95 % of the pages.
_EDGE, _SOFT, _SOFT_BELOW, _SOFT_SHARE = 40, 3, 24, 0.25
# Between two lines no step is above 10. A line is 3 rows high or more, and not a twelfth of the picture.
_CALM, _LINE_ROWS, _LINE_SHARE = 10, 3, 0.08
# Lines in the mean of all strips. A slide has 3 to 4.
_LINES = 2.0
# Edges in a row that has any: letters have two each. A wall of bricks has 4.
_LETTERS = 5.0
# Lines go on in the strip beside: correlation of the rows that have edges, second-best pair of neighbours. Branches,
# birds and the lights of a town reach .35.
_ALIGNED = 0.45

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Truths = npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """What is in the rows of the strips, each (strips, rows).

    Attributes:
        edges: how many edges.
        calm: whether no step is to be seen.
    """

    edges: Bytes
    calm: Truths


def fault(pixels: Image.Image) -> Fault | None:
    """What is wrong with a picture, None if it may be a photo.

    - "almost_black": nearly black throughout, and nothing can be made out.
    - "one_color": blank, but for noise and slightly darker corners. So is a picture of one pixel.
    - "not_a_photo": lines of text on a plain ground, as in a screenshot or a document.

    Args:
        pixels: upright, mode RGB, any size.
    """
    picture = _reduced(pixels, _PIXELS)
    small = _reduced(picture, _SMALL_PIXELS)
    cells = np.asarray(small.reduce(_CELL)).astype(np.float32)
    if _is_black(small, cells):
        return "almost_black"
    if _is_one_color(small, cells):
        return "one_color"
    return "not_a_photo" if _is_text(picture) else None


def _reduced(picture: Image.Image, most: int) -> Image.Image:
    factor = math.ceil(math.sqrt(picture.width * picture.height / most))
    return picture.reduce(factor) if factor > 1 else picture


def _is_black(small: Image.Image, cells: Floats) -> bool:
    light = cells.max(axis=2)
    if light.max() > _BLACK or np.ptp(light) > _BLACK_RANGE:
        return False
    return bool(np.count_nonzero(np.asarray(small).max(axis=2) > _GLIMMER) <= _SPECKS)


def _is_one_color(small: Image.Image, cells: Floats) -> bool:
    if np.ptp(cells, axis=(0, 1)).max() > _RANGE or _uneven(cells) > _UNEVEN:
        return False
    around = cells.astype(np.int16).repeat(_CELL, axis=0).repeat(_CELL, axis=1)[: small.height, : small.width]
    off = np.abs(np.asarray(small) - around).max(axis=2)
    grain = float(np.median(off))
    details = int(np.count_nonzero(off > max(_DETAIL, _DETAIL_GRAINS * grain)))
    return grain <= _GRAIN and details <= _SPECKS


def _uneven(cells: Floats) -> float:
    """The greatest difference of a cell to the curve of second degree that fits all cells best."""
    y, x = np.indices(cells.shape[:2]).reshape(2, -1) / max(cells.shape[:2])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    flat = cells.reshape(-1, 3)
    return float(np.abs(flat - terms @ np.linalg.lstsq(terms, flat, rcond=None)[0]).max())


def _is_text(picture: Image.Image) -> bool:
    width = min(_STRIP, picture.width // _STRIPS)
    if width < _LEAST_STRIP or picture.height < _LEAST_HEIGHT:
        return False
    lefts = [int((place + 0.5) * picture.width / _STRIPS - width / 2) for place in range(_STRIPS)]
    crops = (picture.crop((left, 0, left + width, picture.height)).convert("L") for left in lefts)
    # (strips, columns, rows): numpy is ten times as fast when it sums up along the columns of such an array.
    strips: Bytes = np.stack([np.asarray(crop.transpose(Image.Transpose.TRANSPOSE)) for crop in crops])
    if _share_of_colors(strips) < _COLORS_SHARE:
        return False
    after, before = strips[:, 1:], strips[:, :-1]
    steps = np.maximum(after, before) - np.minimum(after, before)
    if np.count_nonzero((steps >= _SOFT) & (steps < _SOFT_BELOW)) > _SOFT_SHARE * steps.size:
        return False
    edges: Bytes = (steps >= _EDGE).sum(axis=1, dtype=np.uint8)  # 63 at most
    return _has_lines(Rows(edges, steps.max(axis=1) <= _CALM))


def _share_of_colors(strips: Bytes) -> float:
    """Share of the pixels that have one of the most frequent brightnesses."""
    histogram = np.bincount(strips.ravel(), minlength=256)
    found = 0
    for _ in range(_COLORS):
        peak = int(np.convolve(histogram, np.ones(2 * _NEAR + 1), "same").argmax())
        around = slice(max(0, peak - _NEAR), peak + _NEAR + 1)
        found += int(histogram[around].sum())
        histogram[around] = 0
    return found / strips.size


def _has_lines(rows: Rows) -> bool:
    inked = rows.edges > 0
    if not inked.any() or rows.edges[inked].mean() < _LETTERS:
        return False
    lines = sum(_lines(*strip) for strip in zip(inked, rows.calm, strict=True))
    return lines >= _LINES * _STRIPS and _aligned(inked) >= _ALIGNED


def _lines(inked: Truths, calm: Truths) -> int:
    """How many groups of rows with edges are as high as a line; calm rows part them."""
    rows = np.flatnonzero(inked)
    if not rows.size:
        return 0
    calm_before = np.concatenate([[0], np.cumsum(calm)])
    ends = np.flatnonzero(calm_before[rows[1:]] > calm_before[rows[:-1] + 1])
    heights = rows[np.append(ends, rows.size - 1)] - rows[np.append(0, ends + 1)] + 1
    return int(np.count_nonzero((heights >= _LINE_ROWS) & (heights <= _LINE_SHARE * inked.size)))


def _aligned(inked: Truths) -> float:
    """How well the rows with edges agree in two neighbouring strips, the second-best pair, up to 1.

    Each row counts relative to the rows around it: a busy lower half is no line.
    """
    reach = max(16, inked.shape[1] // 16)
    ink = inked.astype(np.float32)
    sums = np.cumsum(np.pad(ink, ((0, 0), (reach + 1, reach)), "edge"), axis=1)
    relative = ink - (sums[:, 2 * reach + 1 :] - sums[:, : -2 * reach - 1]) / (2 * reach + 1)
    lengths = np.sqrt((relative**2).sum(axis=1)) + 1e-6  # nothing in a strip agrees with nothing
    agreement = (relative[1:] * relative[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
    return float(np.sort(agreement)[-2])
