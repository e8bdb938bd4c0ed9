"""Scores for the photos of pairs: from a table, or from photos in a folder."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from popscore.files.kinds import PHOTO_SUFFIXES
from popscore.foreign_text import shortened
from popscore.posts.pair_file import exact_text
from popscore.posts.pairs import Pair
from popscore.posts.table import UnreadableTable, kind_of, open_table

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
        score_at, in_csv = known.index("score"), kind_of(path) == "csv"
        for _, row in table.rows:
            if not row:
                continue
            try:
                score = float(row[score_at])  # type: ignore[arg-type]
            except (TypeError, ValueError, OverflowError):
                continue
            if math.isfinite(score) and row[name_at] is not None:
                text = str(row[name_at]).strip()
                found.setdefault(exact_text(text) if in_csv else text, score)
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


class PhotoNames:
    """Finds what pairs call a photo among paths that are there, and nowhere else.

    A pair may call it by its path, by its file's name, or by that without the ending of a photo: `2016/a.jpg`, `a.jpg`,
    `a`. Of the last two kinds only those that one path alone has are found.

    Args:
        paths: those that are there; relative ones, where they lie in a folder.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths: set[str] = set()
        self._others: dict[str, str | None] = {}
        for path in paths:
            self._paths.add(path)
            name = path.replace("\\", "/").rpartition("/")[2]
            stem, dot, suffix = name.rpartition(".")
            for other in {name, stem if f"{dot}{suffix}".lower() in PHOTO_SUFFIXES else name}:
                self._others[other] = None if other in self._others else path

    def find(self, name: str) -> str | None:
        """The path of the photo of this name; None if there is none, or more than one."""
        return name if name in self._paths else self._others.get(name)
