"""When a post of Instagram was made, read from its shortcode, the code in its address."""

from __future__ import annotations

import os
from collections.abc import Sequence

from popscore.posts.constraints import DAY_MS
from popscore.posts.pair_file import PairTable, pair_columns
from popscore.posts.pairs import Pair
from popscore.posts.posts import RowError
from popscore.posts.table import Cell, open_table

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
# Instagram's numbers of posts: 41 bits of milliseconds since this moment, 13 of the shard, 10 that count up.
# Source: Instagram Engineering, "Sharding & IDs at Instagram", 2012.
_SINCE_MS = 1_314_220_021_721
_BITS_BELOW = 23
_MOST_LETTERS = 11  # 64 bits; the codes of posts that only followers see are longer, and are no such numbers
_TOLD = 1000


def shortcode_ms(code: str) -> int:
    """When the post with this shortcode was made, in milliseconds since 1970.

    Raises:
        ValueError: it is no shortcode.
    """
    if not 5 <= len(code) <= _MOST_LETTERS:
        raise ValueError(f"{code[:40]!r} is no shortcode: they have 5 to {_MOST_LETTERS} letters")
    number = 0
    for letter in code:
        if letter not in _VALUE:
            raise ValueError(f"{code[:40]!r} is no shortcode: {letter!r} is not among their letters")
        number = number * 64 + _VALUE[letter]
    return (number >> _BITS_BELOW) + _SINCE_MS


def read_shortcode_pairs(path: str | os.PathLike[str], *, encoding: str | None = None) -> PairTable:
    """Read pairs that are given by shortcodes alone, such as the released test pairs of the paper; days from the codes.

    The columns are `winner` and `loser`, or `High_popularity` and `Low_popularity`. No user and no probability is
    known.

    Raises:
        UnreadableTable: the file cannot be read, or has no such columns.
        ParquetMissing: pyarrow is not installed.
    """
    pairs: list[Pair] = []
    errors: list[RowError] = []
    failed = 0
    with open_table(path, encoding=encoding) as table:
        places = pair_columns(table)
        for number, row in table.rows:
            try:
                pairs.append(_pair(row, places["winner"], places["loser"]))
            except ValueError as error:
                failed += 1
                if len(errors) < _TOLD:
                    errors.append(RowError(row=number, message=f"Row {number}: {error}."))
    return PairTable(pairs=pairs, errors=errors, failed=failed)


def _pair(row: Sequence[Cell], winner_at: int, loser_at: int) -> Pair:
    if not row:
        raise ValueError("there are more cells than columns")
    winner, loser = (str(row[at] or "").strip() for at in (winner_at, loser_at))
    if winner == loser:
        raise ValueError(f"{winner[:40]!r} is paired with itself")
    gap_days = abs(shortcode_ms(winner) - shortcode_ms(loser)) / DAY_MS
    return Pair(winner=winner, loser=loser, user="", probability=None, gap_days=gap_days)
