"""A SQLite file of popscore's own: made for one person, recognised, put aside once when damaged."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from popscore.files.sqlite import Database, NotOurs, Schema, connect, damaged_copy

SCHEMA = Schema(application_id=7, version=2, create="CREATE TABLE IF NOT EXISTS t (x);", tables=("t",))


def put(database: Database, value: int) -> None:
    database.run(lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,)))


def values(database: Database) -> list[int]:
    return database.run(lambda connection: [row[0] for row in connection.execute("SELECT x FROM t")])


def test_it_is_made_for_this_person_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "a" / "b.sqlite", SCHEMA)
    assert not database.is_open
    put(database, 1)
    assert database.is_open and values(database) == [1]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b.sqlite").stat().st_mode) == 0o600
    database.close()
    assert not database.is_open and values(Database(tmp_path / "a" / "b.sqlite", SCHEMA)) == [1]


def test_another_version_loses_its_content_and_another_program_nothing(tmp_path: Path) -> None:
    put(Database(tmp_path / "ours", SCHEMA), 1)
    newer = Schema(application_id=7, version=3, create="CREATE TABLE IF NOT EXISTS t (x);", tables=("t",))
    assert values(Database(tmp_path / "ours", newer)) == []
    with closing(sqlite3.connect(tmp_path / "theirs")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(NotOurs, match="belongs to another program"):
        connect(tmp_path / "theirs", SCHEMA)


def test_a_damaged_file_is_put_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"no database " * 500)
    database = Database(path, SCHEMA)
    put(database, 1)
    assert database.put_aside and damaged_copy(path).read_bytes() == b"no database " * 500
    database.close()
    path.write_bytes(b"damaged again" * 500)
    with pytest.raises(sqlite3.DatabaseError):
        put(database, 2)
    assert damaged_copy(path).read_bytes() == b"no database " * 500
