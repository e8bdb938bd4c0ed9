"""Tables from outside as rows of text: CSV, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import csv
import importlib.util
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from popscore.errors import PopscoreError
from popscore.files.opening import Wanted, opened
from popscore.foreign_text import shortened

_MAX_CELL = 1_000_000  # letters; the longest caption of Instagram has 2,200
_SEPARATORS = ",;\t|"
PARQUET_INSTALL = 'pip install "popscore[parquet]"'


class UnreadableTable(PopscoreError, ValueError):
    """A table cannot be read, or lacks what is needed."""


class ParquetMissing(PopscoreError, ImportError):
    """pyarrow, which only Parquet needs, is not installed."""


TABLE = Wanted("table", UnreadableTable, "Name a table in it.")
KINDS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
KINDS[".parquet"] = KINDS[".pq"] = "parquet"

Cell = str | int | float | bool | datetime | None
"""What a cell may hold: text, or what JSON and Parquet know themselves."""


@dataclass(frozen=True)
class Table:
    """An open table.

    Attributes:
        name: what messages call it.
        columns: names of its columns, in its order.
        rows: number of the row as a person counts it, and its cells. In CSV and JSON lines it is that of the line in
            the file where no cell has line breaks (so the first row of a CSV is 2), in Parquet the first is 1.
    """

    name: str
    columns: Sequence[str]
    rows: Iterator[tuple[int, Sequence[Cell]]]


def kind_of(path: str | os.PathLike[str]) -> str:
    """`csv`, `json` (lines) or `parquet`, by the suffix.

    Raises:
        UnreadableTable: it is another one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in KINDS:
        raise UnreadableTable(
            f"{shortened(Path(path).name)} is no table that popscore knows: its name must end in .csv, .tsv, .jsonl or "
            ".parquet. Rename it, or save it as one of these."
        )
    return KINDS[suffix]


@contextmanager
def open_table(path: str | os.PathLike[str], *, encoding: str | None = None) -> Iterator[Table]:
    """Open a table for reading, row by row; a large one is never held in memory as a whole.

    CSV: the separator is found in the first line (comma, semicolon, tab or bar). UTF-8 with or without a byte order
    mark, UTF-16 with one. Parquet needs pyarrow.

    Args:
        path: the file.
        encoding: of CSV and JSON lines, where it is none of these: `cp1252` for example.

    Raises:
        UnreadableTable: there is no such file, it is empty or damaged, has another encoding or two columns of one name.
        ParquetMissing: pyarrow is not installed.
    """
    name = shortened(Path(path).name)
    kind = kind_of(path)
    with opened(path, name=name, wanted=TABLE) as file:
        if kind == "parquet":
            yield _parquet(file, name)
            return
        wide = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        file.seek(0)
        chosen = encoding or ("utf-16" if wide else "utf-8-sig")
        try:
            codecs.lookup(chosen)
        except LookupError:
            raise UnreadableTable(
                f"There is no encoding called {shortened(chosen)}. Write utf-8, cp1252, latin-1, utf-16 or the like."
            ) from None
        with io.TextIOWrapper(file, encoding=chosen, newline="") as text:
            yield (_csv if kind == "csv" else _json)(text, name, chosen)


def _wrong_encoding(name: str, encoding: str, row: int, error: UnicodeError) -> UnreadableTable:
    reason = getattr(error, "reason", str(error))
    return UnreadableTable(
        f"{name} is not {encoding.removesuffix('-sig')}: {reason}, after row {row}. "
        "Save it as UTF-8, or name its encoding: --encoding cp1252."
    )


def _no_twins(columns: Sequence[str], name: str) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise UnreadableTable(f"{name} has two columns called {shortened(column)}. Rename one of them.")


def _csv(text: io.TextIOWrapper, name: str, encoding: str) -> Table:
    csv.field_size_limit(_MAX_CELL)
    try:
        head = text.readline(_MAX_CELL)
    except UnicodeError as error:
        raise _wrong_encoding(name, encoding, 0, error) from None
    if not head.strip():
        raise UnreadableTable(f"{name} is empty. The first line must name the columns.")
    separator = max(_SEPARATORS, key=head.count)
    columns = [column.strip() for column in next(csv.reader([head], delimiter=separator))]
    _no_twins(columns, name)
    return Table(name, columns, _csv_rows(text, name, encoding, separator, len(columns)))


def _csv_rows(
    text: io.TextIOWrapper, name: str, encoding: str, separator: str, width: int
) -> Iterator[tuple[int, Sequence[Cell]]]:
    rows = csv.reader(text, delimiter=separator)
    row: list[str]
    while True:
        try:
            for row in rows:
                if len(row) != width:
                    if not row:
                        continue
                    # Short rows are filled up; what is too long tells of an unquoted separator.
                    row = [*row, *[""] * (width - len(row))] if len(row) < width else []
                yield rows.line_num + 1, row
            return
        except UnicodeError as error:
            raise _wrong_encoding(name, encoding, rows.line_num + 1, error) from None
        except csv.Error as error:
            raise UnreadableTable(
                f"{name} is damaged after row {rows.line_num + 1}: {error}. "
                "Look for a quotation mark that is not closed."
            ) from None


def _json(text: io.TextIOWrapper, name: str, encoding: str) -> Table:
    """The columns are the keys of the first 100 rows; others that come later are not looked at."""
    ahead: list[tuple[int, dict[str, Any]]] = []
    documents = _json_documents(text, name, encoding)
    for document in documents:
        ahead.append(document)
        if len(ahead) == 100:
            break
    if not ahead:
        raise UnreadableTable(f"{name} is empty. Each line must be a JSON object.")
    columns = list(dict.fromkeys(key for _, document in ahead for key in document))

    def rows() -> Iterator[tuple[int, Sequence[Cell]]]:
        for number, document in ahead:
            yield number, [_plain(document.get(column)) for column in columns]
        for number, document in documents:
            yield number, [_plain(document.get(column)) for column in columns]

    return Table(name, columns, rows())


def _json_documents(text: io.TextIOWrapper, name: str, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            document = json.loads(line)
            if not isinstance(document, dict):
                raise UnreadableTable(
                    f"{name} is not JSON lines: row {number} is no object. Each line must be one, as in "
                    '{"user": "a", "time": "2026-01-31T12:00:00Z", "likes": 120}.'
                )
            yield number, document
    except UnicodeError as error:
        raise _wrong_encoding(name, encoding, number, error) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, PopscoreError):
            raise
        raise UnreadableTable(f"{name} is not JSON lines: row {number} cannot be read. {error}.") from None


def _plain(value: object) -> Cell:
    """A value of JSON or Parquet as a cell: lists and objects as their text."""
    if value is None or isinstance(value, (str, int, float, bool, datetime)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def require_parquet() -> None:
    """Check that Parquet can be read and written. Raises ParquetMissing, with the line that installs what is needed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ParquetMissing(
            f"Parquet needs pyarrow, which is not installed. CSV and JSON lines do not need it. Run: {PARQUET_INSTALL} "
            '(in a checkout: pip install ".[parquet]"), then the command again.'
        )


def _parquet(file: Any, name: str) -> Table:
    require_parquet()
    import pyarrow
    from pyarrow import parquet

    try:
        opened_file = parquet.ParquetFile(file)
        columns = [str(column) for column in opened_file.schema_arrow.names]
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableTable(f"{name} is no Parquet file: {_first_line(error)}. Check the file.") from None
    _no_twins(columns, name)

    def rows() -> Iterator[tuple[int, Sequence[Cell]]]:
        number = 0
        try:
            for batch in opened_file.iter_batches(batch_size=20_000):
                lists = [_cells(column) for column in batch.columns]
                for cells in zip(*lists, strict=True):
                    number += 1
                    yield number, cells
        except (pyarrow.ArrowException, OSError) as error:
            raise UnreadableTable(f"{name} is damaged after row {number}: {_first_line(error)}.") from None

    return Table(name, columns, rows())


def _cells(column: Any) -> list[Cell]:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):  # nanoseconds are no datetime of Python
        column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
    values = column.to_pylist()
    simple = pyarrow.types.is_string(column.type) or pyarrow.types.is_integer(column.type)
    return values if simple else [_plain(value) for value in values]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
