"""SQLite files of popscore's own: opened, recognised, put aside when damaged.

A store says what its tables are; what can go wrong with the file is sorted out here.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_BUSY_S = 2.0
_T = TypeVar("_T")


class NotOurs(sqlite3.Error):
    """A database of another program."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The tables of one kind of file.

    Attributes:
        application_id: in the head of the file, so that it is told from other programs' files.
        version: of the tables; a file of another version loses its content.
        create: statements that make the tables where they are missing.
        tables: their names.
    """

    application_id: int
    version: int
    create: str
    tables: tuple[str, ...]


def connect(path: Path, schema: Schema) -> sqlite3.Connection:
    """Open the file, or make it, for this person only. Threads may share the connection if they take turns.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, or it belongs to another program (`NotOurs`).
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
        if application != schema.application_id and (application or tables):
            raise NotOurs("it belongs to another program")
        with suppress(sqlite3.OperationalError):  # another process is just doing the same
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if (application, version) != (schema.application_id, schema.version):
            # Not of a file that is just being made, perhaps by two processes at once.
            drop = "".join(f"DROP TABLE IF EXISTS {table};" for table in schema.tables) if application else ""
            connection.executescript(
                f"BEGIN IMMEDIATE; {drop} {schema.create} PRAGMA application_id = {schema.application_id};"
                f"PRAGMA user_version = {schema.version}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def companions(path: Path) -> tuple[Path, Path]:
    """The files that SQLite keeps beside its own while it is in use."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def damaged_copy(path: Path) -> Path:
    """Where a damaged file is put aside."""
    return path.with_name(f"{path.name}.damaged")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether the file is all right, but another process is at work with it."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Database:
    """One open file, shared by threads that take turns. It is opened at its first use.

    A damaged file is put aside once, and a new one begun: it is kept, in case it was none of popscore's.

    Args:
        path: of the file.
        schema: its tables.

    Attributes:
        put_aside: the file was damaged.
        lock: held while the connection is in use.
    """

    def __init__(self, path: Path, schema: Schema) -> None:
        self._path, self._schema = path, schema
        self._connection: sqlite3.Connection | None = None
        self.lock = threading.Lock()
        self.put_aside = False

    @property
    def is_open(self) -> bool:
        """The file could be opened, and was not closed since."""
        return self._connection is not None

    def run(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the connection.

        Raises:
            sqlite3.Error, OSError: it cannot be done, and not because the file was damaged for the first time.
        """
        with self.lock:
            try:
                return self._run(action)
            except (sqlite3.Error, OSError) as error:
                if not self._mend(error):
                    raise
            return self._run(action)

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._close()

    def _run(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._connection is None:
            self._connection = connect(self._path, self._schema)
        return action(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _mend(self, error: Exception) -> bool:
        if self.put_aside or _code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        self._close()
        try:
            self._path.replace(damaged_copy(self._path))
            for companion in companions(self._path):
                companion.unlink(missing_ok=True)
        except OSError:
            return False
        self.put_aside = True
        return True


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
