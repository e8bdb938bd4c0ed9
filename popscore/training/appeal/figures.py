"""The figures that an appeal model is judged by; numpy only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from popscore.training.appeal.data import FOLDS, RatedPhoto

Scores = NDArray[np.float64]
OASIS_CATEGORIES = ("Scene", "Object", "Person", "Animal")


def spearman(a: Scores, b: Scores) -> float:
    """Spearman correlation of two (N,) arrays; ties get their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Scores) -> Scores:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def correlations(photos: list[RatedPhoto], scores: Scores) -> dict[str, float]:
    """SRCC with the mean rating: whole sets, and within each category of oasis. `scores` (N,), out of fold."""
    ratings = np.array([photo.rating for photo in photos])
    rows = {"oasis": [photo.dataset == "oasis" for photo in photos]}
    for category in OASIS_CATEGORIES:
        rows[f"oasis {category}"] = [photo.category == category for photo in photos]
    rows["avt"] = [photo.dataset == "avt" for photo in photos]
    return {name: spearman(scores[np.array(chosen)], ratings[np.array(chosen)]) for name, chosen in rows.items()}


def held_out_pairs(photos: list[RatedPhoto], scores: Scores) -> list[tuple[Scores, NDArray[np.bool_]]]:
    """For each fold, score differences and whether the first photo is the better rated one.

    Both photos of a pair come from one set and one fold, so the model has seen neither. Equal ratings make no pair.
    """
    ratings = np.array([photo.rating for photo in photos])
    pairs = []
    for fold in range(FOLDS):
        differences, outcomes = [], []
        for dataset in ("oasis", "avt"):
            chosen = [i for i, photo in enumerate(photos) if photo.fold == fold and photo.dataset == dataset]
            first, second = np.triu_indices(len(chosen), 1)
            index = np.array(chosen, dtype=np.intp)
            first, second = index[first], index[second]
            # Every other pair is turned round, so that the order of the label file carries nothing.
            first, second = (
                np.where(first % 2 == second % 2, first, second),
                np.where(first % 2 == second % 2, second, first),
            )
            clear = ratings[first] != ratings[second]
            differences.append((scores[first] - scores[second])[clear])
            outcomes.append((ratings[first] > ratings[second])[clear])
        pairs.append((np.concatenate(differences), np.concatenate(outcomes)))
    return pairs


def fit_win_scale(differences: Scores, outcomes: NDArray[np.bool_]) -> float:
    """Scale s of P(A beats B) = sigmoid((a - b) / s) with the largest likelihood (golden-section search on log s)."""
    signed = np.where(outcomes, differences, -differences)

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -signed / math.exp(log_scale)).mean())

    low, high, golden = math.log(0.01), math.log(100), (math.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)


def calibration_error(probabilities: Scores, outcomes: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Expected calibration error: mean over even bins of |mean probability - share of wins|, weighted by bin size."""
    bin_of = np.minimum((probabilities * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            error += inside.mean() * abs(probabilities[inside].mean() - outcomes[inside].mean())
    return float(error)


def win_probability_error(photos: list[RatedPhoto], scores: Scores) -> float:
    """ECE of the win probability; each fold's pairs use the scale fitted on the pairs of the other folds."""
    pairs = held_out_pairs(photos, scores)
    probabilities, outcomes = [], []
    for fold, (differences, won) in enumerate(pairs):
        others = [pair for other, pair in enumerate(pairs) if other != fold]
        scale = fit_win_scale(np.concatenate([d for d, _ in others]), np.concatenate([o for _, o in others]))
        probabilities.append(1 / (1 + np.exp(-differences / scale)))
        outcomes.append(won)
    return calibration_error(np.concatenate(probabilities), np.concatenate(outcomes))


def distance_from_normal(values: Scores) -> float:
    """Kolmogorov-Smirnov distance between (N,) values and the normal distribution of their mean and deviation."""
    ordered = np.sort((values - values.mean()) / values.std())
    expected = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in ordered])
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max()))
