"""The file that holds the score cache: where it is, its tables, its size, how it is cleared."""

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from popscore.settings import Settings

FILE_NAME = "scores.sqlite"
MAX_ROWS = 200_000  # of each table; about 60 MB together
_BUSY_S = 2.0
_APPLICATION_ID = 0x706F7073  # "pops", in the head of the file
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS scores (
    key BLOB PRIMARY KEY, score REAL, width INTEGER, height INTEGER, signature BLOB, taken_s REAL, used INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, content BLOB, used INTEGER
) WITHOUT ROWID;
"""


def cache_file(settings: Settings) -> Path | None:
    """Where the scores are kept: POPSCORE_CACHE_DIR, or `popscore` in the person's cache folder.

    Returns:
        None if the system does not say where a person's files are.
    """
    if settings.cache_dir is not None:
        return settings.cache_dir / FILE_NAME
    # A relative XDG_CACHE_HOME is invalid and to be ignored. Source: XDG Base Directory Specification 0.8.
    bases = [os.environ.get(name, "") for name in ("XDG_CACHE_HOME", "LOCALAPPDATA")]
    base = next((Path(base) for base in bases if base and Path(base).is_absolute()), None)
    if base is None:
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "popscore" / FILE_NAME


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
            connection = connect(path)
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
        connection = connect(path)
        try:
            # Emptied, not removed: another popscore may be at work with it.
            connection.executescript("DELETE FROM scores; DELETE FROM files; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
        finally:
            connection.close()
    except _NotOurs as error:
        raise OSError(None, str(error)) from None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise OSError(None, "another process is using it") from error
        for file in (path, *companions(path)):
            file.unlink(missing_ok=True)


class _NotOurs(sqlite3.Error):
    """A database of another program."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, or make it. Threads may share the connection if they take turns.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, or it belongs to another program.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite would make it readable for all; its -wal and -shm files take over the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
    try:
        # In this order: another process may be making the tables at this moment, and all at once.
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID and (application or tables):
            raise _NotOurs("it belongs to another program")
        with suppress(sqlite3.OperationalError):  # another process is just doing the same
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if (application, version) != (_APPLICATION_ID, _SCHEMA_VERSION):
            # Not of a file that is just being made, perhaps by two processes at once.
            drop = "DROP TABLE IF EXISTS scores; DROP TABLE IF EXISTS files;" if application else ""
            connection.executescript(
                f"BEGIN IMMEDIATE; {drop} {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID};"
                f"PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def prune(connection: sqlite3.Connection) -> None:
    """Drop what was not used for longest, once there is too much."""
    for table, column in (("scores", "key"), ("files", "path")):
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  fixed words
        if count > MAX_ROWS:
            connection.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT {column} FROM {table} ORDER BY used LIMIT ?)",  # noqa: S608
                (count - MAX_ROWS * 9 // 10,),
            )


def companions(path: Path) -> tuple[Path, Path]:
    """The files that SQLite keeps beside its own while it is in use."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def damaged_copy(path: Path) -> Path:
    """Where a damaged file is put aside."""
    return path.with_name(f"{path.name}.damaged")
