"""Who uses which files, so that they go when the visit ends, and at the latest when they are old."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterable, MutableSet, Sequence
from pathlib import Path

from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.own_folder import OwnFolder
from popscore.ui.kit.uploads import KEEP_UPLOADS_S
from popscore.workers import memory

# A page whose connection broke comes back as another visit, and needs its photos then.
KEEP_AFTER_VISIT_S = 60.0
_SWEEP_EACH_S = 10.0
# Visits that are remembered; who comes after so many others finds that his files go by their age.
_MOST_VISITS = 2000


class Visits:
    """Files by visit, and the sweeper. Threads may share it.

    Args:
        folder: of the app.
    """

    def __init__(self, folder: OwnFolder) -> None:
        self.folder = folder
        self._files: dict[str, set[Path]] = {}
        self._ended_s: dict[str, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._told: list[Callable[[], None]] = []

    def when_files_went(self, told: Callable[[], None]) -> None:
        """Have something called after each sweep, so that what is remembered of files goes with them."""
        self._told.append(told)

    def uses(self, paths: Iterable[Path]) -> None:
        """Whoever asks for what is being done uses these files. Call it where `current_asker` may be called."""
        session = current_asker().session
        if session is None:
            return
        with self._lock:
            self._ended_s.pop(session, None)
            self._files.setdefault(session, set()).update(paths)
            while len(self._files) > _MOST_VISITS:
                oldest = next(iter(self._files))
                del self._files[oldest]
                self._ended_s.pop(oldest, None)

    def ended(self, session: str | None) -> None:
        """A visit has ended; its files go in a minute."""
        with self._lock:
            if session in self._files:
                self._ended_s[session] = time.monotonic()

    def sweep(self) -> None:
        """Delete the files of visits that have ended, unless others use them too, and all that are old."""
        now = time.monotonic()
        with self._lock:
            over = [session for session, at_s in self._ended_s.items() if now - at_s >= KEEP_AFTER_VISIT_S]
            gone = set().union(*(self._files.pop(session) for session in over))
            for session in over:
                del self._ended_s[session]
            gone -= set().union(*self._files.values())
        for path in gone:
            _delete(path, self.folder.location)
        self.folder.sweep(KEEP_UPLOADS_S)
        for told in self._told:
            told()

    def forget_missing(self, known: Sequence[MutableSet[str]]) -> None:
        """Take paths that are gone out of Gradio's lists, which would grow for ever."""
        for paths in known:
            for path in list(paths):
                if not Path(path).exists():
                    paths.discard(path)

    def sweep_until_closed(self, known: Sequence[MutableSet[str]]) -> None:
        """Sweep again and again; for a thread of its own.

        Args:
            known: Gradio's lists of files.
        """
        while not self._over.wait(_SWEEP_EACH_S):
            self.sweep()
            self.forget_missing(known)
            memory.give_back()

    def close(self) -> None:
        """The app ends: everything goes."""
        self._over.set()
        self.folder.remove()


def _delete(path: Path, inside: Path) -> None:
    """Delete a file, or a folder of downloads, and the folder that it leaves empty."""
    if not path.is_relative_to(inside) or path == inside:
        return
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
            if path.parent != inside:
                path.parent.rmdir()
