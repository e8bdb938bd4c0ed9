"""What is left to chance in a study: the next pair, and which photo is on which side. The same from the same seed."""

from __future__ import annotations

import hashlib
import sqlite3

import numpy as np

# Of the pairs that were asked least, one of so many is drawn: people do not all get them in one order.
_DRAWN_FROM = 64
_BLOCK = 4


class Drawing:
    """Draws pairs and sides.

    Args:
        seed: of all draws, together with the name of the session.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def pair(
        self, connection: sqlite3.Connection, name: str, session: int, place: int, *, training: bool
    ) -> int | None:
        """One of the pairs that all people together were asked least, and this session was not.

        So of two pairs none is asked twice more often than the other, as long as people do not run out of pairs.

        Args:
            name, session: of the session, its random name and its number.
            place: that the pair is for, from 0.
            training: one for training.

        Returns:
            The number of the pair; None if no pair is left.
        """
        rows = connection.execute(
            "SELECT id, asked FROM pairs WHERE usable = 1 AND training = ? "
            "AND id NOT IN (SELECT pair FROM questions WHERE session = ?) ORDER BY asked, position LIMIT ?",
            (training, session, _DRAWN_FROM),
        ).fetchall()
        least = [pair for pair, asked in rows if asked == rows[0][1]]
        return least[int(self._random(name, "pair", place).integers(len(least)))] if least else None

    def winner_left(self, name: str, place: int) -> bool:
        """Left and right in random order, each as often as the other within four pairs."""
        sides = np.arange(_BLOCK) % 2
        self._random(name, "side", place // _BLOCK).shuffle(sides)
        return bool(sides[place % _BLOCK])

    def _random(self, name: str, purpose: str, number: int) -> np.random.Generator:
        digest = hashlib.blake2b(f"{self._seed}\0{name}\0{purpose}\0{number}".encode(), digest_size=8)
        return np.random.default_rng(int.from_bytes(digest.digest()))


def forget_unanswered(connection: sqlite3.Connection, which: str, *values: object) -> None:
    """Questions without an answer give their pair back, so that somebody else is asked.

    Args:
        which: of these questions, as a condition of SQL with places for `values`; never from outside.
        values: for it.
    """
    condition = f"chose_left IS NULL AND {which}"
    connection.execute(
        "UPDATE pairs SET asked = asked - (SELECT count(*) FROM questions WHERE questions.pair = pairs.id "  # noqa: S608
        f"AND {condition}) WHERE id IN (SELECT pair FROM questions WHERE {condition})",
        (*values, *values),
    )
    connection.execute(f"DELETE FROM questions WHERE {condition}", values)  # noqa: S608  texts of this package
