"""Work that a page follows: how often it hears of it, what it gets, and how it stops."""

import threading
import time
from itertools import pairwise

import pytest

from popscore.ui.kit import progress
from popscore.ui.kit.progress import Cancelled, Following, Report


def test_the_latest_is_given_at_most_every_half_second() -> None:
    def work(report: Report, cancelled: Cancelled) -> str:
        for done in range(1, 61):
            report(done, 60)
            time.sleep(0.02)
        return "all"

    following = Following(work)
    heard, times_s = [], []
    for step in following:
        heard.append(step)
        times_s.append(time.monotonic())
    assert following.result == "all"
    assert 2 <= len(heard) <= 4
    assert all(total == 60 for _, total in heard)
    assert heard == sorted(set(heard))
    assert all(later - before > 0.9 * progress.SHOW_EVERY_S for before, later in pairwise(times_s[:-1]))


def test_quick_work_is_not_waited_for() -> None:
    began_s = time.monotonic()
    following = Following(lambda *_: 7)
    assert list(following) == []
    assert following.result == 7
    assert time.monotonic() - began_s < progress.SHOW_EVERY_S


def test_what_goes_wrong_is_raised_where_the_result_is_asked_for() -> None:
    def work(report: Report, cancelled: Cancelled) -> None:
        raise ValueError("no")

    following = Following(work)
    list(following)
    with pytest.raises(ValueError, match="no"):
        _ = following.result


def test_a_closed_iterator_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SHOW_EVERY_S", 0.05)
    ended = threading.Event()

    def work(report: Report, cancelled: Cancelled) -> None:
        while not cancelled():
            report(1, None)
            time.sleep(0.01)
        ended.set()

    steps = iter(Following(work))
    assert next(steps) == (1, None)
    assert not ended.is_set()
    steps.close()  # type: ignore[attr-defined]
    assert ended.wait(2)
