"""An answer that somebody waits for is not forgotten, and those that were told are."""

from types import SimpleNamespace
from typing import Any

from popscore.settings import Settings
from popscore.ui.build import build_demo
from popscore.ui.kept_messages import KeptMessages


def queue(**pending: set[str]) -> Any:
    return SimpleNamespace(
        event_ids_to_events=dict.fromkeys(event for events in pending.values() for event in events),
        pending_event_ids_session=dict(pending),
    )


def test_who_waits_is_kept_however_many_come_after() -> None:
    waiting = queue(first={"gallery"}, second={"video"})
    kept = KeptMessages(waiting, 20)
    for session in ("first", "second", *map(str, range(1000))):
        kept[session] = object()
    assert "first" in kept
    assert "second" in kept
    assert "999" in kept
    assert len(kept) <= 20


def test_all_are_kept_where_all_wait() -> None:
    kept = KeptMessages(queue(**{f"s{number}": {str(number)} for number in range(50)}), 20)
    for number in range(50):
        kept[f"s{number}"] = object()
    assert len(kept) == 50


def test_what_was_told_leaves_nothing() -> None:
    told = queue()
    kept = KeptMessages(told, 20)
    for number in range(1000):
        told.pending_event_ids_session[str(number)] = set()
        kept[str(number)] = object()
    assert len(told.pending_event_ids_session) <= 20


def test_the_app_keeps_its_messages_so(visits: Any) -> None:
    demo = build_demo(Settings(), visits.folder)
    try:
        assert isinstance(demo._queue.pending_messages_per_session, KeptMessages)
    finally:
        demo.end()
