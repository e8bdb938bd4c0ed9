"""A study: which pair a person is asked about next, and what they chose.

The two-alternative forced choice of Ding, Ma & Wang 2019, section 4.3: "Which picture do you think will get more
likes?", training pairs with the truth first, Previous and Next, half an hour at most, one's own accuracy at the end.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from popscore.settings import Settings
from popscore.study.answer_file import SUFFIX, AnswerFile
from popscore.study.drawing import Drawing, forget_unanswered
from popscore.study.errors import SessionEnded, StudyRefused, StudyUnavailable, UnknownSession
from popscore.study.pairs import SEED, StudyPairs, load_study_pairs
from popscore.study.records import Outcome, Question, Side, State

SESSION_S = 1800.0
"""A session lasts half an hour at most. Source: as above."""
LATE_S = 60.0
"""So much later an answer is still taken that was on its way when the time was over."""
# As many as fit into half an hour at 9 s a pair. Fewer are a round number that one can look forward to.
MOST_PAIRS = 200
_GONE = 2  # of a pair: it is in the table, but one of its photos is not there
_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)


class Study:
    """Asks people about pairs. Threads may share it, and other processes may have the same file open.

    Args:
        pairs: that can be asked about.
        answers: where the answers go.
        seed: of all that is random, together with the name of a session.
        clock: tells the time, in seconds since 1970.
        new_name: makes the name of a session: 22 letters that nobody can guess.

    Raises:
        StudyUnavailable: the answers cannot be kept.
    """

    def __init__(
        self,
        pairs: StudyPairs,
        answers: AnswerFile,
        *,
        seed: int = SEED,
        clock: Callable[[], float] = time.time,
        new_name: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self.pairs, self.answers = pairs, answers
        self._drawing, self._clock, self._new_name = Drawing(seed), clock, new_name
        answers.change(self._put_pairs)

    def begin(self) -> State:
        """Begin a session.

        Raises:
            StudyUnavailable: it could not be kept, or no pair is left whose photos are there.
        """
        name = self._new_name()
        self.answers.change(lambda connection: self._begin(connection, name))
        return self.state(name)

    def state(self, session: str) -> State:
        """How far a session is.

        Raises:
            UnknownSession: there is none of this name.
            StudyUnavailable: the file cannot be read.
        """
        return self.answers.change(lambda connection: self._session(connection, session).state)

    def ask(self, session: str, place: int) -> Question | None:
        """The pair at a place of the session: one that was asked already, or the next one.

        One pair may be asked ahead of the first that has no answer, so that its pictures are there in time.

        Returns:
            None where the session has no such place any more, because photos vanished: `state` says how long it is now.

        Raises:
            UnknownSession, SessionEnded: there is no such session any more.
            StudyRefused: the pairs before it have no answers yet, or the place is none of this session.
            StudyUnavailable: the file or the folder cannot be had.
        """
        return self.answers.change(lambda connection: self._ask(connection, session, place))

    def leave_out(self, session: str, question: Question) -> None:
        """A photo of the pair is gone or cannot be read: nobody is asked about it any more, this person about another.

        An answer that was given before is kept, and one of somebody who has the pictures already will be.

        Raises:
            StudyUnavailable: the whole folder is gone, which is no fault of the pair; or it could not be kept.
        """
        if not self.pairs.folder.is_dir():
            raise StudyUnavailable("The folder with the photos cannot be had at the moment. Try again in a minute.")

        def drop(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE pairs SET usable = ? WHERE id = ?", (_GONE, question.pair))
            forget_unanswered(
                connection, "pair = ? AND session IN (SELECT number FROM sessions WHERE id = ?)", question.pair, session
            )

        self.answers.change(drop)

    def answer(self, session: str, place: int, side: str, *, seconds: float | None = None) -> Question:
        """Keep which picture was chosen. The same twice is one answer; another takes its place, but not in training.

        Args:
            session: its name.
            place: of a pair that was asked, from 0.
            side: `left` or `right`.
            seconds: that the person looked; from when the pair was asked, where the page does not say.

        Returns:
            The pair, with the truth if it is for training.

        Raises:
            UnknownSession, SessionEnded: there is no such session any more.
            StudyRefused: that pair was not asked, the side is none, or the truth was shown already.
            StudyUnavailable: it could not be kept; send it again.
        """
        if side not in ("left", "right"):
            raise StudyRefused("The answer is neither left nor right. Send one of these.")
        return self.answers.change(lambda connection: self._answer(connection, session, place, side == "left", seconds))

    def finish(self, session: str) -> Outcome:
        """End a session, if it is not over yet, and say what it came to. It may be asked again.

        Raises:
            UnknownSession: there is none of this name.
            StudyUnavailable: it could not be kept.
        """
        return self.answers.change(lambda connection: self._finish(connection, session))

    def left_out(self) -> int:
        """How many pairs are not asked any more because a photo vanished or could not be read since the start."""

        def count(connection: sqlite3.Connection) -> int:
            (gone,) = connection.execute("SELECT count(*) FROM pairs WHERE usable = ?", (_GONE,)).fetchone()
            return int(gone)

        return self.answers.change(count)

    # --- inside a transaction -----------------------------------------------------------------------

    def _put_pairs(self, connection: sqlite3.Connection) -> None:
        """Those of the table as it is now; pairs that it has no more keep their answers."""
        digest = hashlib.sha256()
        for pair in self.pairs.pairs:
            digest.update(b"%d %d " % (pair.position, pair.training))
        known = connection.execute("SELECT digest FROM tables").fetchone()
        if known == (digest.hexdigest(),):
            connection.execute("UPDATE pairs SET usable = 1 WHERE usable = ?", (_GONE,))
            return
        connection.execute("DELETE FROM tables")
        connection.execute("INSERT INTO tables VALUES (?)", (digest.hexdigest(),))
        connection.execute("UPDATE pairs SET usable = 0 WHERE usable <> 0")
        connection.executemany(
            "INSERT INTO pairs (winner, loser, training, usable, position) VALUES (?, ?, ?, 1, ?) "
            "ON CONFLICT (winner, loser) "
            "DO UPDATE SET training = excluded.training, usable = 1, position = excluded.position",
            [(pair.winner, pair.loser, pair.training, pair.position) for pair in self.pairs.pairs],
        )

    def _begin(self, connection: sqlite3.Connection, name: str) -> None:
        now = self._clock()
        self._clear_up(connection, now)
        if connection.execute("SELECT 1 FROM tables").fetchone() is None:  # a file that was damaged was put aside
            self._put_pairs(connection)
        (training,) = connection.execute("SELECT count(*) FROM pairs WHERE usable = 1 AND training = 1").fetchone()
        (others,) = connection.execute("SELECT count(*) FROM pairs WHERE usable = 1 AND training = 0").fetchone()
        if not others:
            raise StudyUnavailable("No pair is left whose photos are there. Tell whoever runs this study.")
        connection.execute(
            "INSERT INTO sessions (id, begun_s, training, total) VALUES (?, ?, ?, ?)",
            (name, now, training, training + min(others, MOST_PAIRS)),
        )

    def _clear_up(self, connection: sqlite3.Connection, now: float) -> None:
        """Sessions that are over give back pairs that they did not answer; those without an answer are forgotten."""
        over = "SELECT number FROM sessions WHERE begun_s < ?"
        forget_unanswered(connection, f"session IN ({over})", now - SESSION_S - LATE_S)
        connection.execute(
            f"DELETE FROM sessions WHERE number IN ({over}) "  # noqa: S608  a text of this file
            "AND NOT EXISTS (SELECT 1 FROM questions WHERE questions.session = number)",
            (now - SESSION_S - LATE_S,),
        )

    def _session(self, connection: sqlite3.Connection, name: str) -> _Session:
        row = None
        if isinstance(name, str) and _NAME.fullmatch(name):
            row = connection.execute(
                "SELECT number, begun_s, ended_s, training, total FROM sessions WHERE id = ?", (name,)
            ).fetchone()
        if row is None:
            raise UnknownSession
        number, begun_s, ended_s, training, total = row
        (answered,) = connection.execute(
            "SELECT count(*) FROM questions WHERE session = ? AND chose_left IS NOT NULL", (number,)
        ).fetchone()
        waiting = connection.execute(
            "SELECT min(place) FROM questions WHERE session = ? AND chose_left IS NULL", (number,)
        ).fetchone()[0]
        left_s = begun_s + SESSION_S - self._clock()
        state = State(
            session=name,
            total=total,
            training=training,
            answered=answered,
            next_place=answered if waiting is None else min(waiting, answered),
            left_s=max(0.0, min(left_s, SESSION_S)),
            ended=ended_s is not None or left_s <= 0,
        )
        by_time = left_s <= 0 if ended_s is None else ended_s >= begun_s + SESSION_S
        return _Session(number, state, ended_s is not None or left_s <= -LATE_S, begun_s, by_time)

    def _ask(self, connection: sqlite3.Connection, name: str, place: int) -> Question | None:
        session = self._session(connection, name)
        if session.state.ended:
            raise SessionEnded
        if not 0 <= place < session.state.total:
            if place == session.state.total:
                return None
            raise StudyRefused("There is no such pair in this session. Ask for the next one.")
        known = self._question(connection, session, place)
        if known is not None:
            return known
        if not self.pairs.folder.is_dir():
            raise StudyUnavailable("The folder with the photos cannot be had at the moment. Try again in a minute.")
        before, unanswered = connection.execute(
            "SELECT count(*), sum(chose_left IS NULL) FROM questions WHERE session = ? AND place < ?",
            (session.number, place),
        ).fetchone()
        if before != place or (unanswered or 0) > 1:
            raise StudyRefused("The pairs before this one have no answers yet. Answer them first.")
        training = place < session.state.training
        pair = self._drawing.pair(connection, name, session.number, place, training=training)
        if pair is None:
            return self._shorten(connection, session, place)
        connection.execute(
            "INSERT INTO questions (session, place, pair, training, winner_left, asked_s) VALUES (?, ?, ?, ?, ?, ?)",
            (
                session.number,
                place,
                pair,
                training,
                self._drawing.winner_left(name, place),
                self._clock(),
            ),
        )
        connection.execute("UPDATE pairs SET asked = asked + 1 WHERE id = ?", (pair,))
        return self._question(connection, session, place)

    def _shorten(self, connection: sqlite3.Connection, session: _Session, place: int) -> Question | None:
        """Photos vanished, so that there is nothing left to ask: the session has one pair less."""
        trained = place < session.state.training
        connection.execute(
            "UPDATE sessions SET total = total - 1, training = training - ? WHERE number = ?", (trained, session.number)
        )
        last = session.state.total - 1
        connection.execute(  # a pair that was asked ahead moves up
            "UPDATE questions SET place = ? WHERE session = ? AND place = ?", (place, session.number, place + 1)
        )
        if place >= last:
            return None
        return self._ask(connection, session.state.session, place)

    def _question(self, connection: sqlite3.Connection, session: _Session, place: int) -> Question | None:
        row = connection.execute(
            "SELECT q.pair, q.training, q.winner_left, q.chose_left, p.winner, p.loser FROM questions q "
            "JOIN pairs p ON p.id = q.pair WHERE q.session = ? AND q.place = ?",
            (session.number, place),
        ).fetchone()
        if row is None:
            return None
        pair, training, winner_left, chose_left, winner, loser = row
        paths = [self._path(name) for name in (winner, loser)]
        left, right = paths if winner_left else reversed(paths)
        tells = training and chose_left is not None
        return Question(
            place=place,
            training=bool(training),
            left=left,
            right=right,
            chosen=None if chose_left is None else _side(chose_left),
            liked_more=_side(winner_left) if tells else None,
            pair=pair,
        )

    def _path(self, photo: str) -> Path:
        """Where a photo lies. A table may have lost it since it was asked about; then it cannot be shown any more."""
        return Path(self.pairs.paths.get(photo, self.pairs.folder / "no longer in the table"))

    def _answer(
        self, connection: sqlite3.Connection, name: str, place: int, left: bool, seconds: float | None
    ) -> Question:
        session = self._session(connection, name)
        if session.closed:
            raise SessionEnded
        row = connection.execute(
            "SELECT chose_left, training, asked_s FROM questions WHERE session = ? AND place = ?",
            (session.number, place),
        ).fetchone()
        if row is None:
            raise StudyRefused("This pair was not asked. Ask for it first.")
        chose_left, training, asked_s = row
        if chose_left is None or (chose_left != left and not training):
            now = self._clock()
            longest = max(0.0, now - asked_s)
            looked = seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else longest
            connection.execute(
                "UPDATE questions SET chose_left = ?, answered_s = ?, seconds = coalesce(seconds, ?), "
                "changes = changes + (chose_left IS NOT NULL) WHERE session = ? AND place = ?",
                (left, now, round(min(looked, longest), 3), session.number, place),
            )
        elif chose_left != left:
            raise StudyRefused("The answer to a training pair stays as it is: its truth was shown.")
        question = self._question(connection, session, place)
        if question is None:
            raise UnknownSession
        return question

    def _finish(self, connection: sqlite3.Connection, name: str) -> Outcome:
        session = self._session(connection, name)
        if not session.closed:
            now = min(self._clock(), session.begun_s + SESSION_S)
            connection.execute("UPDATE sessions SET ended_s = ? WHERE number = ?", (now, session.number))
            forget_unanswered(connection, "session = ?", session.number)
        rows = connection.execute(
            "SELECT q.training, q.chose_left = q.winner_left, p.winner, p.loser FROM questions q "
            "JOIN pairs p ON p.id = q.pair WHERE q.session = ? AND q.chose_left IS NOT NULL ORDER BY q.place",
            (session.number,),
        ).fetchall()
        counted = [row for row in rows if not row[0]]
        return Outcome(
            right=[bool(right) for _, right, _, _ in counted],
            pairs=[(self._path(won), self._path(lost)) for _, _, won, lost in counted],
            training=len(rows) - len(counted),
            training_right=sum(right for training, right, _, _ in rows if training),
            by_time=session.by_time and session.state.answered < session.state.total,
        )


@dataclass(frozen=True)
class _Session:
    """A session as it is within a transaction.

    Attributes:
        closed: not even a late answer is taken.
        by_time: it was not its person who ended it.
    """

    number: int
    state: State
    closed: bool
    begun_s: float
    by_time: bool


def _side(left: int) -> Side:
    return "left" if left else "right"


def open_study(settings: Settings, *, clock: Callable[[], float] = time.time) -> Study:
    """The study that the environment names, ready to ask.

    Raises:
        UnreadableTable: its pairs cannot be read, or none has both photos.
        StudyUnavailable: there is none, or the folder or the file of answers cannot be used.
        ParquetMissing: the table is Parquet, and pyarrow is not installed.
    """
    if settings.study_pairs is None:
        raise StudyUnavailable("There is no study. Set POPSCORE_STUDY to a table of pairs.")
    pairs = load_study_pairs(settings.study_pairs, images=settings.study_images)
    return Study(pairs, AnswerFile(answers_path(settings)), clock=clock)


def answers_path(settings: Settings) -> Path:
    """Where the answers of the study are kept.

    Raises:
        StudyUnavailable: there is no study.
    """
    if settings.study_answers is not None:
        return settings.study_answers
    if settings.study_pairs is None:
        raise StudyUnavailable("There is no study. Set POPSCORE_STUDY to a table of pairs.")
    return settings.study_pairs.with_name(settings.study_pairs.stem + SUFFIX)
