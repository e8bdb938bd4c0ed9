"""Files from outside, opened for reading: regular files only, and never waiting for anybody."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from popscore.errors import PopscoreError, UnreadableImage, UnreadableVideo


class NotRegular(OSError):
    """There is something, but it is no regular file: a folder, a named pipe, a device."""

    def __init__(self, path: str) -> None:
        super().__init__(None, "it is not a regular file", path)


@dataclass(frozen=True)
class Wanted:
    """What a file should be, for messages.

    Attributes:
        noun: a photo or a video.
        error: raised when it cannot be opened.
        in_folder: the next step for somebody who named a folder.
    """

    noun: str
    error: type[PopscoreError]
    in_folder: str


PHOTO = Wanted("photo", UnreadableImage, "Name the photos in it.")
VIDEO = Wanted("video", UnreadableVideo, "Name a video in it.")


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading.

    Raises:
        NotRegular: it is a named pipe, a device or the like. A folder is an IsADirectoryError.
        OSError: it cannot be opened.
        ValueError: the path holds a NUL, or half a letter.
    """
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115  handed to the caller
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise NotRegular(os.fspath(path))


def _at_once(path: str, flags: int) -> int:
    """Non-blocking, because opening a named pipe would otherwise wait for a writer, for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def opened(path: str | os.PathLike[str], *, name: str, wanted: Wanted) -> Iterator[BinaryIO]:
    """Open a regular file for reading; what goes wrong, then and while it is read, becomes a sentence.

    Args:
        path: of the file.
        name: what to call it in messages.
        wanted: what it should be.

    Raises:
        PopscoreError: `wanted.error`, with the reason and the next step.
    """
    try:
        with open_regular(path) as file:
            yield file
    except PopscoreError:
        raise
    except FileNotFoundError:
        raise wanted.error(f"{name} could not be read: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise wanted.error(f"{name} is a folder, not a {wanted.noun}. {wanted.in_folder}") from None
    except PermissionError:
        raise wanted.error(f"{name} could not be read: permission denied. Check the file's permissions.") from None
    except NotRegular as error:
        raise wanted.error(f"{name} could not be read: {error.strerror}. Choose a {wanted.noun} file.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise wanted.error(f"{name} could not be read: {reason}. Check the file.") from error
    except ValueError as error:  # a path with a NUL or half a surrogate pair
        raise wanted.error(f"{name} could not be read: {error}. Check the path.") from None


def head_of(path: str | os.PathLike[str], count: int) -> bytes:
    """The first bytes of a regular file. Raises OSError and ValueError as `open_regular`."""
    with open_regular(path) as file:
        return file.read(count)


def limited_bytes(path: Path, max_bytes: int) -> bytes | int:
    """All bytes of a regular file, or only how many there are if there are more than allowed.

    Raises:
        OSError, ValueError: as `open_regular`.
    """
    with open_regular(path) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes > max_bytes:
            return size_bytes
        content = file.read(max_bytes + 1)
        return len(content) if len(content) > max_bytes else content
