"""Figures that papers published: theirs, on their data, to stand beside one's own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """A published pairwise accuracy.

    Attributes:
        name: of the model or the people.
        accuracy: 0 to 1.
        on: what it was measured on.
        source: the paper.
    """

    name: str
    accuracy: float
    on: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """The figure by name."""
        return asdict(self)


_DING = "Ding, Ma & Wang 2019"
_JI = "Ji, Park, Rao & Chen 2023"
_PAIRS = "50,000 test pairs of Instagram"
_PEOPLE = "1,000 of these pairs"
_THEIRS = "their pairs of Instagram"

PUBLISHED = (
    Published("random", 0.50, _PAIRS, _DING),
    Published("Virality Detection", 0.5321, _PAIRS, _DING),
    Published("Khosla 2014", 0.5439, _PAIRS, _DING),
    Published("Hessel 2017", 0.6554, _PAIRS, _DING),
    Published("one person alone, mean of 30", 0.666, _PEOPLE, _DING),
    Published("LikelyAI", 0.6887, _PAIRS, _DING),
    Published("majority of 30 people", 0.7240, _PEOPLE, _DING),
    Published("I2PA, ResNet-50", 0.7665, _PAIRS, _DING),
    Published("people", 0.5866, _THEIRS, _JI),
    Published("I2PA, as they measured it", 0.7273, _THEIRS, _JI),
    Published("theirs, with retrieval and depth", 0.7948, _THEIRS, _JI),
)
"""Pairwise accuracies, the worst first within each paper."""
