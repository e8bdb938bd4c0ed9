"""The scores of recent uploads, so that adding a photo to a gallery does not score the others again."""

import hashlib
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from popscore.files.opening import open_regular
from popscore.models.spec import ModelInfo
from popscore.photos.sources import PhotoSource
from popscore.scoring.scorer import Content, ScoreCache

_MOST = 20_000  # about 10 MB
# A file that changed just now may change again without a new time: file systems count in steps.
_RACY_NS = 2_000_000_000

_State = tuple[str, int, int, int, int]
"""Where a file lies, and what changes with its content: size, times, inode."""


class RememberedScores:
    """Scores in memory, each by the content of its photo and by its model. Threads may share it.

    Args:
        most: scores to remember.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._scores: OrderedDict[tuple[str, bytes], Content] = OrderedDict()
        self._hashes: OrderedDict[_State, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def of(self, model: ModelInfo) -> ScoreCache:
        """The scores of one model: the model of the app may change while it runs, and scores are never mixed."""
        return _OfModel(self, model.sha256)

    def get(self, model: str, photo: PhotoSource) -> Content | None:
        """What the model of this SHA-256 found out about a photo of this content."""
        content = self._hash(photo)
        with self._lock:
            known = None if content is None else self._scores.get((model, content))
            if known is not None and content is not None:
                self._scores.move_to_end((model, content))
            return known

    def put(self, model: str, photo: PhotoSource, found: Content) -> None:
        """Remember a photo; the one used longest ago is forgotten for it."""
        content = self._hash(photo)
        if content is None:
            return
        with self._lock:
            self._scores[model, content] = found
            _shorten(self._scores, self._most)

    def _hash(self, photo: PhotoSource) -> bytes | None:
        """SHA-256 of a file, known already if it has not changed; None if it cannot be read, or is no file."""
        if not isinstance(photo, (str, os.PathLike)):
            return None
        try:
            with open_regular(photo) as file:
                found = os.fstat(file.fileno())
                state = os.fspath(photo), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
                with self._lock:
                    known = self._hashes.get(state)
                if known is None:
                    known = hashlib.file_digest(file, "sha256").digest()
                    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _RACY_NS:
                        with self._lock:
                            self._hashes[state] = known
                            _shorten(self._hashes, self._most)
                return known
        except (OSError, ValueError):
            return None


def _shorten(known: OrderedDict[Any, Any], most: int) -> None:
    if len(known) > most:
        known.popitem(last=False)


@dataclass(frozen=True)
class _OfModel:
    """A ScoreCache for one model."""

    scores: RememberedScores
    model: str

    def get(self, photo: PhotoSource) -> Content | None:
        """What is known about an upload."""
        return self.scores.get(self.model, photo)

    def put(self, photo: PhotoSource, content: Content) -> None:
        """Remember an upload."""
        self.scores.put(self.model, photo, content)
