"""One worker as the app sees it: a process that is given one task at a time."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, cast

from popscore.workers import memory, tasks
from popscore.workers.messages import Answer, Broken, Garbled, Progress, Raised, receive_answer, send

# To start Python, load the libraries and a model takes half a second of an idle CPU.
_START_S = 60.0
# So often somebody is asked whether the task may be given up.
_ASK_EACH_S = 0.1
# Ordinary photos make a worker grow by a tenth.
_GROWN = 1.25
# What a worker gets of the environment of the app: nothing that it has no use for, and no secrets.
_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONUTF8", "VIRTUAL_ENV"),
)


class WorkerEnded(Exception):
    """The worker ended in the middle of a task: killed by the system, by a fault in a decoder, or for its memory."""


class TookTooLong(Exception):
    """The task was given up, because it took longer than it may, or others had waited long enough."""


class NobodyWaits(Exception):
    """The task was given up, because whoever asked for it has gone."""


class TaskFailed(Exception):
    """The task ended with an error that nobody expected; the message is its traceback."""


Task = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of `popscore.workers.tasks`, and what it gets behind its `report`."""


class Worker:
    """A process for tasks. Not for several threads at once, but for `kill`, `yield_cpu` and `spent_s`.

    Args:
        nice: how far it steps back behind other processes, 0 to 19.
        first: what it does before it is given a task, and what no task is blamed for.

    Attributes:
        yielding: it was told to leave the CPU to others.
        idle_since_s: when it did its last task, by `time.monotonic`; kept by whoever gives it tasks.
    """

    def __init__(self, *, nice: int = 0, first: Task | None = None) -> None:
        self.yielding = False
        self.idle_since_s = time.monotonic()
        self._first_bytes: int | None = None
        self._was_slow = False
        self._began_s: float | None = None
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # One thread per worker; without the others' arenas and stacks its limit of memory says more.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        paths = (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "popscore.workers.program"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what decoders print says nothing, and names files of visitors
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        if nice:
            self._be_nice(nice)
        self._answers: SimpleQueue[Any] = SimpleQueue()
        pipe = cast(BinaryIO, self._process.stdout)
        # A thread that does not know the worker: one that is forgotten closes its pipes, and so ends.
        threading.Thread(target=_read, args=(pipe, self._answers), name="worker-answers", daemon=True).start()
        self._starting = True
        with contextlib.suppress(OSError):  # it has ended already, which the first task will be told
            send(self._requests, first or (tasks.nothing, ()))

    @property
    def is_alive(self) -> bool:
        """Whether it can be given a task."""
        return self._process.poll() is None

    def spent_s(self) -> float:
        """How much work went into the task that it has: CPU time, or wall time where the system does not tell."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._clock_s() - began_s

    def has_grown(self) -> bool:
        """Whether it has kept much more memory than it had before its first task."""
        now_bytes = memory.resident_bytes(self._process.pid)
        return bool(self._first_bytes and now_bytes and now_bytes > _GROWN * self._first_bytes)

    def yield_cpu(self) -> None:
        """Leave the CPU to workers that began later: this one has had its time."""
        if not self.yielding:
            self.yielding = True
            self._be_nice(15)

    def kill(self, *, slow: bool = False) -> None:
        """End the process at once, in the middle of its task if it has one.

        Args:
            slow: because the task took too long, which it will be told as.
        """
        self._was_slow |= slow
        self._process.kill()
        with contextlib.suppress(OSError):
            self._requests.close()
        self._process.wait()

    def do(
        self,
        task: Callable[..., Any],
        arguments: tuple[Any, ...],
        *,
        seconds: float,
        silent_seconds: float,
        cancelled: Callable[[], bool] | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> Any:
        """Have a task done, and wait for it. The worker is dead after each of these errors but the last two.

        Args:
            seconds: for the whole task.
            silent_seconds: without a report of progress.

        Raises:
            WorkerEnded, TookTooLong, NobodyWaits: there is no answer.
            TaskFailed: the task has a fault.
            PopscoreError: what the task raised.
        """
        if self._starting:
            try:
                self._wait(_START_S, _START_S, cancelled, None)
            finally:  # one answer is all that comes of it, an error too
                self._starting = False
            self._first_bytes = memory.resident_bytes(self._process.pid)
        self._began_s = self._clock_s()
        try:
            send(self._requests, (task, arguments))
            return self._wait(seconds, silent_seconds, cancelled, on_progress)
        except OSError as error:
            raise WorkerEnded from error
        finally:
            self._began_s = None

    def _wait(
        self,
        seconds: float,
        silent_seconds: float,
        cancelled: Callable[[], bool] | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> Any:
        """Wait for an answer; arguments and errors as `do`."""
        now = time.monotonic()
        until_s, silent_until_s = now + seconds, now + silent_seconds
        while True:
            wait_s = min(until_s, silent_until_s) - time.monotonic()
            try:
                found = self._answers.get(timeout=max(0.001, min(wait_s, _ASK_EACH_S) if cancelled else wait_s))
            except Empty:
                if wait_s <= 0:
                    self.kill(slow=True)
                    raise TookTooLong from None
                if cancelled and cancelled():
                    self.kill()
                    raise NobodyWaits from None
                continue
            if not isinstance(found, Progress):
                return self._value(found)
            silent_until_s = time.monotonic() + silent_seconds
            if on_progress:
                on_progress(found.done, found.total)

    def _value(self, found: Any) -> Any:
        if isinstance(found, Answer):
            return found.value
        if isinstance(found, Raised):
            raise found.error()
        if isinstance(found, Broken):
            raise TaskFailed(found.traceback)
        self.kill()
        raise TookTooLong if self._was_slow else WorkerEnded

    def _clock_s(self) -> float:
        """A clock that goes while the process works: a machine that is busy with other things makes no task slow."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError, AttributeError):
            return time.monotonic()

    def _be_nice(self, nice: int) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)


def _read(pipe: BinaryIO, answers: "SimpleQueue[Any]") -> None:
    """Hand on what the process says, and None as the last."""
    try:
        while True:
            answers.put(receive_answer(pipe))
    except (EOFError, OSError, ValueError, Garbled):
        answers.put(None)
