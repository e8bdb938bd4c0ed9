"""People's posts: what the transformer learns from, and is asked about.

A history is an order of photos with likes. The people of OASIS give theirs by their ratings: likes go up by a power of
two for a standard deviation of a person's ratings. A simulator gives more: a taste drawn on what the model sees, a
slope, noise, followers that come, a trend, and one post that goes around the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popscore.personal.local_score import DAY_MS, local_scores

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

USUAL_LIKES = 200.0
_START_MS = 1_600_000_000_000
# Of the simulator, in powers of two of likes; a person's own ratings have a deviation of 1.
_TASTE, _SLOPE, _NOISE, _TREND, _VIRAL = 0.5, 0.5, 0.6, 0.5, 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """One person's posts.

    Attributes:
        photos: (M,) which photo each post shows.
        likes: (M,) of each.
    """

    photos: Indices
    likes: Floats


def of_person(ratings: Floats) -> History:
    """The rated photos of one person as posts, in the order of the photos.

    Args:
        ratings: (N,) NaN where there is none.
    """
    photos = np.flatnonzero(~np.isnan(ratings))
    rated = ratings[photos]
    spread = rated.std()
    z = (rated - rated.mean()) / (spread if spread > 0 else 1.0)
    return History(photos=photos, likes=np.rint(USUAL_LIKES * 2**z))


def simulated(points: Floats, general: Floats, photos: Indices, count: int, rng: np.random.Generator) -> History:
    """Posts of a made-up person whose taste and noise are known.

    Args:
        points: (N, d) few coordinates of what the model sees in each photo: tastes are linear in them.
        general: (N,) standardised general scores.
        photos: (n,) that may be posted.
        count: how many posts.
        rng: draws all of it.
    """
    chosen = rng.choice(photos, min(count, len(photos)), replace=False)
    apart = points[chosen] - points[chosen].mean(axis=0)
    taste = apart @ rng.normal(size=points.shape[1])
    taste *= _TASTE * rng.gamma(2.0, 0.5) / max(float(taste.std()), 1e-9)
    time = np.arange(len(chosen)) / len(chosen)
    logs = _SLOPE * rng.gamma(4.0, 0.25) * general[chosen] + taste + _NOISE * rng.normal(size=len(chosen))
    logs += 2.0 * rng.random() * time + _TREND * np.sin(2 * np.pi * (time + rng.random()))  # followers, and a season
    logs[rng.integers(len(chosen))] += _VIRAL
    return History(photos=chosen, likes=np.rint(USUAL_LIKES * 2**logs))


def user_features(likeness: Floats, past: History, asked: Indices, neighbours: int) -> Floats:
    """(Q, 2 K) local score and likeness of the K posts that are most like each photo; 1 and 0 where there are fewer.

    One post a day in the order given, all before the question: no later post is looked at.

    Args:
        likeness: (N, N) psi of any two photos.
        past: the posts.
        asked: (Q,) photos.
        neighbours: K.
    """
    found = np.zeros((len(asked), neighbours, 2))
    found[:, :, 0] = 1.0
    count = min(neighbours, len(past.photos))
    if count:
        times = _START_MS + np.arange(len(past.photos)) * DAY_MS
        scores = local_scores(times, past.likes.astype(np.int64)).scores
        psi = likeness[np.ix_(asked, past.photos)]
        near = np.argsort(-psi, axis=1, kind="stable")[:, :count]
        found[:, :count, 0] = scores[near]
        found[:, :count, 1] = np.take_along_axis(psi, near, 1)
    return np.asarray(found.reshape(len(asked), 2 * neighbours))


def cosines(embeddings: NDArray[np.float32]) -> Floats:
    """(N, N) cosine of each two embeddings, nothing below 0: psi where neither people nor captions are looked at."""
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.clip((unit @ unit.T).astype(np.float64), 0, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """One person's past and the photos asked about.

    Attributes:
        photos: (Q,) asked about.
        user: (Q, 2 K) see `user_features`.
        likes: (Q,) of these photos.
    """

    photos: Indices
    user: Floats
    likes: Floats


def lesson(
    history: History, likeness: Floats, *, questions: int, neighbours: int, rng: np.random.Generator
) -> Lesson | None:
    """Some posts to ask about, after a past of any length of the others; None where there are too few."""
    count = len(history.photos)
    if count < questions + 2:
        return None
    order = rng.permutation(count)
    asked, others = order[:questions], order[questions:]
    length = round(float(np.exp(rng.uniform(np.log(2), np.log(len(others))))))  # short pasts as often as long ones
    kept = np.sort(others[:length])
    past = History(photos=history.photos[kept], likes=history.likes[kept])
    return Lesson(
        photos=history.photos[asked],
        user=user_features(likeness, past, history.photos[asked], neighbours),
        likes=history.likes[asked],
    )


def telling_pairs(lessons: Sequence[Lesson], *, least_apart: float = 0.5) -> tuple[Indices, Indices]:
    """(P,) and (P,) places, over all lessons, of two posts of one person whose likes are clearly unlike.

    Source: Ji et al. 2023: |l_a - l_b| / max(l_a, l_b) > .5.
    """
    first, second, start = [], [], 0
    for one in lessons:
        i, j = np.triu_indices(len(one.likes), 1)
        high = np.maximum(one.likes[i], one.likes[j])
        clear = np.abs(one.likes[i] - one.likes[j]) > least_apart * high
        clear &= np.minimum(one.likes[i], one.likes[j]) > 0
        first.append(i[clear] + start)
        second.append(j[clear] + start)
        start += len(one.likes)
    return np.concatenate(first), np.concatenate(second)
