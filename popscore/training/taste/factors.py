"""How tastes differ: a factor analysis of people's ratings whose loadings are smooth functions of what the model sees.

A person's rating of a photo, standardised, is slope * g + mean deviation of all people + loadings(x) . z + smooth taste
+ noise, z standard normal for each person. The loadings are found by expectation and maximisation (Rubin & Thayer
1982), with two differences: they are kernel ridge regressions on the embedding, since they are needed for photos that
nobody rated; and the deviation that all people share is taken out first, since it is an error of the general score and
no taste.

Why smooth: people were shown one of four lists without a photo in common, and 594 photos are few. Without it (a full
covariance in 30 to 150 principal directions) the prior fits the photos it is learnt on and is worse than none; see
LOG.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popscore.personal.taste import standardised
from popscore.personal.taste_prior import TastePrior, likeness
from popscore.training.appeal.features import PARTS
from popscore.training.appeal.head import fit_standardiser
from popscore.training.taste.people import Floats, People


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Chosen on one half of the people, see LOG.md."""

    factors: int = 4
    smoothing: float = 2.0
    amplitude: float = 0.3
    slope_variance: float = 0.03
    slope: float = 0.5
    noise: float = 0.6
    directions: int = 128
    rounds: int = 8


def fit_prior(
    people: People,
    chosen: NDArray[np.intp],
    photos: NDArray[np.intp],
    general: Floats,
    recipe: Recipe | None = None,
) -> TastePrior:
    """Learn how tastes differ.

    Args:
        people: ratings and embeddings.
        chosen: (u,) the people to learn from.
        photos: (n,) photos of oasis to learn from.
        general: (N,) general scores of the photos of oasis by models that did not see them.
        recipe: sizes and variances.
    """
    recipe = recipe or Recipe()
    used = np.concatenate([photos, np.arange(people.count, len(people.embeddings))])
    standardiser = fit_standardiser(people.embeddings[used], PARTS)
    points = standardiser(people.embeddings[used])
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    directions = axes[: recipe.directions].astype(np.float16).astype(np.float64)  # as they ship
    own = points[: len(photos)]
    centres = (own @ directions.T).astype(np.float16).astype(np.float64)
    lengths = (own**2).sum(axis=1)
    agreement = (general[photos] - people.reference_mean) / people.reference_std
    weights = _loadings(
        people.ratings[np.ix_(chosen, photos)],
        people.groups[chosen],
        agreement,
        likeness(centres, lengths, centres, lengths),
        recipe,
    )
    return TastePrior(
        sha256=people.sha256,
        mean=standardiser.mean,
        scale=standardiser.scale,
        root=standardiser.root > 0,
        directions=directions,
        centres=centres,
        centre_lengths=lengths,
        weights=weights,
        amplitude=recipe.amplitude,
        slope_variance=recipe.slope_variance,
        slope=recipe.slope,
        noise=recipe.noise,
    )


def _loadings(ratings: Floats, groups: NDArray[np.intp], agreement: Floats, near: Floats, recipe: Recipe) -> Floats:
    """(n, k) weights of the loadings: loadings = near @ weights.

    Args:
        ratings: (u, n), NaN where there is none.
        groups: (u,) people of one group rated the same photos.
        agreement: (n,) standardised general scores.
        near: (n, n) likeness of the photos.
    """
    lists = [_residuals(ratings[groups == group], agreement, recipe.slope) for group in np.unique(groups)]
    raters = np.zeros(len(agreement))
    for rated, residuals in lists:
        raters[rated] = len(residuals)
    seen = np.flatnonzero(raters)
    # A loading that few people tell of is worth less.
    penalty = recipe.smoothing * np.median(raters[seen]) / raters[seen]
    ridge = np.linalg.inv(near[np.ix_(seen, seen)] + np.diag(penalty))
    rest = recipe.amplitude * near + recipe.slope_variance * np.outer(agreement, agreement) + 1.0
    weights = np.zeros((len(agreement), recipe.factors))
    weights[seen] = 0.2 * ridge @ np.random.default_rng(0).normal(size=(len(seen), recipe.factors))
    for _ in range(recipe.rounds):
        loadings = near @ weights
        found, moment, count = np.zeros_like(weights), np.zeros((recipe.factors, recipe.factors)), 0
        for rated, residuals in lists:
            part = loadings[rated]
            covariance = part @ part.T + rest[np.ix_(rated, rated)] + recipe.noise * np.eye(len(rated))
            gain = np.linalg.solve(covariance, part)  # (photos, k)
            factors = residuals @ gain  # (people, k)
            square = len(residuals) * (np.eye(recipe.factors) - gain.T @ part) + factors.T @ factors
            found[rated] = np.linalg.solve(square, factors.T @ residuals).T
            moment, count = moment + square, count + len(residuals)
        # Factors keep unit variance; what is missing goes into the loadings.
        weights[seen] = ridge @ (found[seen] @ np.linalg.cholesky(moment / count))
    return weights


def _residuals(ratings: Floats, agreement: Floats, slope: float) -> tuple[NDArray[np.intp], Floats]:
    """Photos that a group rated, and (people, photos) what neither the general score nor the others explain."""
    rated = np.flatnonzero(~np.isnan(ratings[0]))
    rows = np.stack([standardised(row[rated]) for row in ratings]) - slope * agreement[rated]
    rows = rows[np.any(rows + slope * agreement[rated] != 0, axis=1)]  # someone who rated all of them alike
    return rated, rows - rows.mean(axis=0)
