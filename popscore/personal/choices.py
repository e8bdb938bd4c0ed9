"""Choices between two of one's own photos: what they teach, which two to ask about next, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popscore.models.spec import ModelInfo
from popscore.personal.taste import Taste, learn_from_choices
from popscore.personal.taste_prior import learnt_prior
from popscore.personal.telling_pairs import most_telling_pairs

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Pair = tuple[int, int]

ENOUGH = 10
"""Choices from which on an order by them is worth looking at."""
WANTED = 15
"""Choices that are asked for."""
_MOST_FORETOLD = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Album:
    """N photos that a person chooses from.

    Attributes:
        embeddings: (N, D).
        scores: (N,) of the general model, or personal ones that posts have taught already.
        model: the general one.
    """

    embeddings: Floats
    scores: Wide
    model: ModelInfo

    def __len__(self) -> int:
        return len(self.scores)

    def taste(self, choices: Sequence[Pair]) -> Taste:
        """What choices (winner, loser), as places in the album, teach."""
        spec = self.model.spec
        winners, losers = (np.array([pair[side] for pair in choices], np.int64) for side in (0, 1))
        return learn_from_choices(
            self.embeddings[winners],
            self.embeddings[losers],
            self.scores[winners],
            self.scores[losers],
            reference_mean=spec.reference_mean,
            reference_std=spec.reference_std,
            prior=learnt_prior(self.model.sha256),
        )


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How well choices were foretold, each from those before it.

    Attributes:
        choices: how many.
        by_taste, by_score: how many of them the taste that was learnt until then, and the general score, foretold.
    """

    choices: int
    by_taste: int
    by_score: int

    @property
    def sentence(self) -> str:
        """What that means, plainly."""
        if self.choices < ENOUGH:
            left = ENOUGH - self.choices
            return f"{left} more {'choice' if left == 1 else 'choices'}, and there is an order to look at."
        told = (
            f"Each choice was foretold from those before it: {self.by_taste} of {self.choices} by your taste, "
            f"{self.by_score} by the score alone. You are asked about pairs that are hard to foretell."
        )
        if self.by_taste <= self.by_score:
            return f"{told} So far your choices teach nothing that the score does not know."
        return f"{told} That is little to go by: take the order as a start."


def trust(album: Album, choices: Sequence[Pair]) -> Trust:
    """How well choices, in the order in which they were made, were foretold; of many, the last ones."""
    by_taste = by_score = 0
    first = max(0, len(choices) - _MOST_FORETOLD)
    for place, (winner, loser) in enumerate(choices[first:], first):
        both = [winner, loser]
        found = album.taste(choices[:place]).predict(album.embeddings[both], album.scores[both]).scores
        by_taste += bool(found[0] > found[1])
        by_score += bool(album.scores[winner] > album.scores[loser])
    return Trust(choices=len(choices) - first, by_taste=by_taste, by_score=by_score)


def next_pair(album: Album, choices: Sequence[Pair], skipped: Sequence[Pair]) -> Pair | None:
    """Two photos about which a choice teaches most; None where all have been asked about.

    The same answer for the same choices; which of the two comes first is drawn from them.

    Args:
        choices: winner and loser, as places in the album.
        skipped: pairs that the person could not decide.
    """
    if len(album) < 2:
        return None
    random = np.random.default_rng([len(choices), len(skipped), *(place for pair in choices for place in pair)])
    asked = [*choices, *skipped]
    found = most_telling_pairs(album.taste(choices), album.embeddings, album.scores, 1, asked, random)
    return found[0] if found else None
