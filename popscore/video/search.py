"""Which frames `--fast` looks at: keyframes, then the middle of the gaps that promise most.

Work is counted in scored frames. Of a small video nearly all work is scoring, of a large one it is decoding; fast
ranking may do the same part of it in both.
"""

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np

from popscore.video.decoding.plan import Sizes

# Of the work of exact ranking. The start of the program is not in it, and costs as much as scoring 15 frames.
_SHARE = 0.13
# With less work than this the start of the program is most of what is left. So nothing is won by looking at fewer
# frames, nor by searching where exact ranking is less than twice as much work.
_LEAST = 20.0
# For keyframes; what is left goes where they promise most, in rounds that know the scores of those before.
_KEYFRAME_SHARE = 0.6
_ROUNDS = 3
_MIN_KEYFRAMES = 3
# Decoding takes 1.2 ms per megapixel and .11 ms per KB (H.264, VP9), scoring a frame 45 ms.
_DECODING_PER_MEGAPIXEL = 0.027
_DECODING_PER_KB = 0.0024


class Search:
    """The search for the best frame of a video without looking at all of them.

    Args:
        keyframes: indexes, ascending; decoding begins at one of them.
        grid: indexes that exact ranking would score, ascending.
        sizes: (N,) bytes of each frame of the video, by index.
        megapixels: of one frame.
        noise: how far two scores may differ by chance.
    """

    def __init__(
        self, keyframes: Sequence[int], grid: Sequence[int], sizes: Sizes, *, megapixels: float, noise: float
    ) -> None:
        self._keyframes = keyframes
        self._candidates = sorted({*keyframes, *grid})
        self._step = len(sizes) / max(1, len(grid))
        self._frame_count = len(sizes)
        each = _DECODING_PER_MEGAPIXEL * megapixels + _DECODING_PER_KB * sizes / 1000
        self._decoding = [0.0, *np.cumsum(each).tolist()]
        self._noise = noise
        self._looked_at: list[int] = []
        self._rounds = _ROUNDS
        self._left = 0.0
        if len(keyframes) >= _MIN_KEYFRAMES:
            exact = _Work(keyframes, self._decoding)
            for index in grid:
                exact.add(index)
            if exact.done >= 2 * _LEAST:
                self._left = max(_LEAST, _SHARE * exact.done)

    def keyframes(self) -> list[int]:
        """Keyframes to score first, evenly spread over the video.

        Returns:
            Indexes, ascending; none where exact ranking is as good, because the video is short, or its keyframes
            are too few to know it by.
        """
        if not self._left:
            return []
        alone = _Work(self._keyframes, self._decoding)
        dearness = statistics.mean(alone.of(index) for index in self._keyframes)
        most = max(_MIN_KEYFRAMES, int(_KEYFRAME_SHARE * self._left / dearness))
        places = [part * (self._frame_count - 1) / (most - 1) for part in range(most)]
        return self._spend_on({_nearest(self._keyframes, place) for place in places}, self._left)

    def next(self, scores: Iterable[tuple[int, float]]) -> list[int]:
        """The frames to score next: the middle of gaps between those that were looked at.

        Args:
            scores: index and score of each frame that was scored and may be shown.

        Returns:
            Indexes, ascending; none when the search is over.
        """
        known = dict(scores)
        if not known or not self._rounds:
            return []
        spend = self._left / self._rounds
        self._rounds -= 1
        return self._spend_on(self._middles(known), spend)

    def _middles(self, known: dict[int, float]) -> list[int]:
        """The candidate in the middle of each gap, those first that may hide the best frame.

        Scores drift along a video: the wider a gap, the higher they may be above its ends, by the root of its width.
        """
        lowest = min(known.values())
        gaps = []
        for before, behind in pairwise([-1, *self._looked_at, self._frame_count]):
            inner = self._candidates[bisect_right(self._candidates, before) : bisect_left(self._candidates, behind)]
            if inner:
                end = max(known.get(before, lowest), known.get(behind, lowest))
                drift = self._noise * sqrt((behind - before) / self._step)
                gaps.append((-end - drift, _nearest(inner, (before + behind) / 2)))
        return [middle for _, middle in sorted(gaps)]

    def _spend_on(self, wanted: Iterable[int], spend: float) -> list[int]:
        """Those that are looked at now: one after the other while there is work to spend.

        The last one may take more than that, but no more than is left: frames that are dear to decode must not
        be passed over for worse ones in every round.
        """
        work = _Work(self._keyframes, self._decoding)
        chosen = []
        for index in wanted:
            if work.done >= spend:
                break
            if work.done + work.of(index) <= self._left:
                work.add(index)
                chosen.append(index)
        self._left -= work.done
        self._looked_at = sorted([*self._looked_at, *chosen])
        return sorted(chosen)


class _Work:
    """What decoding and scoring frames of one video takes, in scored frames.

    Args:
        keyframes: indexes, ascending.
        decoding: what decoding all frames before each index takes.
    """

    def __init__(self, keyframes: Sequence[int], decoding: Sequence[float]) -> None:
        self.done = 0.0
        self._keyframes = keyframes
        self._decoding = decoding
        self._behind: dict[int, int] = {}  # what is decoded ends there, by the keyframe that decoding begins at

    def of(self, index: int) -> float:
        """What this frame takes in addition."""
        begins = self._begins(index)
        behind = self._behind.get(begins, begins)
        return 1 + max(0.0, self._decoding[index + 1] - self._decoding[behind])

    def add(self, index: int) -> None:
        """Do it."""
        self.done += self.of(index)
        begins = self._begins(index)
        self._behind[begins] = max(index + 1, self._behind.get(begins, begins))

    def _begins(self, index: int) -> int:
        return self._keyframes[max(0, bisect_right(self._keyframes, index) - 1)]


def _nearest(indexes: Sequence[int], place: float) -> int:
    """The one of these indexes, ascending, that is nearest to a place."""
    at = bisect_left(indexes, place)
    return min(indexes[max(0, at - 1) : at + 1], key=lambda index: abs(index - place))
