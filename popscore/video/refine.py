"""Which frames `--fast` looks at: keyframes, then the grid around the promising ones."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

# Of the frames that exact ranking scores: so many keyframes, and so many neighbours afterwards.
_KEYFRAME_SHARE, _NEIGHBOUR_SHARE = 0.125, 0.07
# Of all frames of the video: so many may be decoded for neighbours.
_DECODED_SHARE = 0.05
_PROMISING = 4
# With fewer frames than this to score, exact ranking takes no time to speak of.
_MIN_GRID = 16
_MIN_KEYFRAMES = 3


def keyframes_to_score(keyframes: Sequence[int], grid: Sequence[int]) -> list[int]:
    """Keyframes evenly spread over the video, few enough to be much less work than the grid.

    Args:
        keyframes: indexes, ascending.
        grid: indexes that exact ranking would score, ascending.

    Returns:
        Indexes, ascending; none where exact ranking is as good, because the video is short, or its keyframes
        are too few to know it by.
    """
    most = max(_MIN_KEYFRAMES, round(len(grid) * _KEYFRAME_SHARE))
    if len(grid) < _MIN_GRID or len(keyframes) < _MIN_KEYFRAMES:
        return []
    if len(keyframes) <= most:
        return list(keyframes)
    places = np.linspace(0, len(keyframes) - 1, most).round().astype(int)
    return [keyframes[place] for place in np.unique(places)]


def neighbours_to_score(
    scores: Sequence[tuple[int, float]], keyframes: Sequence[int], grid: Sequence[int], frame_count: int
) -> list[int]:
    """Frames of the grid near the keyframes with the best scores, as many as little decoding allows.

    Args:
        scores: index and score of each frame that was scored and may be shown.
        keyframes: indexes, ascending; decoding begins at one of them.
        grid: indexes that exact ranking would score, ascending.
        frame_count: frames of the video.

    Returns:
        Indexes, ascending, none of which was scored.
    """
    if len(grid) < 2:
        return []
    every = grid[1] - grid[0]
    known = {index for index, _ in scores}
    most = max(2, round(len(grid) * _NEIGHBOUR_SHARE))
    left = max(every, round(frame_count * _DECODED_SHARE))
    decoded_to: dict[int, int] = {}  # last frame decoded, by the keyframe that decoding begins at
    chosen: set[int] = set()
    promising = sorted(scores, key=lambda item: (-item[1], item[0]))[:_PROMISING]
    for reach in (1, 2):
        for index, _ in promising:
            for near in _grid_around(index, grid, every, reach):
                begins = keyframes[max(0, bisect_right(keyframes, near) - 1)]
                cost = near - max(begins - 1, decoded_to.get(begins, begins - 1))
                if near in known or near in chosen or cost > left or len(chosen) >= most:
                    continue
                left -= max(0, cost)
                decoded_to[begins] = max(near, decoded_to.get(begins, near))
                chosen.add(near)
    return sorted(chosen)


def _grid_around(index: int, grid: Sequence[int], every: int, reach: int) -> list[int]:
    """The frame of the grid `reach` steps behind, then the one before."""
    behind = (index // every + reach) * every
    before = -(-index // every) * every - reach * every
    return [near for near in (behind, before) if 0 <= near <= grid[-1] and near != index]
