"""Scores of earlier runs, so that an unchanged photo is not read again.

A score belongs to a content, a model and a way of decoding: its key is a hash of the three. A second table knows
the content of files by size, times and inode, so that an unchanged file is not even hashed. No path and no name
is stored, only hashes. Whatever is wrong with the cache, popscore is slower and says so once; it never fails.
"""

import hashlib
import math
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import PIL

from popscore import scale
from popscore.models import ModelInfo
from popscore.photos.decode import PhotoSource
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.results import ScoredPhoto
from popscore.scoring.cache_file import companions, connect, damaged_copy, prune
from popscore.scoring.scorer import Candidate

# Raise it when decoding, preprocessing or the signature change, so that old scores are not used any more.
SCORING_VERSION = 1
# As git does: a file that changed in the last seconds may change again without a new time, because file
# systems store times in steps of up to 2 s.
_RACY_NS = 2_000_000_000
_BATCH = 200
_DAY_S = 86_400
_MAX_SIDE = 1_000_000
_T = TypeVar("_T")
_Stat = tuple[int, int, int, int]
_Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Known:
    """What a file was when it was looked at."""

    stat: _Stat
    content: bytes
    settled: bool  # it had not changed in the last seconds


class SqliteScoreCache:
    """A `ScoreCache` in one file. Threads may share it; so may processes.

    Args:
        path: the file; None remembers nothing.
        model: scores of this model only.
        exact: scores of photos decoded in full, or of those decoded at reduced size.
        max_bytes: larger files are not looked at.

    Attributes:
        trouble: why the cache is not used, or not written; None while all is well.
        hits: photos that were not scored again.
    """

    def __init__(self, path: Path | None, *, model: ModelInfo, exact: bool, max_bytes: int) -> None:
        self._path, self._model, self._max_bytes = path, model, max_bytes
        # Another Pillow may decode a little differently.
        version = f"{SCORING_VERSION} {PIL.__version__} {'exact' if exact else 'scaled'}"
        self._prefix = hashlib.sha256(f"{model.sha256} {version}".encode()).digest()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._mended = False
        self._readable = self._writable = True
        self._seen: dict[str, _Known] = {}  # photos being scored: from get() to put()
        self._new_scores: list[_Row] = []
        self._new_files: list[_Row] = []
        self._today = int(time.time() // _DAY_S)
        self._used_scores: list[bytes] = []
        self._used_files: list[bytes] = []
        self.trouble: str | None = None
        self.hits = 0
        if path is None:
            self._give_up("the system does not say where your files are. Set POPSCORE_CACHE_DIR")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- ScoreCache ---------------------------------------------------------------------------------

    def get(self, photo: PhotoSource) -> Candidate | None:
        """The candidate of a photo file that was scored before; None for anything but a path."""
        if not self._readable or not isinstance(photo, (str, os.PathLike)):
            return None
        path = os.fspath(photo)
        found = self._file(path)
        if found is None:
            return None
        content, row = found
        candidate = self._candidate(path, row) if row else None
        if candidate is not None and row is not None:
            self.hits += 1
            if row[5] != self._today:
                self._used_scores.append(self._key(content))
        return candidate

    def put(self, photo: PhotoSource, candidate: Candidate) -> None:
        """Remember a candidate, unless the file has changed since `get`."""
        if not isinstance(photo, (str, os.PathLike)):
            return
        path = os.fspath(photo)
        known = self._seen.pop(path, None)
        if known is None or not self._writable or _stat(path) != known.stat:
            return
        if not known.settled and _content(path) != known.content:
            return
        scored = candidate.photo
        row = (scored.score, scored.width, scored.height, candidate.signature, candidate.taken_s)
        with self._lock:
            self._new_scores.append((self._key(known.content), *row, self._today))
            full = len(self._new_scores) >= _BATCH
        if full:
            self._write()

    def close(self) -> None:
        """Write what is left, drop what was not used for longest, and let go of the file."""
        self._write(last=True)
        with self._lock:
            if self._connection is not None:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = None
            self._readable = self._writable = False

    # --- looking up ---------------------------------------------------------------------------------

    def _file(self, path: str) -> tuple[bytes, _Row | None] | None:
        """Content of a file, and the row of its score; None if the file cannot be read."""
        found = _stat(path)
        if found is None or found[0] > self._max_bytes:
            return None
        key = _hashed_path(path)
        row = self._read("SELECT size, mtime_ns, ctime_ns, inode, content, used FROM files WHERE path = ?", key)
        if row is not None and row[:4] == found and isinstance(row[4], bytes):
            content, settled = row[4], True
            if row[5] != self._today:
                self._used_files.append(key)
        else:
            hashed = _content(path)
            if hashed is None or _stat(path) != found:
                return None
            content = hashed
            settled = time.time_ns() - max(found[1], found[2]) > _RACY_NS
            if settled:
                with self._lock:
                    self._new_files.append((key, *found, content, self._today))
        score = self._read(
            "SELECT score, width, height, signature, taken_s, used FROM scores WHERE key = ?", self._key(content)
        )
        if score is None or not _is_sound(score):
            self._seen[path] = _Known(found, content, settled)
            score = None
        return content, score

    def _candidate(self, path: str, row: _Row) -> Candidate:
        score, width, height, signature, taken_s, _used = row
        spec, band = self._model.spec, scale.band(score)
        photo = ScoredPhoto(
            file=path,
            score=score,
            percentile=scale.percentile(score, mean=spec.reference_mean, std=spec.reference_std),
            label=band.label,
            color=band.color,
            width=width,
            height=height,
        )
        return Candidate(photo, signature=signature, taken_s=taken_s)

    def _key(self, content: bytes) -> bytes:
        return hashlib.sha256(self._prefix + content).digest()

    # --- the file -----------------------------------------------------------------------------------

    def _read(self, query: str, key: bytes) -> _Row | None:
        def fetch(connection: sqlite3.Connection) -> _Row | None:
            row: _Row | None = connection.execute(query, (key,)).fetchone()
            return row

        return self._guarded(fetch) if self._readable else None

    def _write(self, *, last: bool = False) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)", self._new_scores)
                connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", self._new_files)
                touched = (("scores", "key", self._used_scores), ("files", "path", self._used_files))
                for table, column, keys in touched:
                    update = f"UPDATE {table} SET used = ? WHERE {column} = ?"  # noqa: S608  fixed words
                    connection.executemany(update, [(self._today, key) for key in keys])
                if last and self._new_scores:
                    prune(connection)
            for written in (self._new_scores, self._new_files, self._used_scores, self._used_files):
                written.clear()

        waiting = self._new_scores or self._new_files or self._used_scores or self._used_files
        if waiting and self._writable:
            self._guarded(write, writing=True)

    def _guarded(self, action: Callable[[sqlite3.Connection], _T], *, writing: bool = False) -> _T | None:
        with self._lock:
            for _ in range(2):
                if self._path is None:
                    break
                try:
                    if self._connection is None:
                        self._connection = connect(self._path)
                    return action(self._connection)
                except (sqlite3.Error, OSError) as error:
                    if not self._mend(error):
                        self._give_up(_reason(error), keep_reading=writing and self._connection is not None)
                        return None
        return None

    def _mend(self, error: Exception) -> bool:
        """Put a damaged file aside, once. It is kept, in case it was no cache of popscore's."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if self._mended or self._path is None or code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        self._mended = True
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        try:
            self._path.replace(damaged_copy(self._path))
            for companion in companions(self._path):
                companion.unlink(missing_ok=True)
        except OSError:
            return False
        self.trouble = f"The score cache {self._path} was damaged. It was put aside, and a new one begun."
        return True

    def _give_up(self, reason: str, *, keep_reading: bool = False) -> None:
        self._writable = False
        self._readable = keep_reading
        where = f" {self._path}" if self._path else ""
        what = "is not written" if keep_reading else "is not used"
        self.trouble = f"The score cache{where} {what}: {reason}. Scores are right, the next run is slower."


def _is_sound(row: _Row) -> bool:
    score, width, height, signature, taken_s, _used = row
    return (
        isinstance(score, float)
        and math.isfinite(score)
        and all(isinstance(side, int) and 0 < side <= _MAX_SIDE for side in (width, height))
        and isinstance(signature, bytes)
        and len(signature) == SIGNATURE_BYTES
        and (taken_s is None or (isinstance(taken_s, float) and math.isfinite(taken_s)))
    )


def _hashed_path(path: str) -> bytes:
    return hashlib.sha256(os.fsencode(os.path.abspath(path))).digest()  # noqa: PTH100  a Path costs as much as the rest


def _stat(path: str) -> _Stat | None:
    try:
        found = os.stat(path)  # noqa: PTH116  as above
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    # SQLite's numbers end at 63 bits; inodes of Windows have 128, and a damaged file system knows odd times.
    size, mtime_ns, ctime_ns, inode = (
        number & 0x7FFF_FFFF_FFFF_FFFF for number in (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    )
    return size, mtime_ns, ctime_ns, inode


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError):
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
