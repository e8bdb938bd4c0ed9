"""What a person's ratings, likes or choices teach about their taste, beyond the general score.

A person's opinion of a photo is taken as slope * g + taste(x) + noise, where g is the standardised general score and
the taste a Gaussian process (Rasmussen & Williams 2006, chapters 2 and 3) with the covariance of a `TastePrior`. Its
mean is 0: without a history the general score stands as it is, and a short history moves it little. The personal score
is on the general scale: score + taste / slope * reference deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from popscore.personal.taste_prior import PLAIN_NOISE, Floats, Seen, TastePrior, plain_prior

Embeddings = npt.NDArray[np.floating[Any]]

MOST = 1000
"""Ratings or choices that are learnt from, at most: time grows with their cube."""

# The mean of a person's standardised ratings is 0 but for what few of them leave open.
_LEVEL_VARIANCE = 1.0
# A Student's t with so many degrees of freedom stands for the noise (Lange, Little & Taylor 1989): a post that is
# viral for another reason than its picture is seen to be odd, and counts for less.
_FREEDOM, _ROUNDS, _SAME = 4.0, 5, 0.01
_NORMAL, _EDGE = NormalDist(), 1e-9
# Logistic choices whose spread is that of the difference of two ratings' noise: pi / sqrt(3) is the logistic's
# deviation.
_LOGISTIC = np.pi / 3**0.5
_STEPS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Personal:
    """What a taste says about N photos.

    Attributes:
        scores: (N,) on the general model's scale.
        support: (N,) how much the history speaks: the share of the uncertainty about the taste for this photo that it
            took away. 0: the general score alone.
        deviation: (N,) how uncertain the taste for each photo still is, as a standard deviation in score units.
    """

    scores: Floats
    support: Floats
    deviation: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Taste:
    """How a person differs from the general model, as learnt from a history.

    Attributes:
        prior: what was known before.
        reference_mean, reference_std: of the general scores.
        count: ratings or choices that it was learnt from.
        known: the P photos of the history.
        pull: (P,) taste for a photo = covariance with the known ones @ pull.
        told: (P, P) uncertainty taken away = covariance @ told @ covariance.
    """

    prior: TastePrior | None
    reference_mean: float
    reference_std: float
    count: int
    known: Seen | None
    pull: Floats
    told: Floats

    @property
    def noise(self) -> float:
        """Variance of a person's rating that no taste explains, where all of it is 1."""
        return PLAIN_NOISE if self.prior is None else self.prior.noise

    def predict(self, embeddings: Embeddings, general: npt.ArrayLike) -> Personal:
        """Personal scores of N photos.

        Args:
            embeddings: (N, D) of the same model as the history.
            general: (N,) general scores.

        Raises:
            ValueError: lengths or values that do not fit.
        """
        scores = _numbers(general, len(embeddings), "general scores")
        prior = self.prior or plain_prior(embeddings)
        seen = prior.see(embeddings, (scores - self.reference_mean) / self.reference_std)
        unit, before = self.reference_std / prior.slope, prior.variance(seen)
        if self.known is None:
            return Personal(scores=scores.copy(), support=np.zeros(len(scores)), deviation=unit * np.sqrt(before))
        across = prior.covariance(seen, self.known)  # (N, P)
        taken = np.clip(np.einsum("np,np->n", across @ self.told, across), 0, before)
        return Personal(
            scores=scores + unit * (across @ self.pull),
            support=taken / np.maximum(before, 1e-12),
            deviation=unit * np.sqrt(before - taken),
        )

    def opinions(self, embeddings: Embeddings, general: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Opinions of N photos in units of a person's ratings: their mean (N,) and covariance (N, N).

        Args and errors: as in `predict`.
        """
        scores = _numbers(general, len(embeddings), "general scores")
        agreement = (scores - self.reference_mean) / self.reference_std
        prior = self.prior or plain_prior(embeddings)
        seen = prior.see(embeddings, agreement)
        before = prior.covariance(seen, seen)
        if self.known is None:
            return prior.slope * agreement, before
        across = prior.covariance(seen, self.known)
        return prior.slope * agreement + across @ self.pull, before - across @ self.told @ across.T


def no_taste(*, reference_mean: float, reference_std: float, prior: TastePrior | None = None) -> Taste:
    """The taste of nobody in particular: general scores stay as they are."""
    return Taste(
        prior=prior,
        reference_mean=reference_mean,
        reference_std=reference_std,
        count=0,
        known=None,
        pull=np.zeros(0),
        told=np.zeros((0, 0)),
    )


def learn_from_ratings(
    embeddings: Embeddings,
    general: npt.ArrayLike,
    ratings: npt.ArrayLike,
    *,
    reference_mean: float,
    reference_std: float,
    weights: npt.ArrayLike | None = None,
    prior: TastePrior | None = None,
) -> Taste:
    """Learn from M rated photos.

    Args:
        embeddings: (M, D) of the model.
        general: (M,) its scores.
        ratings: (M,) on any scale, more is better; for posts log2 of the local popularity score. One rating, or the
            same for each photo, teaches nothing. Of more than MOST those of most weight are used, the last ones first.
        reference_mean, reference_std: of the model's scores.
        weights: (M,) what a rating counts for, 1 by default; 0 leaves it out.
        prior: see `taste_prior.learnt_prior`; without one `plain_prior`.

    Raises:
        ValueError: lengths or values that do not fit.
    """
    wide = np.asarray(embeddings)
    scores, wish = _numbers(general, len(wide), "general scores"), _numbers(ratings, len(wide), "ratings")
    weight = np.ones(len(wide)) if weights is None else _numbers(weights, len(wide), "weights")
    used = np.flatnonzero(weight > 0)
    if len(used) > MOST:
        order = np.lexsort((np.arange(len(used)), weight[used]))
        used = np.sort(used[order[-MOST:]])
    wide, scores, wish, weight = wide[used], scores[used], wish[used], weight[used]
    wish = standardised(wish, weight)
    if not wish.any():
        return no_taste(reference_mean=reference_mean, reference_std=reference_std, prior=prior)
    known_prior = plain_prior(wide) if prior is None else prior
    agreement = (scores - reference_mean) / reference_std
    known = known_prior.see(wide, agreement)
    # What the general score leaves open. The level of a person's ratings is no taste, so it is learnt and left aside.
    apart = wish - known_prior.slope * agreement
    covariance = known_prior.covariance(known, known)
    noise, fixed = known_prior.noise / weight, covariance + _LEVEL_VARIANCE
    trust = np.ones(len(wide))
    for _ in range(_ROUNDS):
        left = np.linalg.solve(fixed + np.diag(noise / trust), apart) * noise / trust  # what taste and level leave
        before, trust = trust, np.minimum(1.0, (_FREEDOM + 1) / (_FREEDOM + left**2 / noise))
        if float(np.abs(trust - before).max()) < _SAME:
            break
    told = np.linalg.inv(fixed + np.diag(noise / trust))
    pull = told @ apart
    return Taste(
        prior=known_prior, reference_mean=reference_mean, reference_std=reference_std, count=len(wide), known=known,
        pull=np.asarray(pull, np.float64), told=np.asarray(told, np.float64),
    )  # fmt: skip


def learn_from_choices(
    winners_embeddings: Embeddings,
    losers_embeddings: Embeddings,
    winners_general: npt.ArrayLike,
    losers_general: npt.ArrayLike,
    *,
    reference_mean: float,
    reference_std: float,
    prior: TastePrior | None = None,
) -> Taste:
    """Learn from P pairs of photos of which a person liked the first one more.

    Bradley-Terry: the probability of a choice is logistic in the difference of the two opinions. The posterior is
    Laplace's (Rasmussen & Williams 2006, section 3.4), in the P differences.

    Args:
        winners_embeddings, losers_embeddings: (P, D) of the model.
        winners_general, losers_general: (P,) its scores.
        reference_mean, reference_std, prior: as in `learn_from_ratings`. Of more than MOST choices the last are used.

    Raises:
        ValueError: lengths or values that do not fit.
    """
    first, second = np.asarray(winners_embeddings)[-MOST:], np.asarray(losers_embeddings)[-MOST:]
    count = len(first)
    won = _numbers(winners_general, len(winners_embeddings), "general scores")[-MOST:]
    lost = _numbers(losers_general, len(losers_embeddings), "general scores")[-MOST:]
    if len(lost) != count:
        raise ValueError(f"{count} winners and {len(lost)} losers")
    if not count:
        return no_taste(reference_mean=reference_mean, reference_std=reference_std, prior=prior)
    both = np.concatenate([first, second])
    known_prior = plain_prior(both) if prior is None else prior
    agreement = (np.concatenate([won, lost]) - reference_mean) / reference_std
    known = known_prior.see(both, agreement)
    whole = known_prior.covariance(known, known)  # (2 P, 2 P)
    covariance = whole[:count, :count] - whole[:count, count:] - whole[count:, :count] + whole[count:, count:]
    spread = choice_spread(known_prior.noise)
    expected = known_prior.slope * (agreement[:count] - agreement[count:])
    slopes, bends = _laplace(covariance, expected, spread)
    told = np.linalg.inv(covariance + np.diag(1 / bends))
    return Taste(
        prior=known_prior, reference_mean=reference_mean, reference_std=reference_std, count=count, known=known,
        pull=np.concatenate([slopes, -slopes]), told=np.block([[told, -told], [-told, told]]),
    )  # fmt: skip


def choice_spread(noise: float) -> float:
    """Scale of the logistic curve of a choice: its deviation is that of the difference of two ratings' noise."""
    return float((2 * noise) ** 0.5 / _LOGISTIC)


def _laplace(covariance: Floats, expected: Floats, spread: float) -> tuple[Floats, Floats]:
    """Newton's steps to the most probable differences: the slopes (P,) and bends (P,) of the log likelihood there."""
    taste = np.zeros(len(expected))
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip((expected + taste) / spread, -500, 500)))
        slopes, bends = (1 - chance) / spread, np.maximum(chance * (1 - chance), 1e-9) / spread**2
        target = taste + slopes / bends
        moved = covariance @ np.linalg.solve(covariance + np.diag(1 / bends), target)
        done = float(np.abs(moved - taste).max()) < 1e-8
        taste = moved
        if done:
            break
    chance = 1 / (1 + np.exp(-np.clip((expected + taste) / spread, -500, 500)))
    return (1 - chance) / spread, np.maximum(chance * (1 - chance), 1e-9) / spread**2


def standardised(ratings: Floats, weights: Floats | None = None) -> Floats:
    """(M,) normal scores of ratings: mean 0, standard deviation 1; all 0 where they say nothing.

    Only the order of the ratings counts (van der Waerden 1952, with middle ranks for equal ones), so any scale will do,
    and one viral post is the best of its kind and no more. On people's ratings it is also a little better than the
    ratings themselves, see `training/taste/LOG.md`.

    Args:
        ratings: (M,) on any scale.
        weights: (M,) of each, above 0.
    """
    weight = np.ones(len(ratings)) if weights is None else weights
    values, kind = np.unique(ratings, return_inverse=True)
    if len(values) < 2:
        return np.zeros(len(ratings))
    mass = np.bincount(kind, weight)
    ranks = (np.cumsum(mass) - mass / 2) / mass.sum()
    scores = np.array([_NORMAL.inv_cdf(min(max(rank, _EDGE), 1 - _EDGE)) for rank in ranks.tolist()])[kind]
    scores = scores - float(np.average(scores, weights=weight))
    # The unbiased deviation, so that few ratings are not taken for more telling than they are.
    variance = float(np.average(scores**2, weights=weight)) * len(ratings) / (len(ratings) - 1)
    return np.asarray(scores / variance**0.5, np.float64)


def _numbers(values: npt.ArrayLike, count: int, what: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise ValueError(f"{what} of shape {found.shape}, expected {count} numbers that are finite")
    return found
