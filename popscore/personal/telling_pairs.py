"""Which two photos to ask a person about next: those whose answer tells most about the order of all of them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from popscore.personal.taste import Embeddings, Taste, choice_spread
from popscore.personal.taste_prior import Floats

MOST_PHOTOS = 300
"""Photos that are weighed up for one question; of more, as many drawn at random."""
MOST_CANDIDATES = 4000
"""Pairs that are weighed up for one question; of more, as many drawn at random."""


def most_telling_pairs(
    taste: Taste,
    embeddings: Embeddings,
    general: npt.ArrayLike,
    count: int,
    asked: Collection[tuple[int, int]],
    rng: np.random.Generator,
) -> list[tuple[int, int]]:
    """The pairs to ask about, the most telling first; fewer where there are no more.

    An answer takes the variance |c|^2 / (v + n) from the opinions of all photos, without what they have in common: c is
    their covariance with the difference of the two, v its variance, n what one answer leaves open, which is much where
    the answer is as good as known. (MacKay 1992, "Information-based objective functions", for a Gaussian posterior:
    there the gain does not depend on the answer, so that several pairs can be chosen at once, each as if those before
    it had been answered.)

    Args:
        taste: what is known so far.
        embeddings: (N, D) of the photos that may be shown.
        general: (N,) their general scores.
        count: how many pairs.
        asked: pairs (i, j) that were shown before, in either order. They are not shown again.
        rng: which of the two comes first, and which photos and pairs are weighed up where there are many.

    Raises:
        ValueError: lengths or values that do not fit.
    """
    scores = np.asarray(general, np.float64)
    whole, among = len(embeddings), np.arange(len(embeddings))
    if len(among) > MOST_PHOTOS and scores.shape == among.shape:
        among = np.sort(rng.choice(among, MOST_PHOTOS, replace=False))
        embeddings, scores = np.asarray(embeddings)[among], scores[among]
    opinions, covariance = taste.opinions(embeddings, scores)
    photos = len(opinions)
    first, second = np.triu_indices(photos, 1)
    if asked:
        shown = np.array([min(pair) * whole + max(pair) for pair in asked], np.intp)
        new = ~np.isin(among[first] * whole + among[second], shown)
        first, second = first[new], second[new]
    if len(first) > MOST_CANDIDATES:
        some = rng.choice(len(first), MOST_CANDIDATES, replace=False)
        first, second = first[some], second[some]
    spread = choice_spread(taste.noise)
    chosen: list[tuple[int, int]] = []
    for _ in range(min(count, len(first))):
        gains = _gains(covariance, opinions[first] - opinions[second], first, second, spread)
        best = int(np.argmax(gains))
        i, j = int(first[best]), int(second[best])
        pair = int(among[i]), int(among[j])
        chosen.append(pair if rng.random() < 0.5 else pair[::-1])
        across = covariance[:, i] - covariance[:, j]
        variance = float(across[i] - across[j])
        covariance = covariance - np.outer(across, across) / (variance + 4 * spread**2)
        first, second = np.delete(first, best), np.delete(second, best)
    return chosen


def _gains(
    covariance: Floats, apart: Floats, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], spread: float
) -> Floats:
    """(P,) variance that the answer for each pair takes away, summed over the photos."""
    # |c_i - c_j|^2 for all pairs from one product, with the mean over the photos taken out.
    centred = covariance - covariance.mean(axis=0)
    square = centred.T @ centred
    lengths = np.diag(square)
    told = lengths[first] + lengths[second] - 2 * square[first, second]
    own = np.diag(covariance)
    variance = np.maximum(own[first] + own[second] - 2 * covariance[first, second], 0)
    # The usual steepness of the logistic curve where the difference may lie (MacKay 1992, "The evidence framework").
    wide = 1 / np.sqrt(1 + np.pi / 8 * variance / spread**2)
    chance = 1 / (1 + np.exp(-np.clip(apart / spread * wide, -500, 500)))
    open_ = spread**2 / np.maximum(chance * (1 - chance), 1e-9)
    return np.asarray(told / (variance + open_), np.float64)
