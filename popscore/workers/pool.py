"""Workers, and who gets one next."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from popscore.errors import TooBusy
from popscore.workers.worker import NobodyWaits, Task, TaskFailed, Worker, WorkerEnded

Given = TypeVar("Given")

# CPU time. A photo of 12 megapixels takes 40 ms. A worker that takes longer than this is not waited for by others who
# are in a hurry: one more is started, and the slow one leaves the CPU to it.
_SLOW_S = 0.25
# Where no more may be started, the one that has worked most is given up, if it has worked so long.
_LONG_S = 2.0
_LOOK_EACH_S = 0.05
# Who is in a hurry goes before those who came up to so much earlier. So galleries go on where single photos never end.
_HEAD_START_S = 5.0
# A worker that nobody needed for so long is ended, or replaced if it has kept much of the memory that it needed once.
_REST_S = 20.0
_LOG = logging.getLogger("popscore")


class _Place(NamedTuple):
    """In the line for a worker; the smallest is next."""

    since_s: float  # by the clock of `time.monotonic`; earlier by the head start for those in a hurry
    number: int
    hurry: bool

    def has_waited_long(self) -> bool:
        return time.monotonic() - self.since_s > _HEAD_START_S


class Pool:
    """Workers of one kind. Threads may share it.

    Args:
        size: workers at one time.
        spare: more of them, while others take long and somebody is in a hurry.
        warm: workers that are kept ready when there is nothing to do.
        nice: how far they step back behind other processes, 0 to 19.
        most_waiting: how many may wait for a worker; more are refused.

    Attributes:
        first: what each worker does first, see `Worker`; may be changed, for those that are started later.
    """

    def __init__(self, size: int, *, spare: int = 0, warm: int = 0, nice: int = 0, most_waiting: int = 500) -> None:
        self.size, self._spare, self._nice, self._most_waiting = size, spare, nice, most_waiting
        self._warm = warm
        # One is kept for those in a hurry, who then do not wait behind a gallery.
        self._kept = size + bool(spare)
        self.first: Task | None = None
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._line: list[_Place] = []  # a heap
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._resting = False

    def call(
        self,
        task: Callable[..., Given],
        arguments: tuple[object, ...],
        *,
        seconds: float,
        silent_seconds: float | None = None,
        hurry: bool = False,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Given:
        """Have a task done by the next worker that is free, and wait for it.

        Args:
            task: a function of `popscore.workers.tasks`.
            arguments: what it gets behind its `report`.
            seconds: wall time for the task; waiting for a worker does not count.
            silent_seconds: wall time without a report of progress; as `seconds` by default.
            hurry: go before those who are not and came less than 5 s earlier.
            cancelled: asked often; once it answers True the task is given up.
            on_progress: called with how much is done, of how much.

        Raises:
            WorkerEnded, TookTooLong, NobodyWaits, TaskFailed: as `Worker.do`.
            TooBusy: too many wait already.
            PopscoreError: what the task raised.
        """
        worker = self._next(hurry, cancelled)
        try:
            given: Given = worker.do(
                task,
                arguments,
                seconds=seconds,
                silent_seconds=seconds if silent_seconds is None else silent_seconds,
                cancelled=cancelled,
                on_progress=on_progress,
            )
            return given
        except TaskFailed as error:
            _LOG.error("A worker failed:\n%s", error)
            raise
        finally:
            self._give_back(worker)

    def warm_up(self) -> None:
        """Start the workers that are kept ready, so that the first who ask need not wait for it."""
        with self._changed:
            while not self._closed and len(self._idle) + len(self._busy) < self._warm:
                self._idle.append(self._started())

    def close(self) -> None:
        """End all workers. What they are doing ends with WorkerEnded."""
        with self._changed:
            self._closed = True
            for worker in (*self._idle, *self._busy):
                worker.kill()
            self._idle.clear()
            self._changed.notify_all()

    # --- who is next --------------------------------------------------------------------------------

    def _next(self, hurry: bool, cancelled: Callable[[], bool] | None) -> Worker:
        with self._changed:
            if len(self._line) >= self._most_waiting:
                raise TooBusy("The server has too much to do. Try again in a minute.")
            place = _Place(time.monotonic() - hurry * _HEAD_START_S, next(self._numbers), hurry)
            heapq.heappush(self._line, place)
            try:
                while True:
                    if self._closed:
                        raise WorkerEnded
                    worker = self._free(place) if self._is_next(place) else None
                    if worker is not None:
                        self._busy.add(worker)
                        return worker
                    self._changed.wait(_LOOK_EACH_S)
                    if cancelled and cancelled():
                        raise NobodyWaits
            finally:
                self._line.remove(place)
                heapq.heapify(self._line)
                self._changed.notify_all()

    def _is_next(self, place: _Place) -> bool:
        if self._line[0] == place:
            return True
        # Only those in a hurry get past tasks that take long.
        stuck = len(self._busy) >= self._kept
        return stuck and place.hurry and place == min(one for one in self._line if one.hurry)

    def _free(self, place: _Place) -> Worker | None:
        """A worker without a task, started if there may be one more."""
        spent_s = {worker: worker.spent_s() for worker in self._busy} if place.hurry else {}
        slow = [worker for worker in spent_s if spent_s[worker] > _SLOW_S]
        # Who has waited long may have the one that is kept for those in a hurry: they would take it each time.
        most = self._kept if place.hurry or place.has_waited_long() else self.size
        if len(self._busy) - len(slow) >= most:
            return None
        if len(self._busy) >= self._kept + self._spare:
            longest = max(slow, key=lambda worker: spent_s[worker])
            if self._spare and spent_s[longest] > _LONG_S:
                longest.kill(slow=True)
            return None
        for worker in slow:
            worker.yield_cpu()
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
        return self._started()

    def _started(self) -> Worker:
        return Worker(nice=self._nice, first=self.first)

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            too_many = len(self._busy) + len(self._idle) >= self._kept
            if worker.is_alive and not worker.yielding and not too_many and not self._closed:
                worker.idle_since_s = time.monotonic()
                self._idle.append(worker)
            else:
                worker.kill()
            self._changed.notify_all()
            self._rest_later()

    # --- when there is nothing to do ----------------------------------------------------------------

    def _rest_later(self) -> None:
        """Have `_rest` called in a while, unless it will be."""
        if not self._resting and not self._closed:
            self._resting = True
            timer = threading.Timer(_REST_S, self._rest)
            timer.daemon = True
            timer.start()

    def _rest(self) -> None:
        """End idle workers that are too many, and replace those that have grown."""
        with self._changed:
            self._resting = False
            since_s = time.monotonic() - _REST_S
            for worker in [one for one in self._idle if one.idle_since_s <= since_s]:
                too_many = len(self._busy) + len(self._idle) > self._warm
                if too_many or worker.has_grown():
                    self._idle.remove(worker)
                    worker.kill()
            if self._busy or any(worker.idle_since_s > since_s for worker in self._idle):
                self._rest_later()
        self.warm_up()
