"""What the app and a worker say to each other: pickles with their length in front.

The app may send what it likes. A worker reads files from outside, so what it sends back is not trusted: only values
of the classes named here are made from it.
"""

import io
import pickle
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from popscore import errors

_LENGTH = struct.Struct("<Q")
# An answer about a video has a point for each frame that was looked at; a preview has 200 kB.
MAX_ANSWER_BYTES = 256_000_000

# Module and name of each class that an answer may be made of, besides numbers, texts, lists and the like.
_CLASSES = {
    ("popscore.workers.messages", "Progress"),
    ("popscore.workers.messages", "Answer"),
    ("popscore.workers.messages", "Raised"),
    ("popscore.workers.messages", "Broken"),
    ("popscore.scoring.scorer", "Content"),
    ("popscore.results", "FailedPhoto"),
    ("popscore.results", "PersonalScore"),
    ("popscore.results", "Neighbour"),
    ("popscore.models.spec", "ModelInfo"),
    ("popscore.models.spec", "ModelSpec"),
    ("popscore.video.results", "VideoRanking"),
    ("popscore.video.results", "RankedFrame"),
    ("popscore.video.results", "FramePoint"),
    *((module, name) for module in ("pathlib", "pathlib._local") for name in ("PosixPath", "WindowsPath")),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """A PopscoreError that a task raised: the name of its class, and its words."""

    kind: str
    message: str

    def error(self) -> errors.PopscoreError:
        """The same error in this process."""
        kind = getattr(errors, self.kind, None)
        known = isinstance(kind, type) and issubclass(kind, errors.PopscoreError)
        return kind(self.message) if known and kind is not None else errors.PopscoreError(self.message)


@dataclass(frozen=True, slots=True)
class Broken:
    """A task ended with an error that nobody expected: its traceback, for the log."""

    traceback: str


class Garbled(Exception):
    """A worker sent what no worker sends."""


class _Answers(pickle.Unpickler):
    """Makes nothing but what an answer is made of."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CLASSES or (module == "popscore.errors" and name in vars(errors)):
            return super().find_class(module, name)
        raise Garbled(f"{module}.{name} is no part of an answer")


def send(pipe: BinaryIO, message: object) -> None:
    """Send one message. Raises OSError where nobody reads any more."""
    packed = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(packed)) + packed)
    pipe.flush()


def receive_request(pipe: BinaryIO) -> Any:
    """The next message from the app. Raises EOFError at the end."""
    return pickle.loads(_packed(pipe, MAX_ANSWER_BYTES))  # noqa: S301  the app is trusted by its worker


def receive_answer(pipe: BinaryIO) -> Any:
    """The next message from a worker.

    Raises:
        EOFError: the worker has ended.
        Garbled: this is no answer.
    """
    packed = _packed(pipe, MAX_ANSWER_BYTES)
    try:
        return _Answers(io.BytesIO(packed)).load()
    except Garbled:
        raise
    except Exception as error:
        raise Garbled(f"{type(error).__name__}: {error}") from error


def _packed(pipe: BinaryIO, most: int) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size))
    if length > most:
        raise EOFError
    return _exactly(pipe, length)


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError
    return found
