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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import PIL

from popscore.files.opening import open_regular
from popscore.files.sqlite import Database
from popscore.models.spec import ModelInfo
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.photos.sources import PhotoSource
from popscore.results import FAULTS
from popscore.scoring.cache_file import SCHEMA, prune
from popscore.scoring.scorer import Content

# Raise it when decoding, preprocessing, the signature or the warnings change, so that old scores are not used any more.
SCORING_VERSION = 2
# As git does: a file that changed in the last seconds may change again without a new time, because file
# systems store times in steps of up to 2 s.
_RACY_NS = 2_000_000_000
_BATCH = 200
_DAY_S = 86_400
_MAX_SIDE = 1_000_000
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
        self._path, self._max_bytes = path, max_bytes
        self._file = None if path is None else Database(path, SCHEMA)
        # Another Pillow may decode a little differently.
        version = f"{SCORING_VERSION} {PIL.__version__} {'exact' if exact else 'scaled'}"
        self._prefix = hashlib.sha256(f"{model.sha256} {version}".encode()).digest()
        self._lock = threading.Lock()
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

    def get(self, photo: PhotoSource) -> Content | None:
        """What is known of a photo file that was scored before; None for anything but a path."""
        if not self._readable or not isinstance(photo, (str, os.PathLike)):
            return None
        content, row = self._looked_up(os.fspath(photo)) or (b"", None)
        if row is None:
            return None
        self.hits += 1
        if row[6] != self._today:
            self._used_scores.append(self._key(content))
        return Content(*row[:6])

    def put(self, photo: PhotoSource, content: Content) -> None:
        """Remember what was found out, unless the file has changed since `get`."""
        if not isinstance(photo, (str, os.PathLike)):
            return
        path = os.fspath(photo)
        known = self._seen.pop(path, None)
        if known is None or not self._writable or _stat(path) != known.stat:
            return
        if not known.settled and _hashed_content(path) != known.content:
            return
        row = (content.score, content.width, content.height, content.signature, content.taken_s, content.warning)
        with self._lock:
            self._new_scores.append((self._key(known.content), *row, self._today))
            full = len(self._new_scores) >= _BATCH
        if full:
            self._write()

    def close(self) -> None:
        """Write what is left, drop what was not used for longest, and let go of the file."""
        self._write(last=True)
        if self._file is not None:
            self._file.close()
        self._readable = self._writable = False

    # --- looking up ---------------------------------------------------------------------------------

    def _looked_up(self, path: str) -> tuple[bytes, _Row | None] | None:
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
            hashed = _hashed_content(path)
            if hashed is None or _stat(path) != found:
                return None
            content = hashed
            settled = time.time_ns() - max(found[1], found[2]) > _RACY_NS
            if settled:
                with self._lock:
                    self._new_files.append((key, *found, content, self._today))
        score = self._read(
            "SELECT score, width, height, signature, taken_s, warning, used FROM scores WHERE key = ?",
            self._key(content),
        )
        if score is None or not _is_sound(score):
            self._seen[path] = _Known(found, content, settled)
            score = None
        return content, score

    def _key(self, content: bytes) -> bytes:
        return hashlib.sha256(self._prefix + content).digest()

    # --- the file -----------------------------------------------------------------------------------

    def _read(self, query: str, key: bytes) -> _Row | None:
        def fetch(connection: sqlite3.Connection) -> _Row | None:
            row: _Row | None = connection.execute(query, (key,)).fetchone()
            return row

        return self._guarded(fetch) if self._readable else None

    def _write(self, *, last: bool = False) -> None:
        with self._lock:
            scores, files, used_scores, used_files = waiting = (
                self._new_scores,
                self._new_files,
                self._used_scores,
                self._used_files,
            )
            self._new_scores, self._new_files, self._used_scores, self._used_files = [], [], [], []
        if not any(waiting) or not self._writable:
            return

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)", scores)
                connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", files)
                for table, column, keys in (("scores", "key", used_scores), ("files", "path", used_files)):
                    update = f"UPDATE {table} SET used = ? WHERE {column} = ?"  # noqa: S608  fixed words
                    connection.executemany(update, [(self._today, key) for key in keys])
                if last and scores:
                    prune(connection)

        self._guarded(write, writing=True)

    def _guarded(self, action: Callable[[sqlite3.Connection], _Row | None], *, writing: bool = False) -> _Row | None:
        if self._file is None:
            return None
        try:
            return self._file.run(action)
        except (sqlite3.Error, OSError) as error:
            self._give_up(_reason(error), keep_reading=writing and self._file.is_open)
            return None
        finally:
            if self._file.put_aside and self.trouble is None:
                self.trouble = f"The score cache {self._path} was damaged. It was put aside, and a new one begun."

    def _give_up(self, reason: str, *, keep_reading: bool = False) -> None:
        self._writable = False
        self._readable = keep_reading
        where = f" {self._path}" if self._path else ""
        what = "is not written" if keep_reading else "is not used"
        self.trouble = f"The score cache{where} {what}: {reason}. Scores are right, the next run is slower."


def _is_sound(row: _Row) -> bool:
    score, width, height, signature, taken_s, warning, _used = row
    return (
        isinstance(score, float)
        and math.isfinite(score)
        and all(isinstance(side, int) and 0 < side <= _MAX_SIDE for side in (width, height))
        and isinstance(signature, bytes)
        and len(signature) == SIGNATURE_BYTES
        and (taken_s is None or (isinstance(taken_s, float) and math.isfinite(taken_s)))
        and (warning is None or warning in FAULTS)
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


def _hashed_content(path: str) -> bytes | None:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError):
        return None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
