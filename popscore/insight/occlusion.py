"""An occlusion map: how the score falls or rises when one cell of the picture is hidden. Works with any model.

Source: Zeiler & Fergus 2014, section 4.2, with a blurred copy in the place of the grey square: grey itself is a thing
that a model has an opinion on.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from popscore.cpus import usable_cpus
from popscore.errors import ScoringFailed
from popscore.scoring.scorer import Scorer

Grid = tuple[tuple[float, ...], ...]
"""Rows of numbers, from the top to the bottom and from left to right."""

SIDE = 7
"""Cells in a row and in a column: 49 masks."""
# What a slow model gets instead, as long as there is time.
_COARSE_SIDES = (2, 4)
# Of the time, before a map that should have been done by now is given up for a coarser one.
_MOST_OF = 0.8
# Standard deviation of the blur, of the shorter side: half a cell, so that nothing in one is told apart.
_BLUR = 1 / 14


class _Stopped(Exception):
    """The time is up, or nobody waits any more."""


def occlusion_grid(
    seen: Image.Image,
    score: float,
    scorer: Scorer,
    *,
    run_s: float,
    seconds: float,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Grid:
    """Hide each cell in turn and score what is left.

    Args:
        seen: the picture that the model looks at, see `preprocess.seen_pixels`.
        score: of that picture.
        scorer: gives the scores.
        run_s: what one run takes, about.
        seconds: time for all of it. A slow model's map has larger and fewer cells, 2 x 2 at least.
        on_progress: called with how many masks are done, of how many.
        cancelled: asked after each mask; once it answers True the work stops as if the time had run out.

    Returns:
        (rows, columns) of cells * (score - score without that cell).

    Raises:
        ScoringFailed: the model gave no usable score, or not even 2 x 2 cells are done in the time.
    """
    start_s = time.monotonic()
    workers = usable_cpus()
    blurred = blurred_copy(seen)

    def attempt(side: int, end_s: float) -> Grid | None:
        try:
            return _grid(seen, blurred, score, scorer, side, workers, end_s, on_progress, cancelled)
        except _Stopped:
            return None

    found: Grid | None = None
    if run_s * SIDE * SIDE / workers < seconds / 2:
        # Quick enough: coarse maps on the way would cost 20 masks more. One comes only if the machine slows down.
        found = attempt(SIDE, start_s + _MOST_OF * seconds) or attempt(_COARSE_SIDES[0], start_s + seconds)
    else:
        for side in (*_COARSE_SIDES, SIDE):
            begin_s = time.monotonic()
            if found and run_s * side * side / workers > start_s + seconds - begin_s:
                break
            finer = attempt(side, start_s + seconds)
            if finer is None:
                break
            found, run_s = finer, (time.monotonic() - begin_s) * workers / (side * side)
    if found is None:
        raise ScoringFailed(
            f"The model {scorer.model.spec.name} is too slow for a map: {seconds:g} seconds were not enough for "
            f"{_COARSE_SIDES[0] ** 2} runs. Allow more time, or use a model with a map of its own."
        )
    return found


def blurred_copy(seen: Image.Image) -> Image.Image:
    """What hidden cells show."""
    return seen.filter(ImageFilter.GaussianBlur(_BLUR * min(seen.size)))


def hidden(seen: Image.Image, blurred: Image.Image, side: int, row: int, column: int) -> Image.Image:
    """The picture with one of side x side cells hidden."""
    left, right = (round(seen.width * edge / side) for edge in (column, column + 1))
    top, bottom = (round(seen.height * edge / side) for edge in (row, row + 1))
    picture = seen.copy()
    picture.paste(blurred.crop((left, top, right, bottom)), (left, top))
    return picture


def _grid(
    seen: Image.Image,
    blurred: Image.Image,
    score: float,
    scorer: Scorer,
    side: int,
    workers: int,
    end_s: float,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Grid:
    cells = side * side
    stop = threading.Event()

    def without(cell: int) -> float:
        if stop.is_set() or time.monotonic() > end_s:
            raise _Stopped
        return scorer.predict(hidden(seen, blurred, side, *divmod(cell, side))).score

    def scores(found: Iterator[float]) -> Iterator[float]:
        for done, one in enumerate(found, start=1):
            if on_progress:
                on_progress(done, cells)
            if cancelled and cancelled():
                raise _Stopped
            yield one

    with ThreadPoolExecutor(workers, thread_name_prefix="popscore-hide") as pool:
        try:
            drops = score - np.array(list(scores(pool.map(without, range(cells)))))
        finally:
            stop.set()
    return rows_of(cells * drops.reshape(side, side))


def rows_of(values: npt.NDArray[np.float64]) -> Grid:
    """An array (rows, columns) as plain numbers."""
    return tuple(tuple(float(value) for value in row) for row in values)
