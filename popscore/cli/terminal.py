"""What commands write to the terminal, to a pipe or to a file: text that cannot do harm, progress, complaints."""

import contextlib
import os
import shutil
import sys
import time
from types import TracebackType
from typing import Self

_REDRAW_S = 0.1
_BAR = 24  # letters


class OutputFailed(Exception):
    """Standard output takes no more."""


def write(text: str) -> None:
    """Write to standard output; a reader that has seen enough, `head` perhaps, is no error.

    Raises:
        OutputFailed: the text could not be written.
    """
    if sys.stdout is None:  # closed by whoever started popscore
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OutputFailed(error.strerror) from error


def complain(message: str) -> None:
    """Say something on standard error, in one line."""
    with contextlib.suppress(OSError):  # nobody listens
        print(f"popscore: {printable(message)}", file=sys.stderr)


def printable(text: str) -> str:
    """Text from outside, such as a file name, that cannot move the cursor or break the line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def colored(text: str, color: str) -> str:
    """Text in a colour, `#rrggbb`, if a person is looking."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    red, green, blue = bytes.fromhex(color[1:])
    return f"\x1b[38;2;{red};{green};{blue}m{text}\x1b[0m"


class Progress:
    """A bar on standard error, if that is a terminal; it is wiped away at the end.

    Args:
        of: what is counted.
    """

    def __init__(self, of: str = "photos") -> None:
        self._of = of
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._drawn_s = 0.0
        self._letters = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._letters:
            self._draw("")
            self._draw("")  # back to the beginning of the line

    def update(self, done: int, total: int | None) -> None:
        """Show how far the work is, at most ten times a second."""
        now_s = time.monotonic()
        if not self._shown or now_s - self._drawn_s < _REDRAW_S:
            return
        self._drawn_s = now_s
        per_s = done / max(now_s - self._started_s, 1e-3)
        if not total:
            self._draw(f"{done} {self._of}, {per_s:.0f} per second")
            return
        full = _BAR * done // total
        left_s = round((total - done) / max(per_s, 1e-3))
        self._draw(
            f"[{'#' * full}{'.' * (_BAR - full)}] {done} of {total} {self._of}, {per_s:.0f} per second, "
            f"{left_s // 60}:{left_s % 60:02d} left"
        )

    def _draw(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        # Blanks, not an escape sequence, take away what was longer: every terminal knows them.
        text = f"\r{line}{' ' * (self._letters - len(line))}"
        self._letters = len(line)
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()
