"""What a cell of a table of posts means: likes, times, counts of images."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TypeGuard

from popscore.posts.table import Cell

_UNKNOWN = frozenset({"", "-1", "nan", "none", "null", "na", "n/a", "hidden", "-"})
# 1,234 and 1'234 and 1 234, also with the narrow blanks of French; not 1.234, which may be a fraction
_THOUSANDS = re.compile(r"\d{1,3}(?:[,'\u2019 \u00a0\u202f_]\d{3})+")
_FLOATS = re.compile(r"\d+\.0*")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:[eE]\+?\d+)?")
_DAY = re.compile(r"(?:19|20)\d{6}")
# Unix seconds of the year 5138; anything above is milliseconds.
_MILLISECONDS_FROM = 1e11
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_RANGE_MS = (int(_EARLIEST.timestamp()) * 1000, int(_LATEST.timestamp()) * 1000)
_MOST_LIKES = 10**12
_TRUE, _FALSE = frozenset({"true", "yes", "t"}), frozenset({"false", "no", "f"})


def is_unknown(cell: Cell) -> bool:
    """Whether a cell says nothing: empty, null, nan, hidden, or -1, which Instagram's tools write for hidden likes."""
    if isinstance(cell, str):
        return cell.strip().lower() in _UNKNOWN
    return cell is None or cell == -1 or (isinstance(cell, float) and math.isnan(cell))


def likes(cell: Cell) -> int | None:
    """A count of likes; None where they are hidden or missing.

    Thousands may be set apart by commas, apostrophes, blanks or underscores. Rounded counts such as `1,2k` are refused:
    what they leave out is of the size of the differences that make a pair.

    Raises:
        ValueError: it is no count; the message says why.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if text.isascii() and text.isdigit():
            count = int(text) if len(text) < 20 else _MOST_LIKES + 1
        elif text.lower() in _UNKNOWN:
            return None
        elif _THOUSANDS.fullmatch(text):
            count = int(re.sub(r"\D", "", text)) if len(text) < 30 else _MOST_LIKES + 1
        elif _FLOATS.fullmatch(text) and len(text) < 30:
            count = int(float(text))
        elif re.fullmatch(r"[\d.,]+\s*[kKmMbB]", text):
            raise ValueError("likes are rounded; a pair needs exact counts, such as 1234 or 1,234")
        else:
            raise ValueError("likes are no whole number")
    elif is_unknown(cell):
        return None
    elif _is_number(cell) and cell == int(cell):
        count = int(cell)
    else:
        raise ValueError("likes are no whole number")
    if not 0 <= count <= _MOST_LIKES:
        raise ValueError("likes are out of range")
    return count


def time_ms(cell: Cell) -> int:
    """A time, as milliseconds since 1970.

    ISO 8601 with or without a zone (without one it is taken as UTC), and numbers: Unix seconds, or milliseconds from
    1e11 on. Dates whose order of day and month is not certain, such as 04/05/2017, are refused.

    Raises:
        ValueError: it is no time, or none between 1990 and 2100.
    """
    if isinstance(cell, str):
        text = cell.strip()
        # ISO 8601 mostly has a hyphen there, and is spared the pattern.
        if text[4:5] != "-" and _NUMBER.fullmatch(text) and not _DAY.fullmatch(text):
            found = _unix_ms(float(text))
        else:
            try:
                found = _datetime_ms(datetime.fromisoformat(text))
            except ValueError:
                raise ValueError(
                    "the time cannot be read; write it as 2026-01-31T12:00:00Z or as Unix seconds"
                ) from None
    elif isinstance(cell, datetime):
        found = _datetime_ms(cell)
    elif _is_number(cell):
        found = _unix_ms(cell)
    else:
        raise ValueError("the time is missing")
    if not _RANGE_MS[0] <= found < _RANGE_MS[1]:
        raise ValueError("the time is not between 1990 and 2100")
    return found


def _is_number(cell: Cell) -> TypeGuard[int | float]:
    """Whether it is a number of JSON or Parquet that is finite; their whole numbers may be larger than any float."""
    return (isinstance(cell, int) and not isinstance(cell, bool)) or (isinstance(cell, float) and math.isfinite(cell))


def _unix_ms(number: float) -> int:
    return round(number if number >= _MILLISECONDS_FROM else number * 1000) if number < 1e15 else -1


def _datetime_ms(moment: datetime) -> int:
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(known.timestamp() * 1000)


def images(cell: Cell) -> int:
    """A number of images; a cell that says true or false tells whether there are several; an empty one means 1.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(cell, bool):
        return 2 if cell else 1
    if cell == "1":
        return 1
    if isinstance(cell, str):
        text = cell.strip().lower()
        if text in _TRUE:
            return 2
        if text in _FALSE or text in _UNKNOWN:
            return 1
        if text.isascii() and text.isdigit() and len(text) < 6:
            return int(text)
        if _FLOATS.fullmatch(text) and len(text) < 8:
            return int(float(text))
    elif is_unknown(cell):
        return 1
    elif isinstance(cell, (int, float)) and 0 <= cell < 1e5 and cell == int(cell):
        return int(cell)
    raise ValueError("the number of images is no whole number")


def is_true(cell: Cell) -> bool:
    """Whether a cell says yes: true, yes, or a number above 0."""
    if isinstance(cell, str):
        text = cell.strip().lower()
        return text in _TRUE or (text.isascii() and text.isdigit() and text.strip("0") != "")
    return isinstance(cell, (bool, int, float)) and cell > 0
