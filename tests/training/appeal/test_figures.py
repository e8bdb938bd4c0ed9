"""The figures that are about the two sets: correlations by category, held-out pairs, the win probability."""

import numpy as np
import pytest
from appeal_parts import rated

from popscore import metrics
from popscore.training.appeal import figures


def test_correlations_of_each_set_and_category() -> None:
    photos = rated(120)
    ratings = np.array([photo.rating for photo in photos])
    scores = np.where([photo.category == "Person" for photo in photos], -ratings, ratings)
    found = figures.correlations(photos, scores)
    assert list(found) == ["oasis", "oasis Scene", "oasis Object", "oasis Person", "oasis Animal", "avt"]
    assert (found["oasis Scene"], found["oasis Person"], found["avt"]) == pytest.approx((1, -1, 1))
    assert -1 < found["oasis"] < 1


def test_pairs_come_from_one_set_and_one_fold() -> None:
    photos = rated(60)
    ratings = np.array([photo.rating for photo in photos])
    pairs = figures.held_out_pairs(photos, ratings)
    assert len(pairs) == 5
    for fold, (differences, won) in enumerate(pairs):
        sizes = [sum(p.fold == fold and p.dataset == name for p in photos) for name in ("oasis", "avt")]
        assert len(differences) == len(won) == sum(size * (size - 1) // 2 for size in sizes)
        assert ((differences > 0) == won).all()  # the scores are the ratings
    share = np.concatenate([won for _, won in pairs]).mean()
    assert 0.35 < share < 0.65  # neither photo of a pair is always the better one


def test_equal_ratings_make_no_pair() -> None:
    photos = [photo.__class__(**{**vars(photo), "rating": 1.0}) for photo in rated(30)]
    assert sum(len(won) for _, won in figures.held_out_pairs(photos, np.arange(30.0))) == 0


def test_win_probability_error_is_small_where_one_scale_fits_all_folds() -> None:
    rng = np.random.default_rng(0)
    photos = rated(600)
    ratings = np.array([photo.rating for photo in photos])
    good = figures.win_probability_error(photos, ratings + rng.normal(0, 1, len(photos)))
    # Scores of one fold on another scale: the scale of the other folds does not fit them.
    off = np.where([photo.fold == 0 for photo in photos], 40, 1) * (ratings + rng.normal(0, 1, len(photos)))
    assert good < 0.03 < figures.win_probability_error(photos, off)


def test_win_probability_error_is_the_calibration_error_of_each_fold_by_the_others() -> None:
    photos = rated(100)
    scores = np.array([photo.rating for photo in photos]) + np.random.default_rng(1).normal(0, 1, 100)
    chances, outcomes = [], []
    pairs = figures.held_out_pairs(photos, scores)
    for fold in range(5):
        others = [pair for index, pair in enumerate(pairs) if index != fold]
        scale = metrics.fit_win_scale(*(np.concatenate(parts) for parts in zip(*others, strict=True)))
        chances.append(1 / (1 + np.exp(-pairs[fold][0] / scale)))
        outcomes.append(pairs[fold][1])
    wanted = metrics.calibration_error(np.concatenate(chances), np.concatenate(outcomes))
    assert figures.win_probability_error(photos, scores) == pytest.approx(wanted, abs=1e-9)
