"""What a person's past posts teach, and what they say about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from popscore.models.spec import ModelInfo
from popscore.personal.captions import unpacked_captions
from popscore.personal.local_score import Floats as Wide
from popscore.personal.local_score import LocalScores, local_scores
from popscore.personal.looking import Seen
from popscore.personal.pose import SURE, likeness
from popscore.personal.retrieval import Floats, Retrieval, cosines, nearest, psi
from popscore.personal.stored import Stored
from popscore.personal.taste import MOST, Taste, learn_from_choices, learn_from_ratings, standardised
from popscore.personal.taste_prior import learnt_prior
from popscore.results import Neighbour, PersonalScore

_LEAST_FOR_LIKES = 4
NOISE_FACTOR = 1.06
"""By how much the noise of the personal score is larger than that of the general one, where something was learnt: .501
against .471 for 60 people of OASIS with 100 ratings each, by tests/benchmarks/personal_noise.py."""
# Posts at which half of what was found counts: of expected likes, of which a few posts tell little.
_SHRINK_POSTS = 10.0
_MOST_RATIO = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What M past posts with known likes teach.

    Attributes:
        taste: how their likes differ from the general score.
        chosen: how the person's own choices differ from that; None where there are none.
        retrieval: how posts are found that are like a picture.
        ids, local: (M,) of the posts, see `local_scores`.
        noise: of the personal score, see `ModelSpec.noise`.
        slope: powers of two of likes for a point of personal score.
        usual: the personal score at which likes are as usual.
    """

    taste: Taste
    chosen: Taste | None
    retrieval: Retrieval
    ids: tuple[str, ...]
    local: LocalScores
    noise: float
    slope: float
    usual: float
    _pictures: Floats
    _backgrounds: Floats
    _poses: Floats
    _captions: npt.NDArray[np.uint8]

    @property
    def dimensions(self) -> int | None:
        """Of the embedding; None where nothing was learnt."""
        return self._pictures.shape[1] or None

    def judge(self, seen: Seen) -> PersonalScore:
        """What the posts say about a picture."""
        score, support = self._judged(seen)
        ratio = 2 ** (self.slope * (score - self.usual)) if len(self.ids) else 1.0
        return PersonalScore(
            score=score,
            expected_ratio=float(np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO)),
            support=support,
            neighbours=self.neighbours(seen),
        )

    def score(self, seen: Seen) -> float:
        """The personal score of a picture alone."""
        return self._judged(seen)[0]

    def _judged(self, seen: Seen) -> tuple[float, float]:
        """The personal score and its support: what the choices add to what the posts have added."""
        embedding = seen.embedding[np.newaxis]
        by_posts = self.taste.predict(embedding, np.array([seen.score]))
        if self.chosen is None:
            return float(by_posts.scores[0]), float(by_posts.support[0])
        both = self.chosen.predict(embedding, by_posts.scores)
        return float(both.scores[0]), float(1 - (1 - by_posts.support[0]) * (1 - both.support[0]))

    def neighbours(self, seen: Seen) -> tuple[Neighbour, ...]:
        """The K posts that are most like a picture."""
        if not self.ids:
            return ()
        found = psi(self.parts(seen, self.retrieval), self.retrieval)
        return tuple(
            Neighbour(id=self.ids[place], psi=float(found[place]), local_score=float(self.local.scores[place]))
            for place in nearest(found, self.retrieval.k).tolist()
        )

    def parts(self, seen: Seen, wanted: Retrieval) -> tuple[Wide | None, Wide | None, Wide | None]:
        """(M,) how like each post is in pose, background and caption; NaN where one of the two has no such part."""
        count = len(self.ids)
        pose = background = caption = None
        if wanted.pose > 0:
            pose = np.full(count, np.nan)
            if seen.pose is not None:
                there = (self._poses[:, :, 2] >= SURE).any(axis=1)
                pose[there] = likeness(self._poses[there], seen.pose)
        if wanted.background > 0:
            behind = seen.embedding if seen.background is None else seen.background
            background = cosines(self._backgrounds, behind)
        if wanted.caption > 0 and seen.caption is None:
            caption = cosines(self._pictures, seen.embedding)
        elif wanted.caption > 0 and seen.caption is not None:
            caption = np.where(self._captions.any(axis=1), cosines(self._texts, seen.caption), np.nan)
        return pose, background, caption

    @cached_property
    def _texts(self) -> Floats:
        return unpacked_captions(self._captions)


def learn(stored: Stored, model: ModelInfo, *, at_ms: int, retrieval: Retrieval, expect: bool = True) -> Learnt:
    """Learn from the posts before a time.

    Args:
        stored: all posts.
        model: the general model, for its scale and for what is known of tastes on its embedding.
        at_ms: posts from then on do not count, nor do their likes in the local scores of those before.
        retrieval: how posts are found that are like a picture.
        expect: find out how likes go with the score too; without it the expected ratio is 1.
    """
    spec = model.spec
    past = np.flatnonzero((stored.times_ms < at_ms) & (stored.likes >= 0))
    local = local_scores(stored.times_ms[past], stored.likes[past])
    pictures = stored.pictures[past]
    embeddings, general = stored.embeddings[pictures], stored.scores[pictures]
    # A post that stands alone in its month says nothing about how it did; one beside another says half.
    taught = np.flatnonzero(local.others > 0)[-MOST:]  # the newest ones
    weights = local.others[taught] / (local.others[taught] + 1.0)
    ratings = local.ratings[taught]
    taste = learn_from_ratings(
        embeddings[taught],
        general[taught],
        ratings,
        reference_mean=spec.reference_mean,
        reference_std=spec.reference_std,
        weights=weights,
        prior=learnt_prior(model.sha256),
    )
    slope, usual = 0.0, spec.reference_mean
    if expect and len(taught) >= _LEAST_FOR_LIKES:
        slope, usual = _likes_for_score(_left_out(taste, general[taught], ratings, weights), ratings, weights)
    chosen = _by_choices(stored, taste, model)
    return Learnt(
        taste=taste,
        chosen=chosen,
        retrieval=retrieval,
        ids=tuple(stored.ids[place] for place in past.tolist()),
        local=local,
        noise=spec.likely_noise * (NOISE_FACTOR if taste.count or chosen is not None else 1.0),
        slope=slope,
        usual=usual,
        _pictures=_unit(embeddings),
        _backgrounds=_unit(stored.backgrounds[pictures]) if retrieval.background > 0 else embeddings,
        _poses=stored.poses[pictures],
        _captions=stored.captions[past],
    )


def _by_choices(stored: Stored, taste: Taste, model: ModelInfo) -> Taste | None:
    """What the person's choices between pictures say beyond the posts; they are not bound to a time."""
    if not len(stored.choices):
        return None
    embeddings = stored.embeddings[stored.choices[:, 0]], stored.embeddings[stored.choices[:, 1]]
    scores = stored.scores[stored.choices[:, 0]], stored.scores[stored.choices[:, 1]]
    won, lost = (taste.predict(seen, general).scores for seen, general in zip(embeddings, scores, strict=True))
    return learn_from_choices(
        *embeddings,
        won,
        lost,
        reference_mean=model.spec.reference_mean,
        reference_std=model.spec.reference_std,
        prior=learnt_prior(model.sha256),
    )


def _left_out(taste: Taste, general: Wide, ratings: Wide, weights: Wide) -> Wide:
    """(M,) the personal score of each post as it would be, had that post not been there.

    Of a Gaussian process that is known without learning anew: Rasmussen & Williams 2006, equation 5.12.
    """
    if taste.prior is None or taste.known is None:
        return general
    agreement = (general - taste.reference_mean) / taste.reference_std
    apart = standardised(ratings, weights) - taste.prior.slope * agreement
    opinion = apart - taste.pull / np.diag(taste.told)
    return np.asarray(general + taste.reference_std / taste.prior.slope * opinion, np.float64)


def _likes_for_score(scores: Wide, ratings: Wide, weights: Wide) -> tuple[float, float]:
    """How likes go with the personal score, on posts that it did not know.

    Returns:
        The slope of log2 of the local score, at least 0, and the score at which likes are as usual.
    """
    usual, middle = (float(np.average(values, weights=weights)) for values in (scores, ratings))
    apart = scores - usual
    spread = float(weights @ apart**2)
    # With few posts nearer to no slope at all, as if there were ten more that say so.
    shrink = len(scores) / (len(scores) + _SHRINK_POSTS)
    slope = shrink * float(weights @ (apart * (ratings - middle))) / max(spread, 1e-9)
    return max(0.0, slope), usual


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9), np.float32)
