"""Which frames fast ranking looks at: few of them, and those that promise most."""

from itertools import chain
from math import exp

import numpy as np
import pytest

from popscore.video.search import Search

FRAMES = 9000
GRID = range(0, FRAMES, 25)


def search(keyframes: list[int], *, frames: int = FRAMES, megapixels: float = 0.1, key_kb: float = 20) -> Search:
    """A video of so many KB per keyframe and megapixel, and a tenth of that per other frame."""
    sizes = np.full(frames, 100 * megapixels * key_kb, np.int32)
    sizes[keyframes] *= 10
    return Search(keyframes, range(0, frames, 25), sizes, megapixels=megapixels, noise=0.3)


def looked_at(found: Search, scores: dict[int, float]) -> list[list[int]]:
    """Keyframes first, then round after round; frames without a score may not be shown."""
    rounds = [found.keyframes()]
    while wanted := found.next((index, scores[index]) for index in chain(*rounds) if index in scores):
        rounds.append(wanted)
    return rounds


def test_few_keyframes_are_all_scored_and_many_are_thinned_evenly() -> None:
    assert search([0, 2000, 4000, 8000]).keyframes() == [0, 2000, 4000, 8000]
    thinned = search([*range(0, 300, 3), *range(300, FRAMES, 30)]).keyframes()
    assert 25 <= len(thinned) < 0.13 * len(GRID)
    assert thinned[0] == 0
    assert thinned[-1] == 8970
    assert max(np.diff(thinned)) <= 330
    assert max(np.diff(thinned)) <= 1.5 * min(np.diff(thinned))


@pytest.mark.parametrize(
    ("keyframes", "frames"), [(list(range(0, 300, 30)), 300), ([0], FRAMES), ([0, 4000], FRAMES), ([], FRAMES)]
)
def test_short_videos_and_lone_keyframes_are_ranked_exactly(keyframes: list[int], frames: int) -> None:
    assert search(keyframes, frames=frames).keyframes() == []


def test_a_short_video_of_large_frames_takes_long_enough_to_search() -> None:
    keyframes = list(range(0, 600, 60))
    assert search(keyframes, frames=600, megapixels=0.3).keyframes() == []
    assert len(search(keyframes, frames=600, megapixels=8.3).keyframes()) >= 3


def test_gaps_are_halved_around_the_best() -> None:
    scores = {index: exp(-(((index - 5325) / 200) ** 2)) for index in range(FRAMES)}
    rounds = looked_at(search(list(range(0, FRAMES, 400))), scores)
    flat = list(chain(*rounds))
    assert len(rounds) == 4
    assert len(flat) == len(set(flat))
    assert all(wanted == sorted(wanted) for wanted in rounds)
    assert set(flat) <= {*GRID, *range(0, FRAMES, 400)}
    assert 5400 in rounds[1]
    assert 5300 in rounds[2]
    assert max(scores[index] for index in flat) == pytest.approx(1, abs=0.02)
    assert len(flat) <= 0.2 * len(GRID)


def test_wide_gaps_come_before_narrow_ones_of_the_same_score() -> None:
    keyframes = [*range(0, 4000, 250), *range(6000, FRAMES, 250)]
    rounds = looked_at(search(keyframes), dict.fromkeys(range(FRAMES), 1.0))
    assert 4875 in rounds[1]


def test_the_larger_the_frames_the_less_is_decoded() -> None:
    keyframes = list(range(0, FRAMES, 500))
    scores = {index: float(np.sin(index / 700)) for index in range(FRAMES)}
    decoded = []
    for megapixels in (0.1, 2.1, 8.3):
        first, *rounds = looked_at(search(keyframes, megapixels=megapixels), scores)
        assert first == keyframes
        assert rounds
        decoded.append(sum(index % 500 + 1 for index in chain(*rounds)))  # as if each were decoded alone
    assert decoded == sorted(decoded, reverse=True)
    assert decoded[-1] < 0.17 * FRAMES


def test_nothing_more_is_looked_at_where_no_keyframe_may_be_shown() -> None:
    found = search(list(range(0, FRAMES, 250)))
    assert found.keyframes()
    assert found.next([]) == []


def test_frames_that_may_not_be_shown_are_not_asked_for_again() -> None:
    scores = {index: 1.0 for index in range(FRAMES) if not 2000 < index < 4000}
    flat = list(chain(*looked_at(search(list(range(0, FRAMES, 250))), scores)))
    assert len(flat) == len(set(flat))
