"""Which packets are decoded: as few as possible, and never too few."""

from dataclasses import replace

import numpy as np
import pytest

from popscore.video.decoding.plan import LEAVE, REFERENCE, SHOW, Part, Timeline, plan_frames, plan_keyframes


def timeline(times: list[int], keys: list[int], codec: str = "h264", discarded: tuple[int, ...] = ()) -> Timeline:
    """Times in decoding order, and which positions are keyframes or are never shown."""
    flags = np.zeros(len(times), np.uint8)
    flags[keys] |= 1
    flags[list(discarded)] |= 2
    sizes = np.array([1000 + time for time in times], np.int32)
    return Timeline(times=np.array(times, np.int64), flags=flags, sizes=sizes, codec=codec, timed=True)


# Two closed groups: I P B B, I P B B; and an open one, whose first frames are shown before its keyframe.
CLOSED = timeline([0, 30, 10, 20, 40, 70, 50, 60], [0, 4])
OPEN = timeline([0, 30, 10, 20, 60, 40, 50, 70], [0, 4])


def test_indexes_are_places_in_display_order() -> None:
    assert len(CLOSED) == 8
    assert list(CLOSED.shown_times()) == [0, 10, 20, 30, 40, 50, 60, 70]
    assert list(CLOSED.shown_sizes()) == [1000, 1010, 1020, 1030, 1040, 1050, 1060, 1070]
    assert CLOSED.keyframes() == [0, 4]
    assert OPEN.keyframes() == [0, 6]
    assert list(CLOSED.closed_keyframes()) == [4]
    assert list(OPEN.closed_keyframes()) == []


@pytest.mark.parametrize(
    ("given", "wanted", "actions", "parts"),
    [
        (CLOSED, [0], [SHOW, 0, 0, 0, 0, 0, 0, 0], [(0, 1)]),
        (CLOSED, [2], [REFERENCE, REFERENCE, REFERENCE, SHOW, 0, 0, 0, 0], [(0, 4)]),
        (CLOSED, [1, 4], [REFERENCE, REFERENCE, SHOW, 0, SHOW, 0, 0, 0], [(0, 3), (4, 5)]),
        (CLOSED, [2, 4], [REFERENCE, REFERENCE, REFERENCE, SHOW, SHOW, 0, 0, 0], [(0, 4), (4, 5)]),
        (CLOSED, [7], [0, 0, 0, 0, REFERENCE, SHOW, 0, 0], [(4, 6)]),
        (CLOSED, [], [0] * 8, []),
        (CLOSED, [99], [0] * 8, []),
        # Index 4 is shown before the keyframe that it follows, and needs what comes before that.
        (OPEN, [4], [REFERENCE] * 5 + [SHOW, 0, 0], [(0, 6)]),
        (OPEN, [7], [REFERENCE] * 7 + [SHOW], [(0, 8)]),
        (replace(CLOSED, codec="vp9"), [2], [SHOW, SHOW, SHOW, SHOW, 0, 0, 0, 0], [(0, 4)]),
        (replace(CLOSED, codec="hevc", layered=True), [2], [SHOW, SHOW, SHOW, SHOW, 0, 0, 0, 0], [(0, 4)]),
        (replace(CLOSED, codec="mjpeg"), [1, 7], [0, 0, SHOW, 0, 0, SHOW, 0, 0], [(2, 3), (5, 6)]),
    ],
)
def test_what_is_decoded(given: Timeline, wanted: list[int], actions: list[int], parts: list[Part]) -> None:
    plan = plan_frames(given, wanted)
    assert plan is not None
    assert list(plan.actions) == actions
    assert plan.parts == parts
    assert list(plan.indexes.values()) == [index for index in wanted if index < 8]


def test_frames_that_are_never_shown_have_no_index() -> None:
    cut = timeline([-20, 10, -10, 0], [0], discarded=(0, 2))
    assert len(cut) == 2
    plan = plan_frames(cut, [0])
    assert plan is not None
    assert list(plan.actions) == [REFERENCE, REFERENCE, REFERENCE, SHOW]
    assert plan.indexes == {0: 0}


@pytest.mark.parametrize(
    "unknown",
    [
        replace(CLOSED, timed=False),
        replace(CLOSED, ordered=False),
        timeline([0, 10, 10, 20], [0]),
    ],
    ids=["no times", "times of decoding", "a time twice"],
)
def test_without_a_known_order_there_is_no_plan(unknown: Timeline) -> None:
    assert plan_frames(unknown, [0]) is None
    assert plan_keyframes(unknown, [0]) is None
    assert unknown.keyframes() == [0]


def test_keyframes_alone() -> None:
    plan = plan_keyframes(OPEN, [0, 6])
    assert plan is not None
    assert list(plan.actions) == [SHOW, LEAVE, LEAVE, LEAVE, SHOW, LEAVE, LEAVE, LEAVE]
    assert plan.parts == [(0, 1), (4, 5)]
