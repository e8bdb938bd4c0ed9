"""Rows of a batch in order: ranks, tiers, gaps, and near-duplicates folded under the best of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from popscore import scale
from popscore.models.spec import Json
from popscore.photos import similarity

TAKEN = 2_000
"""Rows that are folded at one time, or as many as the list has already."""

Row = tuple[Any, ...]
"""Value of the column that lists are made for; id, score, percentile, label, width, height; signature or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TopRow:
    """One row of a batch with its place.

    Attributes:
        of: the value of the column that lists are made for; None where there is one list.
        id: of the row.
        rank: 1 is best of the list; equal scores share a rank. Near-duplicates that are not shown count.
        score, percentile, label, width, height: of the row, see `popscore.batch.schema`.
        gap: score difference to the next row of the list; None for the last one.
        tier: 1 is best; rows of a tier cannot be told apart within the model's noise. None where that is not known.
        near_duplicates: rows of the list that are left out because they look like this one and score no more.
    """

    of: str | int | None
    id: str
    rank: int
    score: float
    percentile: float | None
    label: str
    width: int | None
    height: int | None
    gap: float | None
    tier: int | None
    near_duplicates: int

    def to_json(self) -> Json:
        """The result object."""
        return {
            "of": self.of,
            "id": self.id,
            "rank": self.rank,
            "score": round(self.score, 4),
            "percentile": None if self.percentile is None else round(self.percentile, 1),
            "label": self.label,
            "color": scale.band(self.score).color,
            "width": self.width,
            "height": self.height,
            "gap": None if self.gap is None else round(self.gap, 4),
            "tier": self.tier,
            "near_duplicates": self.near_duplicates,
        }


@dataclass(frozen=True, kw_only=True)
class Top:
    """The best rows of a batch.

    Attributes:
        model: as `ModelInfo.to_json`; what is not known is None.
        per: the column that lists are made for; None where there is one list.
        results: list after list, by the values of that column; in each the best first, equal scores by id.
        rows: of the batch.
        failed: rows without a score, and rows whose score is no number.
        without_group: rows with a score whose column `per` is empty; they are in no list.
        lists: how many.
        folded: near-duplicates were looked for.
    """

    model: Json
    per: str | None
    results: Sequence[TopRow]
    rows: int
    failed: int
    without_group: int
    lists: int
    folded: bool

    def to_json(self) -> Json:
        """The document of every door."""
        return {
            "model": self.model,
            "results": [row.to_json() for row in self.results],
            "errors": [],
            "per": self.per,
            "rows": self.rows,
            "failed": self.failed,
            "without_group": self.without_group,
            "lists": self.lists,
            "near_duplicates_folded": self.folded,
        }


@dataclass(slots=True)
class Entry:
    """A row that is shown."""

    row: Row
    rank: int
    tier: int
    near_duplicates: int = 0


@dataclass(slots=True)
class ShortList:
    """The best rows of one list, while they are found."""

    of: str | int | None
    k: int
    noise: float
    folds: bool
    entries: list[Entry] = field(default_factory=list)
    passed: int = 0  # rows, near-duplicates too
    last: Row | None = None
    tier_score: float = 0.0
    rank: int = 0
    tier: int = 0

    @property
    def full(self) -> bool:
        """It has all its rows."""
        return len(self.entries) >= self.k

    def add(self, rows: Sequence[Row], founders: Sequence[int] | None = None) -> None:
        """Add the next rows.

        Args:
            rows: the best first.
            founders: of each row the place of the one that it looks like, or its own, of the first rows of the list;
                looked for by default.
        """
        start = 0
        while start < len(rows) and not self.full:
            part = rows[start : start + max(TAKEN, len(self.entries))] if founders is None else rows
            start += len(part)
            known = [entry for entry in self.entries if entry.row[-1] is not None] if self.folds else []
            # Entries: those that are there, then those that this part makes, by its places.
            entries: dict[int, Entry] = dict(enumerate(known, start=-len(known)))
            for place, founder in enumerate(self._founders(known, part) if founders is None else founders):
                shown = self._pass(part[place], entries.get(founder) if founder != place else None)
                if shown is not None:
                    entries[place] = shown
                if self.full:
                    break
        if rows:
            self.last = rows[-1]

    def _pass(self, row: Row, original: Entry | None) -> Entry | None:
        """Count a row; the entry that it makes, if it is no near-duplicate of one."""
        score = row[2]
        if self.last is None or score != self.last[2]:
            self.rank = self.passed + 1
        if not self.tier or self.tier_score - score > self.noise:
            self.tier += 1
            self.tier_score = score
        self.passed += 1
        self.last = row
        if original is not None:
            original.near_duplicates += 1
            return None
        self.entries.append(Entry(row, self.rank, self.tier))
        return self.entries[-1]

    def _founders(self, known: Sequence[Entry], part: Sequence[Row]) -> list[int]:
        """Of each row the place of the one that it looks like, or its own; entries have places below 0."""
        found = list(range(len(part)))
        seen = [place for place, row in enumerate(part) if row[-1] is not None] if self.folds else []
        if len(known) + len(seen) < 2:
            return found
        signatures = [entry.row[-1] for entry in known] + [part[place][-1] for place in seen]
        places = [*range(-len(known), 0), *seen]
        founders = similarity.groups(signatures, [None] * len(signatures))
        for place, founder in zip(seen, founders[len(known) :], strict=True):
            found[place] = places[founder]
        return found

    def rows(self, tiers: bool) -> Iterator[TopRow]:
        """The results."""
        for place, entry in enumerate(self.entries):
            _, name, score, percentile, label, width, height, _ = entry.row
            after = self.entries[place + 1].row[2] if place + 1 < len(self.entries) else None
            yield TopRow(
                of=self.of,
                id=name,
                rank=entry.rank,
                score=score,
                percentile=percentile,
                label=scale.band(score).label if label is None else label,
                width=width,
                height=height,
                gap=None if after is None else score - after,
                tier=entry.tier if tiers else None,
                near_duplicates=entry.near_duplicates,
            )
