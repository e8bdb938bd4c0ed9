"""What commands write to the terminal, to a pipe or to a file: answers, progress, complaints, the exit status."""

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from popscore.foreign_text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

ALL_WELL, SOME_FAILED, NOTHING_DONE = 0, 1, 2
"""Exit statuses."""


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


def complain_about(messages: Sequence[str], *, more: str, shown: int = 5, total: int | None = None) -> None:
    """Say the first of many things that went wrong, one a line, and then how many more there are.

    Args:
        messages: the first of them at least, in order.
        more: what is said after the number of the others, such as `more rows cannot be read.`
        shown: so many are said.
        total: how many there are, where `messages` are not all.
    """
    said = messages[:shown]
    for message in said:
        complain(message)
    left = (len(messages) if total is None else total) - len(said)
    if left > 0:
        complain(f"{left:,} {more}")


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
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # nobody looks any more
                self._bar.close()

    def update(self, done: int, total: int | None) -> None:
        """Show how far the work is."""
        if sys.stderr is None or not sys.stderr.isatty():
            return
        with contextlib.suppress(OSError):
            if self._bar is None:
                from tqdm import tqdm  # where nobody looks, no command waits for it

                left = ", {remaining} left" if total else ""
                self._bar = tqdm(
                    total=total,
                    bar_format=f"{{bar}} {{n_fmt}} of {{total_fmt}} {self._of}, {{rate_noinv_fmt}}{left}",
                    unit=f" {self._of}",
                    leave=False,
                    ncols=max(1, shutil.get_terminal_size().columns - 1),
                    nrows=2,  # some terminals say that they have none, and then tqdm draws nothing
                    file=sys.stderr,
                )
            self._bar.total = total
            self._bar.update(done - self._bar.n)
