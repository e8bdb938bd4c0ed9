"""What Gradio still has to tell each visitor: kept for all who wait, however many come after them."""

from gradio.queueing import Queue
from gradio.utils import LRUCache

_MOST = 2000


class KeptMessages(LRUCache[str, object]):
    """The messages of each session, which Gradio's own cache drops by age.

    Each call of an API client is a session. After 2,000 newer ones, a gallery that was still being ranked got
    "404: Not Found" for its answer. Here those who wait are never dropped. What Gradio has told completely is
    dropped first, with the set that it keeps for it beside.
    """

    def __init__(self, queue: Queue, most: int = _MOST) -> None:
        super().__init__(most)
        self._queue = queue

    def __setitem__(self, session: str, messages: object) -> None:
        if session not in self and len(self) >= self.max_size:
            self._make_room()
        # The cache must not make room by itself, where all of them are waited for.
        self.max_size = max(self.max_size, len(self) + 1)
        super().__setitem__(session, messages)

    def _make_room(self) -> None:
        """Drop a tenth at once, so that it is not searched at each call."""
        events, pending = self._queue.event_ids_to_events, self._queue.pending_event_ids_session
        idle = [session for session in self if not any(event in events for event in pending.get(session, ()))]
        for session in idle[: max(1, len(self) // 10)]:
            del self[session]
            if not pending.get(session):
                pending.pop(session, None)


def keep_messages(queue: Queue) -> None:
    """Let a queue of Gradio keep what somebody waits for."""
    queue.pending_messages_per_session = KeptMessages(queue)  # type: ignore[assignment]
