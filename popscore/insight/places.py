"""A map in words: nine places of the picture, what each adds to the score, and what the map is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popscore.insight.maps import Contributions, ScoreMap
from popscore.models.spec import ModelSpec

# Less would be shown as 0.00.
_LEAST = 0.005
_SHOWN = 3
_ROWS, _COLUMNS = ("top", "", "bottom"), ("left", "", "right")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A ninth of the picture.

    Attributes:
        name: `top left`, `top`, …, `centre`, …, `bottom right`.
        contribution: what it adds to the score, in score units; those of all nine and the base make the score.
    """

    name: str
    contribution: float


def places(found: ScoreMap | Contributions) -> list[Place]:
    """The nine places, the one that adds most first; cells that lie in two are shared out by area."""
    grid = np.array(found.grid)
    rows, columns = _shares(grid.shape[0]), _shares(grid.shape[1])
    sums = rows @ grid @ columns.T / grid.size
    nine = [
        Place(name=" ".join(filter(None, (row, column))) or "centre", contribution=float(sums[y, x]))
        for y, row in enumerate(_ROWS)
        for x, column in enumerate(_COLUMNS)
    ]
    return sorted(nine, key=lambda place: -place.contribution)


def strongest(found: ScoreMap | Contributions) -> tuple[list[Place], list[Place]]:
    """The places that raise the score and those that lower it, three of each at most, the strongest first."""
    nine = [place for place in places(found) if abs(place.contribution) >= _LEAST]
    return (
        [place for place in nine if place.contribution > 0][:_SHOWN],
        [place for place in reversed(nine) if place.contribution < 0][:_SHOWN],
    )


def listed(some: Sequence[Place]) -> str:
    """`bottom left +0.31, top +0.20`; `nothing much` if there are none."""
    return ", ".join(f"{place.name} {place.contribution:+.2f}" for place in some) or "nothing much"


def _shares(cells: int) -> npt.NDArray[np.float64]:
    """(3, cells): how much of each cell lies in each third."""
    edges = np.arange(cells + 1) / cells
    thirds = np.arange(4) / 3
    begin = np.maximum(edges[np.newaxis, :-1], thirds[:-1, np.newaxis])
    end = np.minimum(edges[np.newaxis, 1:], thirds[1:, np.newaxis])
    overlap: npt.NDArray[np.float64] = np.maximum(end - begin, 0)
    return overlap * cells


def resolution(found: ScoreMap | Contributions) -> str:
    """How fine the map is, and where it comes from: `8 x 8 cells, the model's own map`."""
    cells = f"{len(found.grid[0])} x {len(found.grid)} cells"
    if found.method == "activation_map":
        return f"{cells}, the model's own map"
    return f"{cells}, each hidden in turn"


def addition(found: ScoreMap | Contributions) -> str:
    """How the map makes the score: `2.96 of an average photo + 1.67 of its cells = 4.63`."""
    gain = found.score - found.base
    start = "of an average photo" if found.method == "activation_map" else "without what its cells add"
    return f"{found.base:.2f} {start} {'+' if gain >= 0 else '-'} {abs(gain):.2f} of its cells = {found.score:.2f}"


def honesty(found: ScoreMap | Contributions, spec: ModelSpec) -> str:
    """What the map is, and what it is not, in two sentences or three."""
    if found.method == "activation_map":
        account = (
            "The model's own account: the mean of the cells is the score. "
            "A cell also knows what lies around it, so nothing finer than a cell can be read from it."
        )
    else:
        account = (
            "Each cell was blurred in turn and the photo scored again: a cell counts as much as the score fell. "
            "Cells that only matter together show little, and a blurred cell is a strange sight itself."
        )
    coarse = "" if found.complete else " There was no time for smaller cells."
    cut = "" if found.covers == (0, 0, 1, 1) else " The model does not look at the edges that are left out."
    return f"{account}{coarse}{cut} It shows what the model {spec.name} reacts to, not what is good or bad in a photo."
