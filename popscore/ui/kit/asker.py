"""Who asked for what is being done, and whether they still wait for it."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from gradio.context import LocalContext


@dataclass(frozen=True)
class Asker:
    """A page or a client.

    Attributes:
        session: Gradio's name for the visit; None where it has none.
        gone: answers True once nobody waits for the answer.
    """

    session: str | None
    gone: Callable[[], bool]


_of_page_function: ContextVar[Asker | None] = ContextVar("popscore_asker", default=None)


def set_asker(asker: Asker) -> None:
    """Say who asks, for what is called from here on; see `popscore.ui.page_requests`."""
    _of_page_function.set(asker)


def current_asker() -> Asker:
    """Who asks. Call it where Gradio calls the app, not in threads that are started there."""
    known = _of_page_function.get()
    if known is not None:
        return known
    request = LocalContext.request.get(None)
    return Asker(getattr(request, "session_hash", None), _has_left())


def _has_left() -> Callable[[], bool]:
    """Gradio marks the event of a visitor who has left, and forgets that of one who has stopped."""
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    if blocks is None or event_id is None:
        return lambda: False
    events = blocks._queue.event_ids_to_events
    if event_id not in events:
        return lambda: False

    def has_left() -> bool:
        event = events.get(event_id)
        return event is None or not event.alive

    return has_left
