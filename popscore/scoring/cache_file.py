"""The file that holds the score cache: where it is, its tables, its size, how it is cleared."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from popscore.files.sqlite import NotOurs, Schema, companions, connect, damaged_copy, is_busy
from popscore.settings import Settings

FILE_NAME = "scores.sqlite"
MAX_ROWS = 200_000  # of each table; about 60 MB together
SCHEMA = Schema(
    application_id=0x706F7073,  # "pops"
    version=2,
    tables=("scores", "files"),
    create="""
CREATE TABLE IF NOT EXISTS scores (
    key BLOB PRIMARY KEY, score REAL, width INTEGER, height INTEGER, signature BLOB, taken_s REAL, warning TEXT,
    used INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, content BLOB, used INTEGER
) WITHOUT ROWID;
""",
)


def cache_file(settings: Settings) -> Path | None:
    """Where the scores are kept: POPSCORE_CACHE_DIR, or `popscore` in the person's cache folder.

    Returns:
        None if the system does not say where a person's files are.
    """
    if settings.cache_dir is not None:
        return settings.cache_dir / FILE_NAME
    from platformdirs import user_cache_path  # only a command that keeps scores needs it

    try:
        return user_cache_path("popscore", appauthor=False) / FILE_NAME
    except RuntimeError:
        return None


@dataclass(frozen=True, kw_only=True)
class CacheState:
    """What is in the cache: scores, photo files known, size on the disk."""

    path: Path
    scores: int
    files: int
    size_bytes: int


def cache_state(path: Path) -> CacheState:
    """What is in the cache. A file that is missing or cannot be read holds nothing."""
    scores = files = 0
    if path.exists():
        with suppress(sqlite3.Error, OSError):
            connection = connect(path, SCHEMA)
            try:
                scores, files = (
                    int(connection.execute(query).fetchone()[0])
                    for query in ("SELECT count(*) FROM scores", "SELECT count(*) FROM files")
                )
            finally:
                connection.close()
    size_bytes = 0
    for file in (path, *companions(path), damaged_copy(path)):
        with suppress(OSError):
            size_bytes += file.stat().st_size
    return CacheState(path=path, scores=scores, files=files, size_bytes=size_bytes)


def clear_cache(path: Path) -> None:
    """Forget all scores.

    Raises:
        OSError: the file could be neither emptied nor removed.
    """
    damaged_copy(path).unlink(missing_ok=True)
    if not path.exists():
        return
    try:
        connection = connect(path, SCHEMA)
        try:
            # Emptied, not removed: another popscore may be at work with it.
            connection.executescript("DELETE FROM scores; DELETE FROM files; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
        finally:
            connection.close()
    except NotOurs as error:
        raise OSError(None, str(error)) from None
    except sqlite3.Error as error:
        if is_busy(error):
            raise OSError(None, "another process is using it") from error
        for file in (path, *companions(path)):
            file.unlink(missing_ok=True)


def prune(connection: sqlite3.Connection) -> None:
    """Drop what was not used for longest, once there is too much."""
    for table, column in (("scores", "key"), ("files", "path")):
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  fixed words
        if count > MAX_ROWS:
            connection.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT {column} FROM {table} ORDER BY used LIMIT ?)",  # noqa: S608
                (count - MAX_ROWS * 9 // 10,),
            )
