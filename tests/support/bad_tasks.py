"""Tasks that go wrong, as decoders do on hostile files. Workers import them as `tests.support.bad_tasks`."""

import ctypes
import os
import time
from pathlib import Path
from typing import Any

from popscore.errors import UnreadableImage


def echo(_: Any, value: Any) -> Any:
    return value


def wait(_: Any, seconds: float) -> str:
    time.sleep(seconds)
    return "waited"


def spin(_: Any, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "spun"


def count(report: Any, to: int, seconds: float) -> int:
    for done in range(1, to + 1):
        report(done, to)
        time.sleep(seconds)
    return to


def take(_: Any, count_bytes: int) -> int:
    return len(bytearray(count_bytes))


def crash(_: Any) -> None:
    ctypes.string_at(0)


def end(_: Any) -> None:
    os._exit(3)


def fail(_: Any) -> None:
    raise UnreadableImage("cat.jpg could not be read: so it is. Choose another.")


def surprise(_: Any) -> None:
    raise ZeroDivisionError("nobody expected this")


def stray_output(_: Any) -> str:
    print("a library prints")
    os.write(1, b"and so does a decoder")
    return "clean"


def environment(_: Any) -> dict[str, str]:
    return dict(os.environ)


def pid(_: Any) -> int:
    return os.getpid()


def garbage(_: Any, packed: bytes) -> None:
    """What a worker that was taken over could send: written to the pipe of answers, the last one opened."""
    for number in range(3, 20):
        try:
            if str(Path(f"/proc/self/fd/{number}").readlink()).startswith("pipe:"):
                os.write(number, len(packed).to_bytes(8, "little") + packed)
        except OSError:
            continue


class Evil:
    """A pickle that writes a file where it is opened."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


def wait_and_tell(_: Any, seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


_kept: list[bytearray] = []


def keep(_: Any, count_bytes: int) -> int:
    _kept.append(bytearray(b"x") * count_bytes)
    return count_bytes
