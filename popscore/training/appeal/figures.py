"""The figures of an appeal model that are about its two sets of photos; all others are in popscore.metrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from popscore.metrics import calibration_error, fit_win_scale, srcc
from popscore.training.appeal.data import FOLDS, RatedPhoto

Scores = NDArray[np.float64]
OASIS_CATEGORIES = ("Scene", "Object", "Person", "Animal")


def correlations(photos: list[RatedPhoto], scores: Scores) -> dict[str, float]:
    """SRCC with the mean rating: whole sets, and within each category of oasis. `scores` (N,), out of fold."""
    ratings = np.array([photo.rating for photo in photos])
    rows = {"oasis": [photo.dataset == "oasis" for photo in photos]}
    for category in OASIS_CATEGORIES:
        rows[f"oasis {category}"] = [photo.category == category for photo in photos]
    rows["avt"] = [photo.dataset == "avt" for photo in photos]
    return {name: srcc(scores[np.array(chosen)], ratings[np.array(chosen)]) for name, chosen in rows.items()}


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


def win_probability_error(photos: list[RatedPhoto], scores: Scores) -> float:
    """ECE of the win probability; each fold's pairs use the scale fitted on the pairs of the other folds."""
    pairs = held_out_pairs(photos, scores)
    probabilities, outcomes = [], []
    for fold, (differences, won) in enumerate(pairs):
        others = [pair for other, pair in enumerate(pairs) if other != fold]
        scale = fit_win_scale(np.concatenate([d for d, _ in others]), np.concatenate([o for _, o in others]))
        probabilities.append(special.expit(differences / scale))
        outcomes.append(won)
    return calibration_error(np.concatenate(probabilities), np.concatenate(outcomes))
