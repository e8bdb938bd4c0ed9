"""How good scores are: figures that the field uses, in numpy alone."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pairwise_accuracy(winners: ArrayLike, losers: ArrayLike) -> float:
    """Share of pairs whose better photo scores higher, 0 to 1; a tie counts one half.

    Args:
        winners, losers: (P,) scores of the photo that people liked more, and of the other one.

    Raises:
        ValueError: the two have other lengths, or there is no pair.
    """
    better, worse = _matched(winners, losers, at_least=1)
    return float(((better > worse) + 0.5 * (better == worse)).mean())


def wilson_interval(share: float, count: int, *, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a share, such as a pairwise accuracy: the score interval of Wilson 1927.

    Unlike the interval of the normal distribution it stays between 0 and 1, also for few pairs and shares near 1. It
    takes the pairs as independent; pairs that have photos in common are not, and their true interval is wider.

    Args:
        share: what was measured, 0 to 1.
        count: number of pairs that it was measured on.
        level: how often such an interval holds the true share.

    Returns:
        Lower and upper bound.

    Raises:
        ValueError: there is no pair, or `share` or `level` is out of range.
    """
    if count < 1 or not 0 <= share <= 1 or not 0 < level < 1:
        raise ValueError(
            f"no interval for a share of {share} of {count} pairs at level {level}: "
            "the share must be from 0 to 1, the pairs at least 1, the level between 0 and 1"
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    whole = 1 + z**2 / count
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def plcc(scores: ArrayLike, ratings: ArrayLike) -> float:
    """Pearson's linear correlation of (N,) scores with (N,) ratings; not a number where all of one are equal.

    Raises:
        ValueError: the two have other lengths, or fewer than two values.
    """
    first, second = (values - values.mean() for values in _matched(scores, ratings, at_least=2))
    norm = math.sqrt(float(first @ first) * float(second @ second))
    return float(np.clip(first @ second / norm, -1, 1)) if norm > 0 else math.nan


def srcc(scores: ArrayLike, ratings: ArrayLike) -> float:
    """Spearman's rank correlation of (N,) scores with (N,) ratings; ties get their mean rank.

    Not a number where all of one are equal.

    Raises:
        ValueError: the two have other lengths, or fewer than two values.
    """
    first, second = _matched(scores, ratings, at_least=2)
    return plcc(_ranks(first), _ranks(second))


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def swapped_pairs(before: ArrayLike, after: ArrayLike) -> float:
    """Share of the pairs of photos that two lists of scores put in another order, 0 to 1.

    A pair that is tied in one list only counts one half.

    Args:
        before, after: (N,) scores of the same photos.

    Raises:
        ValueError: the two have other lengths, or fewer than two photos.
    """
    first_scores, second_scores = _matched(before, after, at_least=2)
    first, second = np.triu_indices(len(first_scores), k=1)
    orders = [np.sign(scores[first] - scores[second]) for scores in (first_scores, second_scores)]
    return float(np.abs(orders[0] - orders[1]).mean() / 2)


def calibration_error(probabilities: ArrayLike, outcomes: ArrayLike, *, bins: int = 10) -> float:
    """Expected calibration error: mean over even bins of |mean probability - share of wins|, weighted by bin size.

    Source: Naeini, Cooper & Hauskrecht 2015.

    Args:
        probabilities: (P,) of a win, 0 to 1.
        outcomes: (P,) whether it was one.

    Raises:
        ValueError: the two have other lengths, there is none, or a probability is out of range.
    """
    chances, won = _matched(probabilities, outcomes, at_least=1)
    if not bool(((chances >= 0) & (chances <= 1)).all()):
        raise ValueError("no calibration error: each probability must be from 0 to 1")
    bin_of = np.minimum((chances * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            error += inside.mean() * abs(chances[inside].mean() - won[inside].mean())
    return float(error)


def fit_win_scale(differences: ArrayLike, outcomes: ArrayLike) -> float:
    """Scale s of P(A beats B) = sigmoid((a - b) / s) with the largest likelihood, within 0.01 to 100.

    Golden-section search on log s, to 1 in 10,000. The likelihood has one maximum, since it is concave in 1 / s.

    Args:
        differences: (P,) scores of A less scores of B.
        outcomes: (P,) whether A won.

    Raises:
        ValueError: the two have other lengths, or there is no pair.
    """
    gaps, won = _matched(differences, outcomes, at_least=1)
    signed = np.where(won > 0, gaps, -gaps)

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -signed / math.exp(log_scale)).mean())

    low, high, golden = math.log(0.01), math.log(100), (math.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def distance_from_normal(values: ArrayLike) -> float:
    """Kolmogorov-Smirnov distance between (N,) values and the normal distribution of their mean and deviation.

    Raises:
        ValueError: there are fewer than two values, or all are equal.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) < 2 or found.std() == 0:
        raise ValueError("no distance from the normal distribution: at least two values that differ are needed")
    ordered = np.sort((found - found.mean()) / found.std())
    expected = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max()))


def _matched(first: ArrayLike, second: ArrayLike, *, at_least: int) -> tuple[Floats, Floats]:
    """Both as arrays of one length."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"the two lists must have one length; their shapes are {a.shape} and {b.shape}")
    if len(a) < at_least:
        raise ValueError(f"too few values: {len(a)}, and a figure needs {at_least} at least")
    return a, b
