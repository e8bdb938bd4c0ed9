"""Work that reports its progress, as a generator that a page can follow and stop: photos, videos, anything."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Result = TypeVar("Result")
Report = Callable[[int, int | None], None]
Cancelled = Callable[[], bool]

# The page draws its results anew each time, so not more often than an eye needs.
SHOW_EVERY_S = 0.5


class Following(Generic[Result]):
    """Runs `work(report, cancelled)` in a thread. Iterating gives (done, total) until the work has ended.

    What was reported last is given, at most every half second, and nothing if nothing was. Closing the iterator,
    as Gradio does when a visitor stops or leaves, makes `cancelled` answer True; the thread ends by itself. After
    the iteration `result` gives what the work returned, or raises what it raised.
    """

    def __init__(self, work: Callable[[Report, Cancelled], Result]) -> None:
        self._work = work
        self._latest: tuple[int, int | None] | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._result: list[Result] = []
        self._error: list[Exception] = []

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        thread = threading.Thread(target=self._run, name="popscore-work", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(timeout=SHOW_EVERY_S)
                with self._lock:
                    latest, self._latest = self._latest, None
                if latest is not None:
                    yield latest
        finally:
            self._stopped.set()

    @property
    def result(self) -> Result:
        """What the work returned. Raises what it raised."""
        if self._error:
            raise self._error[0]
        return self._result[0]

    def _report(self, done: int, total: int | None) -> None:
        with self._lock:
            self._latest = done, total

    def _run(self) -> None:
        try:
            self._result.append(self._work(self._report, self._stopped.is_set))
        except Exception as error:  # noqa: BLE001 - raised again by `result`, in the thread that asked
            self._error.append(error)
