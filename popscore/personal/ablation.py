"""What each part of a bank brings: a person's posts, each judged by the posts before it, as a table.

The posts are taken in stretches of time; what is learnt, and what is retrieved, lies before the stretch.
The random split of Ji et al. 2023 lets both see later posts; the last row shows what that would make of it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from popscore.errors import BankRefused
from popscore.metrics import wilson_interval
from popscore.models.spec import Json, ModelInfo, ModelSpec
from popscore.personal.bank import MemoryBank
from popscore.personal.captions import unpacked_captions
from popscore.personal.learning import Learnt, learn
from popscore.personal.local_score import DAY_MS
from popscore.personal.looking import Seen
from popscore.personal.retrieval import PAPER, Retrieval, nearest, psi
from popscore.personal.stored import Stored

# Source of both: Ji et al. 2023: pairs of one user within a week, |l_a - l_b| / max(l_a, l_b) > .5.
PAIR_DAYS = 7
_LEAST_APART = 0.5
# Of time, each learnt anew for; the first has no past and is not asked about.
_STRETCHES = 20
# Neighbours speak against one that did as usual: one alone, however like, moves half as far as it went.
_AS_USUAL = 1.0

Wide = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to judge, on the same pairs as all others.

    Attributes:
        name: in words.
        accuracy: share of pairs that it ranks the right way round; a tie counts one half.
        low, high: 95 % interval (Wilson; pairs taken as independent, which those of one person are not quite).
    """

    name: str
    accuracy: float
    low: float
    high: float

    def to_json(self) -> Json:
        """The row as a result."""
        return {"name": self.name, **{key: round(getattr(self, key), 4) for key in ("accuracy", "low", "high")}}


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What each part brings.

    Attributes:
        rows: ways to judge.
        pairs: pairs of posts asked about.
        posts: posts of the bank with known likes.
    """

    rows: Sequence[Row]
    pairs: int
    posts: int

    def to_json(self) -> Json:
        """The results of `evaluate --bank`."""
        return {"pairs": self.pairs, "posts": self.posts, "pair_days": PAIR_DAYS}

    def text(self) -> str:
        """The table."""
        head = f"{self.pairs:,} pairs of {self.posts:,} posts, within {PAIR_DAYS} days, likes clearly unlike\n"
        rows = (
            f"  {100 * row.accuracy:6.2f} %  {100 * row.low:6.2f} to {100 * row.high:6.2f}  {row.name}\n"
            for row in self.rows
        )
        return head + "".join(rows)


def ablation(bank: MemoryBank, model: ModelInfo, *, on_progress: Callable[[int, int], None] | None = None) -> Ablation:
    """Judge each post by those before it, in several ways.

    Args:
        bank: only the posts before its `at` count.
        model: that made it.
        on_progress: called with how many stretches of time are done, of how many.

    Raises:
        BankRefused: there is no pair to ask about.
    """
    stored = bank.stored
    known = np.flatnonzero((stored.likes >= 0) & (stored.times_ms < bank.at_ms))
    stretches = [part for part in np.array_split(known, min(_STRETCHES, max(len(known), 1))) if len(part)][1:]
    asked = np.concatenate(stretches) if stretches else np.zeros(0, np.int64)
    pairs = _pairs(stored, asked)
    if not len(pairs):
        raise BankRefused(
            f"The bank has no two posts within {PAIR_DAYS} days whose likes are clearly unlike and known, and that "
            "have a past. Add more posts."
        )
    ways = dict(_ways(stored))
    everything = learn(stored, model, at_ms=bank.at_ms, retrieval=PAPER, expect=False)
    scores = {name: np.zeros(len(stored.ids)) for name in ways}
    for done, stretch in enumerate(stretches, start=1):
        before = learn(stored, model, at_ms=int(stored.times_ms[stretch[0]]), retrieval=PAPER, expect=False)
        for place in stretch.tolist():
            seen = _seen(stored, place)
            for name, way in ways.items():
                scores[name][place] = way(everything if name == _LEAK else before, seen, stored.ids[place], model.spec)
        if on_progress:
            on_progress(done, len(stretches))
    rows = [_row(name, found, pairs) for name, found in scores.items()]
    return Ablation(rows=rows, pairs=len(pairs), posts=len(known))


Way = Callable[[Learnt, Seen, str, ModelSpec], float]
_LEAK = "all three, later posts too (the paper's split)"


def _ways(stored: Stored) -> Iterator[tuple[str, Way]]:
    yield "general model", lambda _learnt, seen, _name, _spec: seen.score
    yield "general and learnt taste (what --bank gives)", lambda learnt, seen, _name, _spec: learnt.score(seen)
    # A bank that never looked for people has neither poses nor backgrounds.
    parts = {"caption or picture": Retrieval()}
    if stored.with_people:
        parts = {
            "pose": Retrieval(pose=1, caption=0),
            "background": Retrieval(background=1, caption=0),
            **parts,
            "background and caption": Retrieval(background=1),
            "pose and caption": Retrieval(pose=1),
            "pose and background": Retrieval(pose=1, background=1, caption=0),
            "all three, literal": PAPER,
            "all three, renormalised": replace(PAPER, renormalise=True),
            _LEAK: PAPER,
        }
    for name, retrieval in parts.items():
        yield (name if name == _LEAK else f"general and neighbours: {name}"), _by_neighbours(retrieval)


def _by_neighbours(retrieval: Retrieval) -> Way:
    def way(learnt: Learnt, seen: Seen, name: str, spec: ModelSpec) -> float:
        if not learnt.ids:
            return seen.score
        likeness = psi(learnt.parts(seen, retrieval), retrieval)
        if name in learnt.ids:  # only where later posts count
            likeness[learnt.ids.index(name)] = 0
        near = nearest(likeness, retrieval.k)
        told = float(likeness[near] @ learnt.local.ratings[near] / (likeness[near].sum() + _AS_USUAL))
        return seen.score + spec.reference_std * told

    return way


def _seen(stored: Stored, place: int) -> Seen:
    picture = stored.pictures[place]
    text = stored.captions[place]
    pose = stored.poses[picture]
    return Seen(
        score=float(stored.scores[picture]),
        embedding=stored.embeddings[picture],
        background=stored.backgrounds[picture],
        pose=pose if pose[:, 2].any() else None,
        caption=unpacked_captions(text[np.newaxis])[0] if text.any() else None,
    )


def _pairs(stored: Stored, asked: Ints) -> Ints:
    """(P, 2) places of the more liked and the less liked post of each pair."""
    times, likes = stored.times_ms[asked], stored.likes[asked]
    found: list[tuple[int, int]] = []
    for first in range(len(asked)):
        last = int(np.searchsorted(times, times[first] + PAIR_DAYS * DAY_MS, side="right"))
        for second in range(first + 1, last):
            high, low = (first, second) if likes[first] >= likes[second] else (second, first)
            if likes[high] - likes[low] > _LEAST_APART * likes[high]:
                found.append((int(asked[high]), int(asked[low])))
    return np.array(found, np.int64).reshape(-1, 2)


def _row(name: str, scores: Wide, pairs: Ints) -> Row:
    won, lost = scores[pairs[:, 0]], scores[pairs[:, 1]]
    accuracy = float(((won > lost) + 0.5 * (won == lost)).mean())
    low, high = wilson_interval(accuracy, len(pairs))
    return Row(name=name, accuracy=accuracy, low=low, high=high)
