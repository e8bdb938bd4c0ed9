"""The file that holds what people chose: its tables, and how it is opened, written and read.

Each change is one transaction that is on the disk before anybody is told that it was done, so a kill at any moment
loses nothing that a page was told is kept. Threads and processes may write at once; they take turns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from popscore.errors import PopscoreError
from popscore.files.sqlite import Database, NotOurs, Schema, is_busy
from popscore.foreign_text import shortened
from popscore.study.errors import StudyUnavailable

SUFFIX = ".answers.sqlite"
SCHEMA = Schema(
    application_id=0x706F7374,  # "post"
    version=1,
    tables=("tables", "pairs", "sessions", "questions"),
    create="""
CREATE TABLE IF NOT EXISTS tables (digest TEXT);
CREATE TABLE IF NOT EXISTS pairs (
    id INTEGER PRIMARY KEY, winner TEXT NOT NULL, loser TEXT NOT NULL, training INTEGER NOT NULL,
    usable INTEGER NOT NULL, position INTEGER NOT NULL, asked INTEGER NOT NULL DEFAULT 0, UNIQUE (winner, loser)
);
CREATE INDEX IF NOT EXISTS next_pairs ON pairs (usable, training, asked, position);
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, begun_s REAL NOT NULL, ended_s REAL,
    training INTEGER NOT NULL, total INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS questions (
    session INTEGER NOT NULL, place INTEGER NOT NULL, pair INTEGER NOT NULL, training INTEGER NOT NULL,
    winner_left INTEGER NOT NULL, asked_s REAL NOT NULL, chose_left INTEGER, answered_s REAL, seconds REAL,
    changes INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (session, place), UNIQUE (session, pair)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unanswered ON questions (session) WHERE chose_left IS NULL;
""",
)
_HEAD = b"SQLite format 3\0"
# SQLite itself waits 2 s for its turn. With forty people on a slow disk that is not always enough.
_WAIT_S, _PAUSE_S = 20.0, 0.05
_T = TypeVar("_T")


class UnreadableAnswers(PopscoreError, ValueError):
    """A file is not one of answers, or cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one person chose of one pair.

    Attributes:
        session: number of the session, from 1; it says nothing about who it was.
        place: of the pair in the session, from 1.
        winner, loser: names of the photos; the winner is the one that was liked more.
        right: the winner was chosen.
        left: the picture on the left was chosen.
        seconds: from when both pictures were there to the first answer; None where nobody knows.
        answered_s: when the answer that counts was given, in seconds since 1970.
        changes: how often the person changed it.
        training: the truth was shown afterwards.
    """

    session: int
    place: int
    winner: str
    loser: str
    right: bool
    left: bool
    seconds: float | None
    answered_s: float
    changes: int
    training: bool


class AnswerFile:
    """The open file. Threads may share it.

    Args:
        path: of the file; made where it is missing.

    Raises:
        StudyUnavailable: it cannot be used: it belongs to another program or version, or the folder is closed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _refuse_strangers(path)
        self._database = Database(path, SCHEMA)
        self.change(lambda _: None)

    @property
    def put_aside(self) -> bool:
        """The file was damaged: it is kept under another name, and a new one was begun."""
        return self._database.put_aside

    def change(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something as one transaction, which is kept as a whole or not at all.

        Raises:
            StudyUnavailable: it could not be kept; nothing was changed.
        """

        def whole(connection: sqlite3.Connection) -> _T:
            # An answer cannot be had again, so it is on the disk before the page is told so.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = action(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return done

        until = time.monotonic() + _WAIT_S
        while True:
            try:
                return self._database.run(whole)
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, PopscoreError):
                    raise
                if isinstance(error, sqlite3.Error) and is_busy(error) and time.monotonic() < until:
                    time.sleep(_PAUSE_S)
                    continue
                raise StudyUnavailable(
                    f"The answers cannot be kept in {shortened(self.path.name)}: {_reason(error)}. "
                    "Check the disk and the permissions there, or name another file with POPSCORE_STUDY_ANSWERS."
                ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def read_answers(path: Path) -> list[Answer]:
    """All answers of a file, in the order of sessions and places; a running app may be writing to it.

    Raises:
        UnreadableAnswers: there is no such file, or it is none of answers.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if _identity(connection) != (SCHEMA.application_id, SCHEMA.version):
                raise NotOurs("it is no file of answers of this version of popscore")
            return list(_answers(connection))
    except sqlite3.Error as error:
        raise UnreadableAnswers(
            f"{shortened(path.name)} has no answers that can be read: {_reason(error)}. Name the table of pairs "
            f"of a study that was run, or the file of its answers, which ends in {SUFFIX} by default."
        ) from error


def _answers(connection: sqlite3.Connection) -> Iterator[Answer]:
    rows = connection.execute(
        "SELECT q.session, q.place, p.winner, p.loser, q.chose_left, q.winner_left, q.seconds, q.answered_s, "
        "q.changes, q.training FROM questions q JOIN pairs p ON p.id = q.pair WHERE q.chose_left IS NOT NULL "
        "ORDER BY 1, 2"
    )
    for session, place, winner, loser, chose_left, winner_left, seconds, answered_s, changes, training in rows:
        yield Answer(
            session=session,
            place=place + 1,
            winner=winner,
            loser=loser,
            right=chose_left == winner_left,
            left=bool(chose_left),
            seconds=seconds,
            answered_s=answered_s,
            changes=changes,
            training=bool(training),
        )


def is_answer_file(path: Path) -> bool:
    """Whether a file is a database, going by its content."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except (OSError, ValueError):
        return False


def _refuse_strangers(path: Path) -> None:
    """A file that is no database would be put aside as a damaged one, and one of another version be emptied."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            return
        if is_answer_file(path):
            with closing(sqlite3.connect(path)) as connection:
                found = _identity(connection)
            if found == (SCHEMA.application_id, SCHEMA.version) or found == (0, 0):
                return
            reason = "it was made by another version of popscore, or by another program"
        else:
            reason = "it is no file of answers"
    except sqlite3.DatabaseError:
        return  # damaged: it is put aside
    except (OSError, ValueError) as error:
        reason = _reason(error)
    raise StudyUnavailable(
        f"The answers cannot be kept in {shortened(path.name)}: {reason}. "
        "Name another file with POPSCORE_STUDY_ANSWERS."
    )


def _identity(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
