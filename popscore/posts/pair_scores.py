"""Scores for the photos of pairs: from a table, or from photos in a folder."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popscore.foreign_text import shortened
from popscore.photos.sources import NamedPhoto
from popscore.posts.pairs import Pair
from popscore.posts.table import UnreadableTable, open_table

_NAME_COLUMNS = ("image", "file", "name", "id", "shortcode", "photo")


def names_of(pairs: Iterable[Pair]) -> Iterator[str]:
    """Each photo of the pairs once, in their order."""
    seen: set[str] = set()
    for pair in pairs:
        for name in (pair.winner, pair.loser):
            if name not in seen:
                seen.add(name)
                yield name


def read_scores(path: str | os.PathLike[str], *, encoding: str | None = None) -> dict[str, float]:
    """Read scores from a table: a column `score`, and one of `image`, `file`, `name`, `id` or `shortcode`.

    The table of `popscore rank --csv` is one. Scores that are no finite numbers are left out; of two the first counts.

    Raises:
        UnreadableTable: the file cannot be read, or has no such columns, or no score.
        ParquetMissing: pyarrow is not installed.
    """
    found: dict[str, float] = {}
    with open_table(path, encoding=encoding) as table:
        known = [column.casefold() for column in table.columns]
        name_at = next((known.index(column) for column in _NAME_COLUMNS if column in known), None)
        if name_at is None or "score" not in known:
            there = ", ".join(shortened(column) for column in table.columns[:30])
            raise UnreadableTable(
                f"{table.name} has no column {'score' if 'score' not in known else 'image'}. Its columns are: {there}. "
                f"It needs score, and one of {', '.join(_NAME_COLUMNS)}."
            )
        score_at = known.index("score")
        for _, row in table.rows:
            if not row:
                continue
            try:
                score = float(row[score_at])  # type: ignore[arg-type]
            except (TypeError, ValueError):
                continue
            if math.isfinite(score) and row[name_at] is not None:
                found.setdefault(str(row[name_at]).strip(), score)
        name = table.name
    if not found:
        raise UnreadableTable(f"{name} has no score that is a number.")
    return found


def scored_pairs(
    pairs: Sequence[Pair], scores: Mapping[str, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Which pairs have both scores, as indices, and the scores of their winners and losers."""
    both = [(scores.get(pair.winner, math.nan), scores.get(pair.loser, math.nan)) for pair in pairs]
    found = np.array(both, np.float64).reshape(-1, 2)
    kept = np.flatnonzero(np.isfinite(found).all(axis=1)).astype(np.int64)
    return kept, found[kept, 0], found[kept, 1]


class PhotoFolder:
    """Finds the photos that pairs name, among those that were found in a folder, and nowhere else.

    A name is a path from the folder, a file's name, or a file's name without its suffix: `2016/a.jpg`, `a.jpg`, `a`. Of
    the last two kinds only those that one file alone has are found.

    Args:
        folder: where the photos lie.
        photos: paths of those that are there, see `photos.find.find_photos`.
    """

    def __init__(self, folder: str | os.PathLike[str], photos: Iterable[str]) -> None:
        self._paths: dict[str, str] = {}
        self._others: dict[str, str | None] = {}
        for photo in photos:
            inside = Path(photo).relative_to(folder)
            self._paths[inside.as_posix()] = photo
            for name in {inside.name, inside.stem}:
                self._others[name] = None if name in self._others else photo

    def find(self, name: str) -> NamedPhoto | None:
        """The photo of this name, called by this name; None if there is none, or more than one."""
        found = self._paths.get(name) or self._others.get(name)
        return None if found is None else NamedPhoto(found, name)
