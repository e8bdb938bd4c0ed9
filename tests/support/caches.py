"""Score caches for the tests."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import popscore
from popscore.scoring.cache import SqliteScoreCache
from popscore.scoring.scorer import Candidate, Content

Open = Callable[..., SqliteScoreCache]


def opener(file: Path, scorer: popscore.Scorer) -> Open:
    """Opens the cache in that file, for that scorer's model."""

    def opened(*, exact: bool = False, path: Path | None = file, max_bytes: int = 10**7) -> SqliteScoreCache:
        return SqliteScoreCache(path, model=scorer.model, exact=exact, max_bytes=max_bytes)

    return opened


def made(path: Path, value: int) -> Path:
    """A grey photo, changed long ago."""
    long_ago_s = time.time() - 1000
    Image.new("RGB", (60, 40), (value,) * 3).save(path)
    os.utime(path, (long_ago_s, long_ago_s))
    return path


def content(candidate: Candidate) -> Content:
    """What a cache remembers of this candidate."""
    photo = candidate.photo
    return Content(photo.score, photo.width, photo.height, candidate.signature, candidate.taken_s, photo.warning)


def remember(cache: SqliteScoreCache, scorer: popscore.Scorer, *photos: Path) -> list[Candidate]:
    """Score with this cache, and close it."""
    with cache:
        found = list(scorer.candidates(photos, cache=cache))
    assert all(isinstance(candidate, Candidate) for candidate in found)
    return found
