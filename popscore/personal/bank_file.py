"""The file of a memory bank: one SQLite file that people carry about, and that somebody else may have made.

It holds numbers, ids and times; no originals, no paths. Nothing in it is run or unpickled, and its tables must be
exactly those that popscore makes. A rollback journal, not a log beside it: between two commands the file is whole.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from popscore.errors import BankRefused
from popscore.files.atomic import check_target
from popscore.files.opening import open_regular
from popscore.foreign_text import shortened

APPLICATION_ID, VERSION = 0x706F7062, 1  # "popb"
MAX_BYTES = 2_000_000_000
"""Of the file; 5,000 posts have 45 MB."""
# Of a cell: an embedding of 65,536 numbers, or a preview.
_MAX_CELL_BYTES = 1_000_000
# Another process writes 50 posts at a time, which takes some milliseconds.
_BUSY_S = 30.0
# Reading 100,000 posts takes some seconds. A file can be made whose tables never end: pages that stand in each other.
_MOST_SECONDS = 20.0
_TABLES = (
    "CREATE TABLE models (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, dimensions INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE posts (id TEXT PRIMARY KEY, time_ms INTEGER NOT NULL, likes INTEGER, picture BLOB NOT NULL, "
    "caption BLOB)",
    # By the hash of the file's content, so that one picture under two ids is there once.
    "CREATE TABLE pictures (picture BLOB NOT NULL, model TEXT NOT NULL, score REAL NOT NULL, embedding BLOB NOT NULL, "
    "people INTEGER NOT NULL, pose BLOB, background BLOB, PRIMARY KEY (picture, model))",
    "CREATE TABLE previews (picture BLOB PRIMARY KEY, image BLOB NOT NULL)",
    "CREATE TABLE choices (number INTEGER PRIMARY KEY, winner BLOB NOT NULL, loser BLOB NOT NULL)",
)


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a bank, or make it.

    Args:
        path: of the file.
        write: make it if it is not there.

    Raises:
        BankRefused: there is none, it is damaged, none, or of a newer popscore.
        ExportFailed: it cannot be written.
    """
    name = shortened(path.name)
    if write:
        check_target(path)
    try:
        if write and not os.path.lexists(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # for this person only
        with open_regular(path) as file:
            size_bytes, head = os.fstat(file.fileno()).st_size, file.read(20)
    except FileNotFoundError:
        raise BankRefused(f"{name} could not be opened: there is no such file. Make it with: bank add") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BankRefused(f"{name} could not be opened: {reason}. Check the path.") from None
    # Its 18th and 19th byte say that it keeps a rollback journal: opening it makes no files beside it.
    if size_bytes > MAX_BYTES or (size_bytes and (head[:16] != b"SQLite format 3\0" or head[18:] != b"\1\1")):
        raise _no_bank(name)
    # A journal that a killed process left is rolled back, which only a file that may be written allows.
    with refusals(name):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_S,
            check_same_thread=False,
            isolation_level=None,
        )
        try:
            with nullcontext() if write else hurried(connection):
                prepare(connection, name, make=write)
        except BaseException:
            connection.close()
            raise
    return connection


def prepare(connection: sqlite3.Connection, name: str = "the bank", *, make: bool) -> None:
    """Check that a connection has the tables of a bank and nothing else; make them in an empty file.

    Raises:
        BankRefused: it has others.
        sqlite3.Error: it is damaged.
    """
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_CELL_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1)  # VACUUM takes one
    # What a file may carry that runs when it is read: none of it is there in a bank, see `_is_ours`.
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    if make and not _identity(connection)[2]:
        # For all at once: another process may be making the same file.
        connection.execute("BEGIN IMMEDIATE")
        if _identity(connection) == (0, 0, 0):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    application, version, _ = _identity(connection)
    if application != APPLICATION_ID:
        raise _no_bank(name)
    if version > VERSION:
        raise BankRefused(
            f"{name} was made by a newer popscore (its tables have version {version}, this one knows {VERSION}). "
            "Update popscore: pip install -U popscore"
        )
    if version != VERSION or not _is_ours(connection):
        raise _no_bank(name)


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    numbers = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    application, version, tables = (int(number) for number in numbers)
    return application, version, tables


def _is_ours(connection: sqlite3.Connection) -> bool:
    """The file has the tables that popscore makes, and neither views nor triggers nor others."""
    there = connection.execute("SELECT type, sql FROM sqlite_master").fetchall()
    return sorted(sql for kind, sql in there if sql is not None) == sorted(_TABLES) and all(
        kind == "table" or (kind == "index" and sql is None) for kind, sql in there
    )


def _no_bank(name: str) -> BankRefused:
    return BankRefused(f"{name} was refused: it is no memory bank of popscore. Name another file.")


@contextmanager
def refusals(name: str) -> Iterator[None]:
    """What goes wrong with the file, as a sentence. Raises BankRefused."""
    try:
        yield
    except UnicodeError as error:  # in the message of SQLite, which names what it found
        raise BankRefused(f"{name} cannot be used: its tables are damaged. Make it again with: bank add") from error
    except sqlite3.Error as error:
        reason = str(error) or type(error).__name__
        code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            next_step = "Another process is at work with it: wait until it is done."
        elif code == sqlite3.SQLITE_FULL:
            next_step = "Make room on the disk. What was there before is still there."
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            next_step = "Check its permissions and those of its folder."
        else:
            next_step = "It is damaged: take a copy of it, or make it again with: bank add"
        raise BankRefused(f"{name} cannot be used: {reason}. {next_step}") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within is written at once, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_whole(connection: sqlite3.Connection, name: str) -> None:
    """Look at every page of the file. Raises BankRefused if one is damaged."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise BankRefused(f"{name} is damaged: {shortened(str(found))}. Make it again with: bank add")


def copied(connection: sqlite3.Connection) -> bytes:
    """The whole file as bytes."""
    return connection.serialize()


def in_memory(content: bytes | None = None) -> sqlite3.Connection:
    """A bank that is no file yet: an empty one, or one with the content of a file that was checked."""
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    if content is not None:
        connection.deserialize(content)
    prepare(connection, make=content is None)
    return connection


@contextmanager
def hurried(connection: sqlite3.Connection) -> Iterator[None]:
    """Give up reading that takes too long, whatever is read within. Raises sqlite3.OperationalError."""
    over = threading.Event()

    def give_up() -> None:
        wait_s = _MOST_SECONDS
        while not over.wait(wait_s):
            connection.interrupt()
            wait_s = 0.2  # it stops but the statement that is running

    watch = threading.Thread(target=give_up, name="popscore-bank", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def damaged(name: str, what: str) -> BankRefused:
    """A cell that is not what it must be."""
    return BankRefused(f"{name} was refused: {what} is not what a bank holds. Make it again with: bank add")


def is_blob(cell: Any, size: int) -> bool:
    """Whether a cell holds exactly so many bytes."""
    return isinstance(cell, bytes) and len(cell) == size
