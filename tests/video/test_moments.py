"""Which frames are chosen: different ones, far enough apart, best first, and of as many scenes as there can be."""

import time
from itertools import combinations

import numpy as np
import pytest
from scored_frames import scored_frame

from popscore.photos import similarity
from popscore.video.moments import MOMENT_S, ScoredFrame, moments, one_by_one


def alike(one: ScoredFrame, other: ScoredFrame) -> bool:
    return similarity.groups([one.scored.signature, other.scored.signature], [one.time_s, other.time_s]) == [0, 0]


def near(one: ScoredFrame, other: ScoredFrame) -> bool:
    return abs(one.time_s - other.time_s) < MOMENT_S


def scenes(scores: list[list[float]], scene_s: float = 2.0) -> list[ScoredFrame]:
    """One scene after the other, all of one length, with frames of these scores at even steps."""
    found = []
    for number, of_scene in enumerate(scores):
        for place, score in enumerate(of_scene):
            time_s = scene_s * (number + place / len(of_scene))
            found.append(scored_frame(len(found), time_s, score, looks_like=1000 + number))
    return found


def test_the_next_best_of_a_scene_is_taken_where_the_best_lies_near_a_better_one() -> None:
    chosen = moments(scenes([[1.0, 5.0], [4.0, 3.0]]), 5)
    assert [(frame.time_s, frame.score) for frame in chosen] == [(1.0, 5.0), (3.0, 3.0)]


def test_a_better_frame_gives_way_in_its_scene_where_another_scene_has_no_room() -> None:
    """The frames of the scene in the middle are both a second away from one that was chosen before."""
    frames = scenes([[1.0, 5.0], [3.0, 3.1], [4.0, 2.0]])
    assert [frame.time_s for frame in one_by_one(frames, 5)] == [1.0, 4.0]
    assert [frame.time_s for frame in moments(frames, 5)] == [1.0, 3.0, 5.0]
    assert [frame.time_s for frame in moments(frames, 2)] == [1.0, 4.0], "nobody gives way where enough are found"


def test_the_very_best_never_gives_way() -> None:
    chosen = moments(scenes([[1.0, 5.0], [2.0, 1.0], [9.0, 0.0]]), 5)
    assert [(frame.time_s, frame.score) for frame in chosen] == [(4.0, 9.0), (2.0, 2.0), (0.0, 1.0)]


@pytest.mark.parametrize("per_scene", [2, 3, 10, 50])
def test_six_scenes_of_two_seconds_are_six_moments_whatever_their_scores(per_scene: int) -> None:
    random = np.random.default_rng(per_scene)
    for _ in range(20):
        frames = scenes(random.normal(3, 0.5, (6, per_scene)).tolist())
        chosen = moments(frames, 6)
        assert sorted(int(frame.time_s // 2) for frame in chosen) == list(range(6))
        check(frames, chosen, 6)


@pytest.mark.slow
def test_any_frames() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        count, looks = int(random.integers(1, 60)), int(random.integers(1, 20))
        times_s = np.sort(random.uniform(0, random.uniform(1, 40), count))
        frames = [
            scored_frame(
                index, float(time_s), round(float(random.normal(3, 1)), 1), looks_like=int(random.integers(looks))
            )
            for index, time_s in enumerate(times_s)
        ]
        for top in (1, 3, 50):
            check(frames, moments(frames, top), top)


def check(frames: list[ScoredFrame], chosen: list[ScoredFrame], top: int) -> None:
    """What holds for every choice."""
    assert len(chosen) <= top
    assert not [pair for pair in combinations(chosen, 2) if near(*pair) or alike(*pair)]
    order = [(-frame.score, frame.index) for frame in chosen]
    assert order == sorted(order)
    assert order[0] == min((-frame.score, frame.index) for frame in frames), "the best frame of all comes first"
    assert len(chosen) >= len(one_by_one(frames, top))
    if len(chosen) < top:  # no frame is left that could stand beside them
        assert all(any(near(frame, other) or alike(frame, other) for other in chosen) for frame in frames)


def test_no_frames() -> None:
    assert moments([], 5) == []


@pytest.mark.parametrize("looks", [1, 3000])
def test_many_frames_take_seconds_at_most(looks: int) -> None:
    random = np.random.default_rng(1)
    frames = [
        scored_frame(index, index / 25, float(random.normal(3, 1)), looks_like=index % looks) for index in range(3000)
    ]
    began_s = time.monotonic()
    assert moments(frames, 500)
    assert time.monotonic() - began_s < 30
