"""What people chose, in figures: alone, together, and beside a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popscore.metrics import wilson_interval
from popscore.study.agreement import alpha_interval, nominal_alpha
from popscore.study.answer_file import Answer

Floats = NDArray[np.float64]
LEAST_ANSWERS = 3
"""A majority needs three people: of one it is that person, of two it is half a tie each time they differ."""
_DRAWS, _SEED = 1000, 15


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of pairs or of answers.

    Attributes:
        share: 0 to 1; a tie counts one half.
        of: how many there are.
        interval: 95 %; by Wilson, or as its place says.
    """

    share: float
    of: int
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """The share by name, rounded."""
        return {"share": round(self.share, 4), "of": self.of, "interval": [round(end, 4) for end in self.interval]}


@dataclass(frozen=True, kw_only=True)
class Person:
    """What one session came to, without training."""

    session: int
    accuracy: Share
    median_seconds: float | None
    left: float

    def to_json(self) -> dict[str, Any]:
        """The figures by name; `left` is the share of pictures on the left among what was chosen."""
        return {
            "session": self.session,
            "accuracy": self.accuracy.to_json(),
            "median_seconds": None if self.median_seconds is None else round(self.median_seconds, 2),
            "left": round(self.left, 4),
        }


@dataclass(frozen=True, kw_only=True)
class PairVotes:
    """What people chose of one pair.

    Attributes:
        winner, loser: names of the photos.
        for_winner, for_loser: votes of each.
        model: the photo that the model scores higher: `winner`, `loser` or `tie`; None without scores.
    """

    winner: str
    loser: str
    for_winner: int
    for_loser: int
    model: str | None

    @property
    def answers(self) -> int:
        """How many people chose."""
        return self.for_winner + self.for_loser

    @property
    def majority(self) -> str:
        """`winner`, `loser` or `tie`."""
        return _favourite(self.for_winner, self.for_loser)

    def to_json(self) -> dict[str, Any]:
        """The votes by name."""
        return {
            "winner": self.winner,
            "loser": self.loser,
            "for_winner": self.for_winner,
            "for_loser": self.for_loser,
            "majority": self.majority,
            "model": self.model,
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of a study; training is left out everywhere. None where there are too few answers for a figure.

    Attributes:
        pairs: with their votes, in the order of their names.
        people: sessions with an answer.
        answers: how many.
        training_answers: left out.
        alone: mean of the people's accuracies; its interval by drawing people (bootstrap), by Wilson for one person.
        alone_std: their standard deviation.
        least: answers that a pair needs for a majority.
        majority: how often the majority is right, over pairs with so many answers; `ties` of them are ties.
        ties: as said.
        alpha: Krippendorff's, the two photos of a pair taken as alike; over `shared` pairs with two answers or more.
        alpha_interval: by drawing pairs (bootstrap).
        alpha_by_truth: the same with the values `winner` and `loser`, which takes what people have in common with the
            truth for chance.
        shared: as said.
        left: share of the pictures on the left among what was chosen; far from one half, people did not look.
        median_seconds: of an answer.
        model: how often the model is right on the pairs of `majority`.
        model_all: the same on all pairs with an answer.
        model_majority: how often the model prefers what the majority chose; ties of the majority are left out.
        difference: accuracy of the model less that of the majority, on the same pairs.
        difference_interval: by drawing pairs (bootstrap).
    """

    pairs: Sequence[PairVotes]
    people: Sequence[Person]
    answers: int
    training_answers: int
    alone: Share | None
    alone_std: float | None
    least: int
    majority: Share | None
    ties: int
    alpha: float | None
    alpha_interval: tuple[float, float] | None
    alpha_by_truth: float | None
    shared: int
    left: Share | None
    median_seconds: float | None
    model: Share | None
    model_all: Share | None
    model_majority: Share | None
    difference: float | None
    difference_interval: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """The figures by name, rounded; without the pairs."""

        def shown(value: object) -> object:
            if isinstance(value, Share):
                return value.to_json()
            if isinstance(value, float):
                return round(value, 4)
            if isinstance(value, tuple):
                return [shown(part) for part in value]
            return value

        document = {name: shown(getattr(self, name)) for name in self.__dataclass_fields__ if name != "pairs"}
        return {**document, "pairs": len(self.pairs), "people": [person.to_json() for person in self.people]}


def make_report(
    answers: Sequence[Answer], *, scores: Mapping[str, float] | None = None, least: int = LEAST_ANSWERS
) -> Report:
    """Count what people chose.

    Args:
        answers: from `read_answers`.
        scores: of the model, by name of the photo; pairs without both are left out of its figures.
        least: answers that a pair needs for a majority.

    Raises:
        ValueError: `least` is below 1.
    """
    if least < 1:
        raise ValueError(f"a majority of {least} people is none: at least one is needed")
    counted = [answer for answer in answers if not answer.training]
    people = _people(counted)
    pairs = _votes(counted, scores or {})
    votes = np.array([(pair.for_winner, pair.for_loser) for pair in pairs], np.float64).reshape(-1, 2)
    enough = votes.sum(axis=1) >= least
    right = _right(votes[:, 0], votes[:, 1])
    model = np.array([{"winner": 1.0, "tie": 0.5, "loser": 0.0, None: math.nan}[pair.model] for pair in pairs])
    scored = np.isfinite(model)
    both, clear = enough & scored, enough & scored & (right != 0.5)
    shared = int((votes.sum(axis=1) >= 2).sum())
    alone, alone_std = _alone(people)
    return Report(
        pairs=pairs,
        people=people,
        answers=len(counted),
        training_answers=len(answers) - len(counted),
        alone=alone,
        alone_std=alone_std,
        least=least,
        majority=_share(right[enough]),
        ties=int((right[enough] == 0.5).sum()),
        alpha=_finite(nominal_alpha(votes, alike=True)) if shared else None,
        alpha_interval=alpha_interval(votes, alike=True) if shared else None,
        alpha_by_truth=_finite(nominal_alpha(votes)) if shared else None,
        shared=shared,
        left=_share(np.array([float(answer.left) for answer in counted])),
        median_seconds=_median([answer.seconds for answer in counted]),
        model=_share(model[both]),
        model_all=_share(model[scored]),
        model_majority=_share(np.where(right[clear] == 1, model[clear], 1 - model[clear])),
        difference=float((model[both] - right[both]).mean()) if both.any() else None,
        difference_interval=_drawn(model[both] - right[both]),
    )


def _people(answers: Sequence[Answer]) -> tuple[Person, ...]:
    by_session: dict[int, list[Answer]] = {}
    for answer in answers:
        by_session.setdefault(answer.session, []).append(answer)
    people = []
    for session, own in sorted(by_session.items()):
        right = sum(answer.right for answer in own) / len(own)
        people.append(
            Person(
                session=session,
                accuracy=Share(share=right, of=len(own), interval=wilson_interval(right, len(own))),
                median_seconds=_median([answer.seconds for answer in own]),
                left=sum(answer.left for answer in own) / len(own),
            )
        )
    return tuple(people)


def _votes(answers: Sequence[Answer], scores: Mapping[str, float]) -> tuple[PairVotes, ...]:
    found: dict[tuple[str, str], list[int]] = {}
    for answer in answers:
        found.setdefault((answer.winner, answer.loser), [0, 0])[0 if answer.right else 1] += 1
    pairs = []
    for (winner, loser), (won, lost) in sorted(found.items()):
        known = winner in scores and loser in scores
        model = _favourite(scores[winner], scores[loser]) if known else None
        pairs.append(PairVotes(winner=winner, loser=loser, for_winner=won, for_loser=lost, model=model))
    return tuple(pairs)


def _alone(people: Sequence[Person]) -> tuple[Share | None, float | None]:
    if not people:
        return None, None
    each = np.array([person.accuracy.share for person in people])
    interval = _drawn(each) or people[0].accuracy.interval
    return Share(share=float(each.mean()), of=len(each), interval=interval), float(each.std(ddof=1)) if len(
        each
    ) > 1 else None


def _share(right: Floats) -> Share | None:
    if not len(right):
        return None
    mean = float(right.mean())
    return Share(share=mean, of=len(right), interval=wilson_interval(min(1.0, max(0.0, mean)), len(right)))


def _drawn(values: Floats) -> tuple[float, float] | None:
    """Interval of a mean, 95 %, by drawing the values with replacement; None for fewer than two."""
    count = len(values)
    if count < 2:
        return None
    random = np.random.default_rng(_SEED)
    means = [float(values[random.integers(count, size=count)].mean()) for _ in range(_DRAWS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _right(won: Floats, lost: Floats) -> Floats:
    return np.asarray((won > lost) + 0.5 * (won == lost), np.float64)


def _favourite(for_winner: float, for_loser: float) -> str:
    if for_winner == for_loser:
        return "tie"
    return "winner" if for_winner > for_loser else "loser"


def _median(seconds: Sequence[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return float(np.median(known)) if known else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
