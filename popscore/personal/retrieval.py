"""Which of a person's posts are like a photo: psi, the sum of three likenesses.

Source: Ji, Park, Rao & Chen 2023 (ACM MM): psi = w1 pose + w2 background + w3 caption, each from 0 to 1, weights of sum
1. Their weights and K are not given; here equal thirds and 5 are what `PAPER` has. Taken literally, a photo that shows
nobody has a pose of 0, and never comes near to anything; `renormalise` divides by the weights of the parts that there
are. Where no caption is given, as with a photo that is not posted yet, the whole picture stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popscore.errors import InvalidSetting

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
MOST_NEIGHBOURS = 100


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How posts are found that are like a photo.

    Attributes:
        pose, background, caption: weights, at least 0 and not all 0; they are divided by their sum. A part with the
            weight 0 is not looked at. By default the caption alone: pose and background cost three more networks per
            photo, and bring nothing where nobody is in the picture.
        renormalise: divide by the weights of the parts that there are.
        k: how many posts.
    """

    pose: float = 0.0
    background: float = 0.0
    caption: float = 1.0
    renormalise: bool = False
    k: int = 5

    def __post_init__(self) -> None:
        """Raises InvalidSetting if a number cannot be used."""
        weights = (self.pose, self.background, self.caption)
        if not all(0 <= weight < 1e6 for weight in weights) or not sum(weights) > 0:
            raise InvalidSetting(f"The weights {weights} cannot be used: each is at least 0, and one above it.")
        if not 1 <= self.k <= MOST_NEIGHBOURS:
            raise InvalidSetting(f"k={self.k} cannot be used: it must be a whole number from 1 to {MOST_NEIGHBOURS}.")

    @property
    def people(self) -> bool:
        """People have to be looked for."""
        return self.pose > 0 or self.background > 0

    @property
    def weights(self) -> tuple[float, float, float]:
        """Of pose, background and caption, of sum 1."""
        total = self.pose + self.background + self.caption
        return self.pose / total, self.background / total, self.caption / total


PAPER = Retrieval(pose=1, background=1, caption=1)
"""Equal thirds, the literal formula, 5 posts."""


def cosines(rows: Floats, one: Floats) -> Wide:
    """(M,) cosine of each row of (M, C), which have length 1, with (C,); nothing below 0."""
    norm = float(np.linalg.norm(one))
    return np.clip((rows @ one).astype(np.float64) / max(norm, 1e-9), 0, 1)


def psi(parts: tuple[Wide | None, Wide | None, Wide | None], retrieval: Retrieval) -> Wide:
    """(M,) how much each post is like the photo.

    Args:
        parts: (M,) of pose, background and caption, NaN where a post or the photo has no such part; None for a part
            that is left out.
        retrieval: weights, and whether they are renormalised.
    """
    count = len(next(part for part in parts if part is not None))
    total, there = np.zeros(count), np.zeros(count)
    for part, weight in zip(parts, retrieval.weights, strict=True):
        if part is not None and weight > 0:
            known = ~np.isnan(part)
            total[known] += weight * part[known]
            there[known] += weight
    if retrieval.renormalise:
        total = np.divide(total, there, out=np.zeros(count), where=there > 0)
    return np.clip(total, 0, 1)


def nearest(found: Wide, k: int) -> npt.NDArray[np.int64]:
    """Places of the k largest, the largest first; of equal ones the later one, which is the newer post."""
    order = np.lexsort((-np.arange(len(found)), -found))
    return np.asarray(order[:k], np.int64)
