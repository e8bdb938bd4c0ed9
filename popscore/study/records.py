"""What a study says about a session, a pair in it, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Side = Literal["left", "right"]


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a session is.

    Attributes:
        session: its random name, which is all that there is to know about its person.
        total: pairs that it will have.
        training: how many of them are for training.
        answered: how many have an answer.
        next_place: the first that has none, from 0; `total` if all have one.
        left_s: seconds that are left.
        ended: it is over.
    """

    session: str
    total: int
    training: int
    answered: int
    next_place: int
    left_s: float
    ended: bool


@dataclass(frozen=True, kw_only=True)
class Question:
    """A pair that a person is asked about. Only training pairs tell which photo was liked more, after the answer.

    Attributes:
        place: in the session, from 0.
        training: for training.
        left, right: where the photos lie.
        chosen: the answer; None before it.
        liked_more: the truth, or None where it is not told.
        pair: number of the pair in the file.
    """

    place: int
    training: bool
    left: Path
    right: Path
    chosen: Side | None
    liked_more: Side | None
    pair: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a session came to.

    Attributes:
        right: which of the answers were right, without those of training; in the order of the session.
        pairs: winner and loser of each, as paths.
        training: how many training pairs have an answer.
        training_right: how many of these answers were right.
        by_time: the time was over.
    """

    right: Sequence[bool]
    pairs: Sequence[tuple[Path, Path]]
    training: int
    training_right: int
    by_time: bool
