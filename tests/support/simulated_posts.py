"""Posts of people who do not exist: pictures as points, a known taste, known noise, followers that grow, an outlier."""

from dataclasses import dataclass

import numpy as np

from popscore.models.spec import I2PA_SPEC, ModelInfo
from popscore.personal.captions import BUCKETS
from popscore.personal.local_score import DAY_MS
from popscore.personal.stored import Stored

MODEL = ModelInfo(spec=I2PA_SPEC, source="file", sha256="0" * 64)
START_MS = 1_600_000_000_000


@dataclass(frozen=True)
class Simulated:
    """Posts, and what is true of them: the log2 of how much more than usual each is liked, without noise."""

    stored: Stored
    truth: np.ndarray


def simulated(
    posts: int = 150,
    *,
    seed: int = 0,
    taste: float = 1.0,
    noise: float = 0.4,
    growth: float = 4.0,
    outlier: bool = False,
    days: float = 3.0,
) -> Simulated:
    """A person's posts, one every `days` days.

    Args:
        taste: standard deviation of what the audience adds to the general score, in powers of two of likes.
        noise: of the likes, likewise.
        growth: how many times as many followers there are at the end.
        outlier: one post in the middle gets a thousand times the likes.
    """
    rng = np.random.default_rng(seed)
    wanted, posts = posts, max(posts, 2)
    kinds = rng.normal(size=(8, 64))
    mix = rng.dirichlet(np.full(8, 0.3), size=posts)
    embeddings = np.maximum(mix @ kinds + 0.1 * rng.normal(size=(posts, 64)), 0).astype(np.float32)
    # Across the kinds the mean is taken out: what the audience likes is not what everybody likes.
    liking = rng.normal(size=8)
    own = mix @ (liking - liking.mean())
    own = taste * (own - own.mean()) / own.std()
    general = rng.normal(2.96, 1.55, posts)
    truth = own + 0.3 * (general - 2.96) / 1.55
    logs = np.log2(200) + np.linspace(0, np.log2(growth), posts) + truth + noise * rng.normal(size=posts)
    likes = np.maximum(np.rint(2**logs), 0).astype(np.int64)
    if outlier:
        likes[posts // 2] *= 1000
    posts = wanted
    embeddings, general, truth = embeddings[:posts], general[:posts], truth[:posts]
    return Simulated(
        stored=Stored(
            ids=[f"p{place}" for place in range(posts)],
            times_ms=(START_MS + np.arange(posts) * days * DAY_MS).astype(np.int64),
            likes=likes[:posts],
            pictures=np.arange(posts),
            hashes=[place.to_bytes(32, "big") for place in range(posts)],
            scores=general,
            embeddings=embeddings,
            backgrounds=embeddings,
            poses=np.zeros((posts, 17, 3), np.float32),
            captions=np.zeros((posts, BUCKETS), np.uint8),
            choices=np.zeros((0, 2), np.int64),
            unseen=0,
            with_people=posts,
        ),
        truth=truth,
    )
