"""A log that cannot be flooded, and that names no visitor's files.

Each kind of error is written in full once: its type and where in the code it arose. Later ones of its kind are counted,
and the counts are written once a minute. Messages of exceptions are left out, because they repeat what was sent:
names of files, addresses, places in the upload folder. Before, 2,664 malformed requests wrote 13 MB.
"""

import atexit
import logging
import re
import sys
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import TracebackType

from popscore.foreign_text import printable

_SUMMARY_AFTER_S = 60.0
# Kinds are places in code, of which there are few; the limits hold whatever happens.
_MOST_KINDS, _MOST_IN_SUMMARY = 300, 12
_MOST_FRAMES, _MOST_CAUSES, _MOST_CHARACTERS = 6, 3, 200
# Loggers that uvicorn gives a handler of its own when it starts, so that the root logger sees nothing of them.
_APART = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
# What may come from outside: quoted words, addresses, paths.
_FOREIGN = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\w+://\S*|(?<![\w.])/\S+|\b[A-Za-z]:\\\S+""")
# Lines of a traceback in a text. Its type begins the first line behind them that is not indented.
_FRAME = re.compile(r'^ +File "([^"\n]+)", line (\d+), in ([\w<>]+)$', re.MULTILINE)
_TYPE = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)


class QuietLog(logging.Handler):
    """A handler that writes each kind once and counts the others; everything else is sent to it by `keep_log_short`.

    Args:
        write: takes one text, of one or several lines without the end of the last.
        summary_after_s: how often counts are written, at most.
    """

    def __init__(self, write: Callable[[str], None], summary_after_s: float = _SUMMARY_AFTER_S) -> None:
        super().__init__(logging.WARNING)
        self._write, self._summary_after_s = write, summary_after_s
        self._seen: set[str] = set()
        self._again: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write or count what was logged."""
        error = record.exc_info[1] if record.exc_info else None
        # With arguments the text is the program's; without, they may be part of it already.
        text = without_foreign_words(str(record.msg) if record.args else record.getMessage())
        if error is None:
            told = _told(record.getMessage())
            place = f"{told[0].strip()} {told[-1].strip()}" if told else _short(record.pathname, record.lineno)
            self.note(f"{record.name} {place}", "\n".join([f"{record.name}: {text}", *told]))
        else:
            self.note_error(error, f"{record.name}: {text}")

    def note_error(self, error: BaseException, heading: str) -> None:
        """Write or count an exception; its kind is its type and the place where it arose."""
        place = next(reversed([*_places(error.__traceback__)]), "")
        self.note(f"{type(error).__name__} {place}".strip(), "\n".join([heading, *_described(error)]))

    def note(self, kind: str, text: str) -> None:
        """Write a text if it is the first of its kind, count it otherwise."""
        with self._counting:
            if kind not in self._seen and len(self._seen) < _MOST_KINDS:
                self._seen.add(kind)
                first = True
            else:
                self._again[kind if kind in self._seen else "other kinds"] += 1
                first = False
                if self._timer is None:
                    self._timer = threading.Timer(self._summary_after_s, self.summarise)
                    self._timer.daemon = True
                    self._timer.start()
        if first:
            self._write(text)

    def summarise(self) -> None:
        """Write how often known kinds came again since the last summary, if any did."""
        with self._counting:
            counts, self._again, self._timer = self._again, Counter(), None
        if not counts:
            return
        lines = [f"  {number} x {kind}" for kind, number in counts.most_common(_MOST_IN_SUMMARY)]
        rest = len(counts) - len(lines)
        self._write("\n".join(["Again since the last summary:", *lines, *([f"  {rest} kinds more"] if rest else [])]))


def without_foreign_words(text: str) -> str:
    """The first line of a text, without what may come from outside, and not long."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return printable(_FOREIGN.sub("…", first)[:_MOST_CHARACTERS])


def _described(error: BaseException) -> Iterator[str]:
    """Type and places of an exception and of those that it came from, as indented lines."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen and len(seen) < _MOST_CAUSES:
        reason = f": {current.strerror}" if isinstance(current, OSError) and current.strerror else ""
        yield f"  {'caused by ' if seen else ''}{_full_name(type(current))}{reason}"
        places = [*_places(current.__traceback__)]
        yield from (f"    {place}" for place in places[-_MOST_FRAMES:])
        seen.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _full_name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _places(trace: TracebackType | None) -> Iterator[str]:
    """Where a traceback leads through: the last two parts of each file, line and function; the deepest comes last."""
    for frame, line in traceback.walk_tb(trace):
        yield f"{_short(frame.f_code.co_filename, line)} in {frame.f_code.co_name}"


def _told(text: str) -> list[str]:
    """Type and places of a traceback that is part of a text, as a worker sends it; nothing if there is none."""
    found = [*_FRAME.finditer(text)]
    if not found:
        return []
    kind = _TYPE.search(text, found[-1].end())
    places = [f"    {_short(frame[1], int(frame[2]))} in {frame[3]}" for frame in found[-_MOST_FRAMES:]]
    return [f"  {kind[1] if kind else 'An error'}", *places]


def _short(file: str, line: int) -> str:
    """A place in code: the last two parts of its file, and its line."""
    return f"{'/'.join(PurePath(file).parts[-2:])}:{line}"


class _Into(logging.Filter):
    """Sends a logger's records to the quiet log, past the handlers that it has or will get."""

    def __init__(self, log: QuietLog) -> None:
        super().__init__()
        self._log = log

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        self._log.handle(record)
        return False


def keep_log_short() -> QuietLog:
    """From now on everything that libraries log, warn of or print as a traceback goes through a QuietLog to stderr.

    For a process that serves the app; it changes hooks of the whole process, and Gradio's way to print errors.
    """
    log = QuietLog(_to_stderr)
    logging.basicConfig(handlers=[log], force=True)
    for name in _APART:
        logging.getLogger(name).addFilter(_Into(log))

    def print_exc(*_: object, **__: object) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            log.note_error(error, "An error while answering a request:")

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            log.note_error(args.exc_value, "An error in a thread:")

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            log.note_error(args.exc_value, "An error that nobody could be told of:")

    def showwarning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
    ) -> None:
        place = _short(filename, lineno)
        log.note(f"{category.__name__} {place}", f"{place}: {category.__name__}: {without_foreign_words(str(message))}")

    traceback.print_exc = print_exc  # Gradio's queue calls it
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    warnings.showwarning = showwarning
    atexit.register(log.summarise)
    return log


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # closed, or nobody reads it: no reason to stop answering
        return
