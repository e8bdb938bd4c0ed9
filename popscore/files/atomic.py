"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from popscore.errors import ExportFailed
from popscore.files.kinds import HEAD_BYTES, PHOTO_SUFFIXES, photo_kind
from popscore.files.opening import head_of
from popscore.foreign_text import shortened


def check_target(path: Path, *, photos: bool = False) -> None:
    """Refuse a target that must not be replaced or cannot be written, before any work is done.

    Args:
        path: of the target.
        photos: a photo may be replaced too, where the name is one that only popscore gives.

    Raises:
        ExportFailed: it is a folder, a photo or not a regular file, or its folder is missing.
    """
    name = shortened(path.name or str(path))
    try:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                raise ExportFailed(f"{name} was not written: it is a folder. Name a file in it.")
            if not stat.S_ISREG(found.st_mode):
                raise ExportFailed(f"{name} was not written: it is not a regular file. Name another file.")
            looks = photo_kind(head_of(path, HEAD_BYTES)) is not None or path.suffix.lower() in PHOTO_SUFFIXES
            if looks and not photos:
                raise ExportFailed(f"{name} was not written: a photo is there. Name another file.")
            if not os.access(path, os.W_OK):
                raise ExportFailed(f"{name} was not written: it is write-protected. Name another file.")
        if not path.resolve().parent.is_dir():
            raise ExportFailed(f"{name} was not written: there is no folder {path.parent}. Make it first.")
    except ExportFailed:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a NUL in the path, a loop of links
        raise failure(name, error) from error


def make_folder(folder: Path) -> None:
    """Make the folder that results go to, before any work is done.

    Raises:
        ExportFailed: it cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise failure(shortened(folder.name or str(folder)), error) from error


@contextlib.contextmanager
def replacing(path: Path, *, photos: bool = False) -> Iterator[BinaryIO]:
    """Write a file that takes its place only when it is whole and on the disk.

    Whatever interrupts the writing, a full disk or Ctrl-C, leaves what was there before. A symbolic link
    stays one: the file that it leads to is replaced, and keeps its permissions.

    Args:
        path: of the file.
        photos: a photo may be replaced too, see `check_target`.

    Raises:
        ExportFailed: the file could not be written; the reason is in the message.
    """
    check_target(path, photos=photos)
    name = shortened(path.name)
    temporary: Path | None = None
    try:
        target = path.resolve()
        # Beside the target, because only within one file system a file takes another's place at once.
        temporary = target.with_name(f".popscore-{secrets.token_hex(8)}.tmp")
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except ExportFailed:
        raise
    except OSError as error:
        raise failure(name, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def failure(name: str, error: Exception) -> ExportFailed:
    """What could not be written, and why."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ExportFailed(f"{name} was not written: {reason}. Check the disk and the permissions there.")
