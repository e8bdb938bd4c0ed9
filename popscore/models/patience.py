"""Work on files from outside is given up after a time, whatever it does."""

import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

Answer = TypeVar("Answer")

# What was told to stop may do so within this time; then it is left behind.
_GRACE_S = 2.0


class TooLong(Exception):
    """The work was not done in time."""


def within(limit_s: float, work: Callable[[], Answer], stop: Callable[[], None]) -> Answer:
    """Do the work on another thread, and wait for it no longer than the limit.

    Python cannot end a thread, and onnxruntime looks at its own flags only between two operators: with a limit of
    2 s one MatMul of 4000 x 4000 ended after 3.1 s, one Resize to 10^9 numbers after 37 s. So the caller goes on
    without the work; the thread ends with the operator that it is in.

    Handing over costs 0.04 ms in the median on two cores (0.08 ms instead of 0.04 ms for a network that does nothing).

    Args:
        limit_s: seconds.
        work: what to do. Whatever it raises is raised here.
        stop: asks the work to stop; called from the caller's thread, once, after the limit.

    Raises:
        TooLong: the work was not done in time.
    """
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.tasks.put(work)
    try:
        done = worker.done.acquire(timeout=limit_s)
        if not done:
            stop()
            # It ends soon after as a rule, and then its thread can be used again.
            if worker.done.acquire(timeout=_GRACE_S):
                worker.answer = worker.error = None
                _idle.append(worker)
            else:
                worker.leave_behind()
            raise TooLong
    except KeyboardInterrupt:
        worker.leave_behind()
        stop()
        raise
    answer, error = worker.answer, worker.error
    worker.answer = worker.error = None
    _idle.append(worker)
    if error is not None:
        raise error
    return cast(Answer, answer)


def left_behind() -> bool:
    """Whether something that was given up is still being done."""
    return any(worker.thread.is_alive() for worker in _lost)


class _Worker:
    """A thread that waits for work. There are as many as there were callers at once."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self.done = threading.Semaphore(0)
        self.answer: Any = None
        self.error: BaseException | None = None
        self.lost = False
        # A daemon: Python ends without what was left behind.
        self.thread = threading.Thread(target=self._work, name="patient-run", daemon=True)
        self.thread.start()

    def leave_behind(self) -> None:
        """Nobody waits for this one any more; it ends after its work."""
        self.lost = True
        _lost[:] = [worker for worker in (*_lost, self) if worker.thread.is_alive()]

    def _work(self) -> None:
        while not self.lost:
            work = self.tasks.get()
            try:
                self.answer = work()
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                self.error = error
            del work  # it holds a photo
            self.done.release()


_idle: list[_Worker] = []
_lost: list[_Worker] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads stay with the parent
