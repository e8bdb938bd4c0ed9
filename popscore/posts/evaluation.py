"""How well scores tell the winners of pairs from the losers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popscore import metrics
from popscore.posts.pairs import Pair

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RATIOS = (1.0, 1.5, 2.0, 2.5, 3.0, 5.0, math.inf)  # likes of the winner for one of the loser
_DAYS = (0.0, 1.0, 3.0, 5.0, 7.0, math.nextafter(10.0, 11.0), math.inf)  # 10 days are within the limit of the paper
_RELIABILITY_BINS = 10  # of the favourite's probability, .5 to 1
_DRAWS = 1000
_SEED = 15
_MOST_USERS = 20
# A correlation of two values is always 1 or -1.
LEAST_IN_GROUP = 3


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the pairs, and how many of them came out right.

    Attributes:
        name: which ones: `2 to 2.5 times the likes`, a user, and so on.
        pairs: how many.
        accuracy: share that is right, a tie counts one half.
        low, high: its interval by Wilson, 95 %.
        mean_probability: of the favourite, by the model; only where that is what the parts are made by.
    """

    name: str
    pairs: int
    accuracy: float
    low: float
    high: float
    mean_probability: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The part by name, rounded."""
        document: dict[str, Any] = {
            "name": self.name,
            "pairs": self.pairs,
            "accuracy": round(self.accuracy, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
        }
        if self.mean_probability is not None:
            document["mean_probability"] = round(self.mean_probability, 4)
        return document


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one set of scores on pairs. None where the pairs do not say what a figure needs.

    Attributes:
        pairs: how many have both scores.
        accuracy: share of pairs whose winner scores higher, 0 to 1; a tie counts one half.
        interval: of the accuracy, 95 %, by Wilson: as if each pair were drawn on its own.
        interval_by_user: the same by drawing users with all their pairs, 1,000 times (bootstrap). It is wider where the
            pairs of a user are alike, and then the true one. None where users are not known, or one alone.
        ties: pairs with equal scores.
        users, user_mean, user_std: users with pairs; mean and standard deviation of their accuracies.
        by_user: the 20 users with the most pairs.
        by_likes, by_days: by how many times the likes, and by days between the posts.
        plcc, srcc: of scores with log(likes), means over users with 3 photos or more.
        groups: how many users these are.
        ratio_mse: mean of (log2(s_w / s_l) - log2(l_w / l_l))^2, for scores s and likes l, over pairs with scores above
            0.
        ratio_pairs: how many pairs these are.
        ece: expected calibration error of the win probability, 10 bins of the favourite's probability.
        reliability: those bins.
    """

    pairs: int
    accuracy: float
    interval: tuple[float, float]
    interval_by_user: tuple[float, float] | None
    ties: int
    users: int
    user_mean: float | None
    user_std: float | None
    by_user: Sequence[Part]
    by_likes: Sequence[Part]
    by_days: Sequence[Part]
    plcc: float | None
    srcc: float | None
    groups: int
    ratio_mse: float | None
    ratio_pairs: int
    ece: float
    reliability: Sequence[Part]

    def to_json(self) -> dict[str, Any]:
        """The figures by name, rounded."""

        def rounded(value: object) -> object:
            if isinstance(value, float):
                return round(value, 4)
            if isinstance(value, tuple):
                return [part.to_json() if isinstance(part, Part) else rounded(part) for part in value]
            return value

        return {name: rounded(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two sets of scores on the same pairs, the second less the first.

    Attributes:
        pairs: with scores of both.
        accuracy: difference of the two accuracies on these.
        interval: 95 %, by drawing users with all their pairs (pairs, where users are not known) 1,000 times, the same
            draws for both sets (paired bootstrap).
        by: what was drawn, `users` or `pairs`.
        only_first, only_second: pairs that one set alone has right.
    """

    pairs: int
    accuracy: float
    interval: tuple[float, float]
    by: str
    only_first: int
    only_second: int

    def to_json(self) -> dict[str, Any]:
        """The figures by name, rounded."""
        return {
            "pairs": self.pairs,
            "accuracy": round(self.accuracy, 4),
            "interval": [round(end, 4) for end in self.interval],
            "by": self.by,
            "only_first": self.only_first,
            "only_second": self.only_second,
        }


def evaluate_pairs(pairs: Sequence[Pair], winners: ArrayLike, losers: ArrayLike, *, win_scale: float = 1) -> Evaluation:
    """Measure scores on pairs.

    Args:
        pairs: P of them.
        winners, losers: (P,) scores of the two photos of each.
        win_scale: score difference worth one unit of log odds, see `scale.win_probability`.

    Raises:
        ValueError: the lengths differ, there is no pair, a score is not finite, or the scale is not above 0.
    """
    won, lost = _scores(pairs, winners, losers)
    if not win_scale > 0:
        raise ValueError(f"the win scale {win_scale} is not above 0")
    right = _right(won, lost)
    users = _numbers([pair.user for pair in pairs]) if all(pair.user for pair in pairs) else None
    several = users is not None and int(users.max()) > 0
    counts = np.bincount(users) if users is not None else np.zeros(0)
    accuracies = np.bincount(users, right) / counts if users is not None else np.zeros(0)
    likes = _likes(pairs)
    plcc, srcc, groups = _correlations(pairs, won, lost) if likes is not None else (None, None, 0)
    ratio_mse, ratio_pairs = _ratio_mse(won, lost, likes) if likes is not None else (None, 0)
    favourite = 0.5 + 0.5 * np.tanh(np.abs(won - lost) / win_scale / 2)
    return Evaluation(
        pairs=len(pairs),
        accuracy=metrics.pairwise_accuracy(won, lost),
        interval=metrics.wilson_interval(float(right.mean()), len(right)),
        interval_by_user=_bootstrap(right, users) if several and users is not None else None,
        ties=int((won == lost).sum()),
        users=len(counts),
        user_mean=float(accuracies.mean()) if len(counts) else None,
        user_std=float(accuracies.std()) if len(counts) else None,
        by_user=_by_user(pairs, right, users) if users is not None else (),
        by_likes=() if likes is None else _by_range(likes[0] / likes[1], right, _RATIOS, " times the likes"),
        by_days=_by_days(pairs, right),
        plcc=plcc,
        srcc=srcc,
        groups=groups,
        ratio_mse=ratio_mse,
        ratio_pairs=ratio_pairs,
        ece=metrics.calibration_error(favourite, right, bins=2 * _RELIABILITY_BINS),
        reliability=_reliability(favourite, right),
    )


def compare_scores(
    pairs: Sequence[Pair], first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]
) -> Difference:
    """Compare two sets of scores on the same pairs.

    Args:
        pairs: P of them.
        first, second: of each set the (P,) scores of winners and of losers.

    Raises:
        ValueError: as `evaluate_pairs`.
    """
    one, other = (_right(*_scores(pairs, *scores)) for scores in (first, second))
    users = _numbers([pair.user for pair in pairs]) if all(pair.user for pair in pairs) else None
    by_users = users is not None and int(users.max()) > 0
    drawn = users if by_users and users is not None else np.arange(len(pairs))
    return Difference(
        pairs=len(pairs),
        accuracy=float((other - one).mean()),
        interval=_bootstrap(other - one, drawn),
        by="users" if by_users else "pairs",
        only_first=int(((one == 1) & (other < 1)).sum()),
        only_second=int(((other == 1) & (one < 1)).sum()),
    )


def _scores(pairs: Sequence[Pair], winners: ArrayLike, losers: ArrayLike) -> tuple[Floats, Floats]:
    won, lost = np.asarray(winners, np.float64), np.asarray(losers, np.float64)
    if not won.shape == lost.shape == (len(pairs),) or not len(pairs):
        raise ValueError(f"each of the {len(pairs)} pairs needs two scores; there are {won.shape} and {lost.shape}")
    if not bool((np.isfinite(won) & np.isfinite(lost)).all()):
        raise ValueError("a score is not finite")
    return won, lost


def _right(won: Floats, lost: Floats) -> Floats:
    return np.asarray((won > lost) + 0.5 * (won == lost), np.float64)


def _numbers(names: Sequence[str]) -> Ints:
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)


def _bootstrap(values: Floats, groups: Ints) -> tuple[float, float]:
    """95 % interval of the mean of values, by drawing groups with all their values."""
    # Groups with the same sum and size are the same to a draw, and few are of their own kind: so how many of each kind
    # are drawn is what is drawn, 10 times faster than group by group.
    each = np.stack([np.bincount(groups, values), np.bincount(groups)], axis=1)
    kinds, counts = np.unique(each, axis=0, return_counts=True)
    drawn = np.random.default_rng(_SEED).multinomial(len(each), counts / len(each), _DRAWS)
    low, high = np.quantile((drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1]), (0.025, 0.975))
    return float(low), float(high)


def _part(name: str, right: Floats, mean_probability: float | None = None) -> Part:
    low, high = metrics.wilson_interval(float(right.mean()), len(right))
    return Part(
        name=name,
        pairs=len(right),
        accuracy=float(right.mean()),
        low=low,
        high=high,
        mean_probability=mean_probability,
    )


def _by_range(values: Floats, right: Floats, edges: Sequence[float], unit: str) -> tuple[Part, ...]:
    parts = []
    for low, high in pairwise(edges):
        inside = (values >= low) & (values < high)
        name = f"{low:g} to {high:g}{unit}" if math.isfinite(high) else f"{low:g}{unit} or more"
        if inside.any():
            parts.append(_part(name, right[inside]))
    return tuple(parts)


def _by_days(pairs: Sequence[Pair], right: Floats) -> tuple[Part, ...]:
    days = np.array([math.nan if pair.gap_days is None else pair.gap_days for pair in pairs])
    return _by_range(days, right, _DAYS, " days")


def _by_user(pairs: Sequence[Pair], right: Floats, users: Ints) -> tuple[Part, ...]:
    counts = np.bincount(users)
    most = np.argsort(-counts, kind="stable")[:_MOST_USERS]
    first = {int(user): place for place, user in reversed(list(enumerate(users.tolist())))}
    return tuple(_part(pairs[first[int(user)]].user, right[users == user]) for user in most)


def _reliability(favourite: Floats, right: Floats) -> tuple[Part, ...]:
    bins = np.minimum(((favourite - 0.5) * 2 * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
    parts = []
    for number in range(_RELIABILITY_BINS):
        inside = bins == number
        if inside.any():
            low, high = (0.5 + 0.5 * (number + step) / _RELIABILITY_BINS for step in (0, 1))
            parts.append(_part(f"{low:.2f} to {high:.2f}", right[inside], float(favourite[inside].mean())))
    return tuple(parts)


# --- figures that need likes --------------------------------------------------------------------------


def _likes(pairs: Sequence[Pair]) -> tuple[Floats, Floats] | None:
    """Likes of winners and losers; None where some are not known, or are 0 and have no ratio."""
    both = [(pair.winner_likes, pair.loser_likes) for pair in pairs]
    if any(not won or not lost for won, lost in both):
        return None
    found = np.array(both, np.float64)
    return found[:, 0], found[:, 1]


def _ratio_mse(won: Floats, lost: Floats, likes: tuple[Floats, Floats]) -> tuple[float | None, int]:
    """FACTS of Ji et al. 2023 in the reading that stands in `Evaluation`; a ratio needs scores above 0."""
    fine = (won > 0) & (lost > 0)
    if not fine.any():
        return None, 0
    apart = np.log2(won[fine] / lost[fine]) - np.log2(likes[0][fine] / likes[1][fine])
    return float((apart**2).mean()), int(fine.sum())


def _correlations(pairs: Sequence[Pair], won: Floats, lost: Floats) -> tuple[float | None, float | None, int]:
    """Means over users of the correlations of score and log(likes), each photo of a user once."""
    if not all(pair.user for pair in pairs):
        return None, None, 0
    photos: dict[tuple[str, str], tuple[float, float]] = {}
    for pair, high, low in zip(pairs, won.tolist(), lost.tolist(), strict=True):
        photos[pair.user, pair.winner] = (high, math.log(pair.winner_likes or 1))
        photos[pair.user, pair.loser] = (low, math.log(pair.loser_likes or 1))
    users = _numbers([user for user, _ in photos])
    values = np.array(list(photos.values()))
    order = np.argsort(users, kind="stable")
    users, values = users[order], values[order]
    large = np.bincount(users)[users] >= LEAST_IN_GROUP
    if not large.any():
        return None, None, 0
    groups = np.unique(users[large], return_inverse=True)[1].astype(np.int64)
    scores, likes = values[large, 0], values[large, 1]
    linear = _by_group(scores, likes, groups)
    ranked = _by_group(_ranks(scores, groups), _ranks(likes, groups), groups)
    if not len(linear):
        return None, None, 0
    return float(linear.mean()), float(ranked.mean()), len(linear)


def _by_group(a: Floats, b: Floats, groups: Ints) -> Floats:
    """Pearson's correlation within each group, without those where all of one are equal."""
    sizes = np.bincount(groups)
    da = a - (np.bincount(groups, a) / sizes)[groups]
    db = b - (np.bincount(groups, b) / sizes)[groups]
    norms = np.sqrt(np.bincount(groups, da * da) * np.bincount(groups, db * db))
    varied = norms > 1e-12
    return np.asarray(np.clip(np.bincount(groups, da * db)[varied] / norms[varied], -1, 1), np.float64)


def _ranks(values: Floats, groups: Ints) -> Floats:
    """Ranks within groups; ties get their mean rank. Groups are numbered from 0 and stand in order."""
    order = np.lexsort((values, groups))
    new = np.concatenate([[True], (np.diff(values[order]) != 0) | (np.diff(groups[order]) != 0)])
    run = np.cumsum(new) - 1
    places = np.arange(len(values), dtype=np.float64)
    ranks = np.empty(len(values))
    ranks[order] = (np.bincount(run, places) / np.bincount(run))[run]
    return ranks
