"""General scores of photos by heads that never saw them, nor the photos that the order is asked of.

The embedded model was fitted to the mean ratings of these very photos, by these very people. Its two networks were not;
only its head was. So the head is fitted again, with the recipe of `training/appeal`, without the photos in question.
One thing is left out: it is fitted to the photos as they are and not to their copies too, which needs no second look at
1296 photos and costs .002 of SRCC. The part that takes points off for damage saw no rating, and is left out likewise.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from popscore.training.appeal.features import PARTS
from popscore.training.appeal.head import KernelMachine, fit_kernel_machine
from popscore.training.taste.people import Floats, People

_GAMMA, _RIDGE, _DIRECTIONS, _AVT_WEIGHT = 1.0, 0.4, 128, 0.6  # as in training/appeal/train.py


def theme_folds(themes: list[str], count: int, *, seed: int) -> NDArray[np.intp]:
    """(N,) fold of each photo; a theme stays whole, and folds are about equally large."""
    sizes, fold_of = [0] * count, {}
    counts = Counter(themes)
    names = sorted(counts)
    np.random.default_rng(seed).shuffle(names)
    for name in names:
        fold_of[name] = sizes.index(min(sizes))
        sizes[fold_of[name]] += counts[name]
    return np.array([fold_of[theme] for theme in themes], np.intp)


def scores_without_own_fold(people: People, folds: NDArray[np.intp]) -> Floats:
    """(N,) general scores, each by a head that saw no photo of that photo's fold."""
    return np.asarray(_scaled(people, _without(people, folds))[folds, np.arange(people.count)])


def scores_without(people: People, folds: NDArray[np.intp]) -> Floats:
    """(F, N) general scores for the case that the order of fold f is asked.

    In row f a photo of fold f is scored by a head that did not see fold f, and a photo of another fold k by a head that
    saw neither f nor k.
    """
    count = int(folds.max()) + 1
    found = _without(people, folds)
    for f, k in itertools.combinations(range(count), 2):
        scores = _fitted(people, (folds != f) & (folds != k))(people.embeddings[: people.count])
        found[f, folds == k] = scores[folds == k]
        found[k, folds == f] = scores[folds == f]
    return _scaled(people, found)


def _without(people: People, folds: NDArray[np.intp]) -> Floats:
    """(F, N) z scores of the photos of fold f in row f; NaN elsewhere."""
    count = int(folds.max()) + 1
    found = np.full((count, people.count), np.nan)
    for f in range(count):
        found[f, folds == f] = _fitted(people, folds != f)(people.embeddings[: people.count])[folds == f]
    return found


def _scaled(people: People, found: Floats) -> Floats:
    """On the scale of the model: as `train.py` does it, but with the photos of oasis as the population."""
    own = found[~np.isnan(found)]
    return np.asarray(people.reference_mean + people.reference_std * (found - own.mean()) / own.std())


def _fitted(people: People, kept: NDArray[np.bool_]) -> KernelMachine:
    """A head fitted to the kept photos of oasis and to all of avt."""
    chosen = np.concatenate([kept, np.ones(len(people.photos) - people.count, np.bool_)])
    ratings = np.array([photo.rating for photo in people.photos])
    weights = np.array([photo.certainty for photo in people.photos])
    for inside in (np.arange(len(ratings)) < people.count, np.arange(len(ratings)) >= people.count):
        if (inside & chosen).any():
            ratings[inside] -= ratings[inside & chosen].mean()
    weights[people.count :] *= _AVT_WEIGHT
    return fit_kernel_machine(
        people.embeddings[chosen], ratings[chosen], weights[chosen], PARTS,
        gamma=_GAMMA, ridge=_RIDGE, directions=_DIRECTIONS, centres=np.arange(int(chosen.sum())),
    )  # fmt: skip
