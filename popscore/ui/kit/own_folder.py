"""The folder of a running app: the only place where anything of a visitor lies, and nothing stays there.

Nobody but the user that the app runs as may look into it. It goes when the app ends; what an app that was killed left
behind goes when the next one starts.
"""

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import IO

_PREFIX = "popscore-"
_LOCK = ".running"
# Gradio reads it whenever it needs a place for files.
_VARIABLE = "GRADIO_TEMP_DIR"
_made: set[Path] = set()


class OwnFolder:
    """A private folder.

    Args:
        location: of the folder; by default a new one, in GRADIO_TEMP_DIR or where the system keeps temporary files.

    Attributes:
        location: of the folder.
    """

    def __init__(self, location: Path | None = None) -> None:
        base = Path(os.environ.get(_VARIABLE) or tempfile.gettempdir()).absolute()
        if base in _made:  # of another app in this process
            base = base.parent
        if location is None:
            base.mkdir(parents=True, exist_ok=True)
            _remove_left_behind(base)
            location = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        else:
            location.mkdir(mode=0o700, parents=True, exist_ok=True)
            location.chmod(0o700)
        self.location, self._base = location.resolve(), base
        self._lock = _locked(self.location / _LOCK)
        _made.add(self.location)
        atexit.register(self.remove)
        os.environ[_VARIABLE] = str(self.location)

    def sweep(self, older_than_s: float) -> None:
        """Delete files that were written longer ago, and folders that are empty by then.

        Args:
            older_than_s: their age in seconds. A file that is still being written to is young.
        """
        until_s = time.time() - older_than_s
        for folder, _, files in os.walk(self.location, topdown=False):
            for name in files:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    if name != _LOCK and path.lstat().st_mtime < until_s:
                        path.unlink()
            if Path(folder) != self.location:
                with contextlib.suppress(OSError):  # not empty, or somebody is about to use it
                    if Path(folder).lstat().st_mtime < until_s:
                        Path(folder).rmdir()

    def remove(self) -> None:
        """Delete the folder and all that is in it."""
        if self._lock is not None:
            self._lock.close()
        shutil.rmtree(self.location, ignore_errors=True)
        _made.discard(self.location)
        atexit.unregister(self.remove)
        if os.environ.get(_VARIABLE) == str(self.location):
            os.environ[_VARIABLE] = str(self._base)


def _remove_left_behind(base: Path) -> None:
    """Delete the folders of apps that were killed: the system has let go of their locks."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
            if ours and (folder / _LOCK).is_file():
                lock = _locked(folder / _LOCK)
                if lock is not None:
                    lock.close()
                    shutil.rmtree(folder, ignore_errors=True)


def _locked(path: Path) -> IO[bytes] | None:
    """The file, with a lock that the system takes away when this process ends; None if another one has it."""
    file = open(path, "ab")  # noqa: SIM115  open as long as the app runs
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows does not delete files that a process has open
        return file
    except OSError:
        file.close()
        return None
    return file
