"""How well a post did among the posts of its time: its local popularity score.

Source: Ji, Park, Rao & Chen 2023 (ACM MM), who take the posts of the same user less than a month apart. Their random
split lets a post's neighbours in time, and what is retrieved, lie in its future; popscore gives whoever asks at a time
only the posts before it, see `MemoryBank.at`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MONTH_DAYS = 30
"""X of the paper is one month."""
DAY_MS = 86_400_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Of a rating, in powers of two. One post that went around the world is eight times the usual, not a thousand.
_MOST = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalScores:
    """Of M posts, in the order given.

    Attributes:
        scores: (M,) likes over the mean likes of the other posts within a month; 1 where there are none, NaN where the
            likes are not known.
        ratings: (M,) what is learnt from: log2 of likes over the median of the same posts, counted from one like more
            so that none is a number too, and cut at 3 up and down. The median, because one post with a hundred times
            the likes would make all others of its month failures. NaN where `scores` is.
        others: (M,) how many other posts each was compared with.
    """

    scores: Floats
    ratings: Floats
    others: Ints


def local_scores(times_ms: Ints, likes: Ints) -> LocalScores:
    """Local popularity scores of one person's posts.

    Args:
        times_ms: (M,) milliseconds since 1970, in any order.
        likes: (M,) counts; below 0 where they are not known.
    """
    scores, ratings = np.full(len(likes), np.nan), np.full(len(likes), np.nan)
    others = np.zeros(len(likes), np.int64)
    known = np.flatnonzero(likes >= 0)
    order = known[np.argsort(times_ms[known], kind="stable")]
    times, counts = times_ms[order], likes[order].astype(np.float64)
    # |t - t_r| < X, without the post itself
    first = np.searchsorted(times, times - MONTH_DAYS * DAY_MS, side="right")
    last = np.searchsorted(times, times + MONTH_DAYS * DAY_MS, side="left")
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    number = last - first - 1
    mean = (sums[last] - sums[first] - counts) / np.maximum(number, 1)
    # Where all others have no like, the ratio is counted from one like more; so none among nones is 1.
    nothing = mean <= 0
    ratio = (counts + nothing) / np.where(nothing, 1.0, mean)
    scores[order] = np.where(number > 0, ratio, 1.0)
    logs = np.log2(counts + 1)
    usual = _medians(logs, first, last)
    ratings[order] = np.clip(np.where(number > 0, logs - usual, 0.0), -_MOST, _MOST)
    others[order] = number
    return LocalScores(scores=scores, ratings=ratings, others=others)


def _medians(values: Floats, first: Ints, last: Ints) -> Floats:
    """Median of each window of values without the one that it belongs to; both ends of the windows only grow."""
    found = np.zeros(len(values))
    window: list[float] = []
    start = end = 0
    for place, (left, right) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        while end < right:
            insort(window, float(values[end]))
            end += 1
        while start < left:
            del window[bisect_left(window, float(values[start]))]
            start += 1
        at = bisect_left(window, float(values[place]))
        count = len(window) - 1
        if count:
            low, high = (window[k + (k >= at)] for k in ((count - 1) // 2, count // 2))
            found[place] = (low + high) / 2
    return found
