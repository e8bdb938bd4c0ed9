"""Work that reports its progress, as a generator that a page can follow and stop."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Result = TypeVar("Result")
Report = Callable[[int, int | None], None]
Cancelled = Callable[[], bool]

_LOOK_EVERY_S = 0.3


class Following(Generic[Result]):
    """Runs `work(report, cancelled)` in a thread. Iterating gives (done, total) until it has ended.

    Closing the iterator, as Gradio does when a visitor stops or leaves, makes `cancelled` answer True. After
    the iteration `result` gives what the work returned, or raises what it raised.
    """

    def __init__(self, work: Callable[[Report, Cancelled], Result]) -> None:
        self._work = work
        self._progress: queue.SimpleQueue[tuple[int, int | None]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._result: list[Result] = []
        self._error: list[Exception] = []

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        thread = threading.Thread(target=self._run, name="popscore-work", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(timeout=_LOOK_EVERY_S)
                latest = None
                while not self._progress.empty():
                    latest = self._progress.get_nowait()
                if latest is not None:
                    yield latest
        finally:
            self._stopped.set()

    @property
    def result(self) -> Result:
        """What the work returned."""
        if self._error:
            raise self._error[0]
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work(lambda done, total: self._progress.put((done, total)), self._stopped.is_set))
        except Exception as error:  # noqa: BLE001 - raised again by `result`, in the thread that asked
            self._error.append(error)
