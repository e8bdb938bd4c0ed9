"""Tables of pairs: written whole or not at all, and read with every row checked."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from popscore.files.atomic import replacing
from popscore.foreign_text import cell, shortened
from popscore.posts import values
from popscore.posts.pairs import Pair
from popscore.posts.posts import RowError
from popscore.posts.table import Cell, Table, UnreadableTable, kind_of, open_table, require_parquet

COLUMNS = tuple(item.name for item in fields(Pair))
_TOLD = 1000
_AT_ONCE = 50_000
# Codes of posts may begin with - or _; they are no formulas that could do anything, and must stay exact.
_CODE = re.compile(r"-[\w-]*")
_WINNER_COLUMNS = ("winner", "high_popularity")
_LOSER_COLUMNS = ("loser", "low_popularity")


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """A table of pairs as read.

    Attributes:
        pairs: those that can be used, in the order of the file.
        errors: rows that cannot, the first 1,000 of them.
        failed: how many rows cannot.
    """

    pairs: Sequence[Pair]
    errors: Sequence[RowError]
    failed: int


def check_kind(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a target whose kind cannot be written.

    Raises:
        UnreadableTable: the suffix is not known.
        ParquetMissing: pyarrow is not installed.
    """
    if kind_of(path) == "parquet":
        require_parquet()


def write_pairs(pairs: Iterable[Pair], path: str | os.PathLike[str]) -> int:
    """Write a table of the kind that the suffix says: .csv, .jsonl or .parquet.

    A name in a CSV that a spreadsheet would take for a formula has an apostrophe in front; `read_pairs` takes it away.

    Returns:
        How many pairs were written.

    Raises:
        UnreadableTable, ParquetMissing: as `check_kind`.
        ExportFailed: the file could not be written; one that was there before is still there.
    """
    check_kind(path)
    writers = {"csv": _write_csv, "json": _write_json, "parquet": _write_parquet}
    with replacing(Path(path)) as file:
        return writers[kind_of(path)](pairs, file)


def _write_csv(pairs: Iterable[Pair], file: BinaryIO) -> int:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    table, count = csv.writer(text, lineterminator="\n"), 0
    table.writerow(COLUMNS)
    for pair in pairs:
        table.writerow(
            (
                *map(_safe, (pair.winner, pair.loser, pair.user)),
                _number(pair.probability, 6),
                _number(pair.gap_days, 4),
                pair.winner_likes,
                pair.loser_likes,
            )
        )
        count += 1
    text.flush()
    text.detach()
    return count


def _write_json(pairs: Iterable[Pair], file: BinaryIO) -> int:
    count = 0
    for pair in pairs:
        row = {**asdict(pair), "probability": _number(pair.probability, 6), "gap_days": _number(pair.gap_days, 4)}
        file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        count += 1
    return count


def _write_parquet(pairs: Iterable[Pair], file: BinaryIO) -> int:
    import pyarrow
    from pyarrow import parquet

    kinds = [pyarrow.string()] * 3 + [pyarrow.float64()] * 2 + [pyarrow.int64()] * 2
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    waiting, count = iter(pairs), 0
    with parquet.ParquetWriter(file, schema) as writer:
        while some := [asdict(pair) for pair in islice(waiting, _AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


def _safe(text: str) -> str:
    return text if _CODE.fullmatch(text) else cell(text)


def exact_text(text: str) -> str:
    """The text of a cell without the apostrophe that popscore puts in front of what looks like a formula."""
    return text[1:] if text.startswith("'") and cell(text[1:]) == text else text


def _number(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def read_pairs(path: str | os.PathLike[str], *, encoding: str | None = None) -> PairTable:
    """Read a table of pairs; `winner` and `loser` are needed, the other columns are used where they are there.

    A pair of a photo with itself, and one whose winner has no more likes than its loser, is an error beside the others.

    Raises:
        UnreadableTable: the file cannot be read, a column is missing, or there is no pair.
        ParquetMissing: pyarrow is not installed.
    """
    pairs: list[Pair] = []
    errors: list[RowError] = []
    failed = 0
    with open_table(path, encoding=encoding) as table:
        places = pair_columns(table)
        in_csv = kind_of(path) == "csv"
        for number, row in table.rows:
            try:
                pairs.append(_pair(row, places, in_csv=in_csv))
            except ValueError as error:
                failed += 1
                if len(errors) < _TOLD:
                    errors.append(RowError(row=number, message=f"Row {number}: {error}."))
        name = table.name
    if not pairs:
        first = f" {errors[0].message}" if errors else ""
        raise UnreadableTable(
            f"{name} has no pair that can be used.{first} Make a table of pairs with: popscore pairs POSTS --out FILE"
        )
    return PairTable(pairs=pairs, errors=errors, failed=failed)


def pair_columns(table: Table) -> Mapping[str, int]:
    """Where the columns of a table of pairs stand; the released test pairs of the paper have other names for two.

    Raises:
        UnreadableTable: there is no winner or no loser; the message lists the columns that are there.
    """
    known = [column.casefold() for column in table.columns]
    places = {column: known.index(column) for column in COLUMNS if column in known}
    for column, names in (("winner", _WINNER_COLUMNS), ("loser", _LOSER_COLUMNS)):
        for name in names:
            if name in known:
                places.setdefault(column, known.index(name))
    if missing := [column for column in ("winner", "loser") if column not in places]:
        there = ", ".join(shortened(column) for column in table.columns[:30])
        raise UnreadableTable(
            f"{table.name} has no column {' and none '.join(missing)}. Its columns are: {there}. "
            "A table of pairs is made by: popscore pairs POSTS --out FILE"
        )
    return places


def _pair(row: Sequence[Cell], places: Mapping[str, int], *, in_csv: bool) -> Pair:
    if not row:
        raise ValueError("there are more cells than columns")
    winner, loser = _text(row[places["winner"]], in_csv=in_csv), _text(row[places["loser"]], in_csv=in_csv)
    if not winner or not loser:
        raise ValueError("a photo of the pair has no name")
    if winner == loser:
        raise ValueError(f"{shortened(winner)} is paired with itself")
    won = values.likes(row[places["winner_likes"]]) if "winner_likes" in places else None
    lost = values.likes(row[places["loser_likes"]]) if "loser_likes" in places else None
    if won is not None and lost is not None and won <= lost:
        raise ValueError(f"the winner {shortened(winner)} has {won} likes, not more than the loser's {lost}")
    probability = _float(row[places["probability"]], "probability") if "probability" in places else None
    if probability is not None and not 0 <= probability <= 1:
        raise ValueError(f"the probability {probability} is not from 0 to 1")
    return Pair(
        winner=winner,
        loser=loser,
        user=_text(row[places["user"]], in_csv=in_csv) if "user" in places else "",
        probability=probability,
        gap_days=_float(row[places["gap_days"]], "gap days") if "gap_days" in places else None,
        winner_likes=won,
        loser_likes=lost,
    )


def _text(cell_there: Cell, *, in_csv: bool) -> str:
    if not isinstance(cell_there, str):
        return "" if cell_there is None else str(cell_there)
    text = cell_there.strip()
    return exact_text(text) if in_csv and text.startswith("'") else text


def _float(cell_there: Cell, name: str) -> float | None:
    if values.is_unknown(cell_there):
        return None
    try:
        found = float(cell_there)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{name} is no number ({shortened(str(cell_there))})")
    return found
