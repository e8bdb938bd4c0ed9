"""The program of a worker: takes one task after the other from its standard input.

The app starts it as `python -m popscore.workers.program`. When the app ends, however it ends, so does the worker:
its standard input is closed then.
"""

import os
import sys
import threading
import traceback
import warnings
from queue import SimpleQueue
from typing import Any, BinaryIO

from popscore.errors import PopscoreError
from popscore.workers import memory, tasks  # noqa: F401  the tasks are loaded before the first one comes
from popscore.workers.messages import Answer, Broken, Progress, Raised, receive_request, send

# A frame takes milliseconds; nobody sees more than a few reports in a second.
_REPORT_EACH = 4


def main() -> None:
    """Serve tasks until nobody asks for any."""
    warnings.filterwarnings("ignore")
    answers = _answers_alone()
    memory.limit()
    requests: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        task, arguments = requests.get()
        send(answers, _done(answers, task, arguments))


def _read(pipe: BinaryIO, requests: "SimpleQueue[Any]") -> None:
    """Hand on what is asked for; end the process as soon as the app has ended, whatever it is doing."""
    try:
        while True:
            requests.put(receive_request(pipe))
    except BaseException:  # noqa: BLE001  a pipe that breaks in any way means the same
        os._exit(0)


def _answers_alone() -> BinaryIO:
    """The pipe for answers: standard output, which nothing else can print into any more."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return pipe


def _done(pipe: BinaryIO, task: Any, arguments: tuple[Any, ...]) -> object:
    """Do one task."""

    def report(done: int, total: int) -> None:
        if done % _REPORT_EACH == 1 or done == total:
            send(pipe, Progress(done, total))

    try:
        return Answer(task(report, *arguments))
    except PopscoreError as error:
        return Raised(type(error).__name__, str(error))
    except Exception:  # noqa: BLE001  told to the app, which logs it
        return Broken(traceback.format_exc())


if __name__ == "__main__":
    main()
