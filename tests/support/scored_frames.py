"""Scored frames of a video that nobody has to decode."""

from functools import cache

import numpy as np
from PIL import Image

from popscore.photos import similarity
from popscore.results import ScoredPhoto
from popscore.scoring.scorer import Candidate
from popscore.video.moments import FrameQuality, ScoredFrame


@cache
def look(number: int) -> bytes:
    """The signature of a picture like no other."""
    noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3))
    picture = Image.fromarray(noise.astype(np.uint8)).resize((96, 96), Image.Resampling.NEAREST)
    return similarity.signature(picture)


def scored_frame(
    index: int, time_s: float, score: float, *, looks_like: int | None = None, size: tuple[int, int] = (1920, 1080)
) -> ScoredFrame:
    """A frame that may be shown; frames that look like the same number are of the same scene."""
    width, height = size
    photo = ScoredPhoto(file="clip", score=score, percentile=50, label="Good", color="#000", width=width, height=height)
    return ScoredFrame(
        index=index,
        time_s=time_s,
        width=width,
        height=height,
        damaged=False,
        quality=FrameQuality(0, 255, 255, 0.3, 0.3),
        candidate=Candidate(photo, look(index if looks_like is None else looks_like), None),
    )
