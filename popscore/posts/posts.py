"""Posts as columns: what a table of posts says, checked and taken apart."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from popscore.foreign_text import shortened
from popscore.posts import values
from popscore.posts.captions import Caption, read_caption
from popscore.posts.table import Cell, Table, UnreadableTable, open_table

# Names that tools for collecting posts give these columns; the first one that is there counts.
ALIASES: Mapping[str, Sequence[str]] = {
    "id": ("id", "post_id", "shortcode", "short_code", "code", "media_id", "pk"),
    "user": ("user", "username", "user_name", "user_id", "owner_username", "owner", "owner_id", "account", "author"),
    "time": (
        *("time", "timestamp", "taken_at", "taken_at_timestamp", "date_utc", "datetime", "date"),
        *("created_at", "created_time", "posted_at"),
    ),
    "likes": ("likes", "like_count", "likes_count", "num_likes", "n_likes"),
    "caption": ("caption", "caption_text", "text", "description"),
    "image": ("image", "image_file", "image_path", "file", "filename", "file_name", "photo"),
    "images": ("images", "n_images", "num_images", "image_count", "carousel_media_count", "multiple", "is_carousel"),
    "video": ("video", "is_video"),
}
NEEDED = ("user", "time", "likes")
HIDDEN = -1
"""Likes that are hidden or missing."""
Key = TypeVar("Key", bound=Hashable)
# Errors that are kept with their words; the rest is only counted.
_TOLD = 1000


@dataclass(frozen=True, kw_only=True)
class RowError:
    """A row that cannot be used, and why.

    Attributes:
        row: its number, see `Table.rows`.
        message: with the number, the cell and the reason.
    """

    row: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Posts:
    """Posts, one per row that could be read, N of them.

    Attributes:
        names: what a pair calls them: the cell of the column `image`, else of `id`, else `row-2` for row 2.
        users: (N,) number of the user, an index of `user_names`.
        times_ms: (N,) when it was posted, milliseconds since 1970.
        likes: (N,) counts; -1 where they are hidden or missing.
        images: (N,) how many images the post has; 0 for a video.
        captions: (N,) number of the caption, an index of `kinds`.
        user_names: distinct users.
        kinds: distinct captions, taken apart.
        columns: which column of the table each value was taken from; those that are missing have none.
        rows: rows of the table, without the head.
        duplicates: rows left out because their name was there before.
        errors: rows that cannot be used, the first 1,000 of them.
        failed: how many rows cannot be used.
    """

    names: Sequence[str]
    users: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    likes: NDArray[np.int64]
    images: NDArray[np.int64]
    captions: NDArray[np.int64]
    user_names: Sequence[str]
    kinds: Sequence[Caption]
    columns: Mapping[str, str]
    rows: int
    duplicates: int
    errors: Sequence[RowError]
    failed: int

    def __len__(self) -> int:
        return len(self.names)


@dataclass
class _Reading:
    names: list[str] = field(default_factory=list)
    users: list[int] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    likes: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    captions: list[int] = field(default_factory=list)
    user_numbers: dict[str, int] = field(default_factory=dict)
    kinds: dict[Caption, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    errors: list[RowError] = field(default_factory=list)
    rows: int = 0
    duplicates: int = 0
    failed: int = 0


def read_posts(
    path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None, encoding: str | None = None
) -> Posts:
    """Read a table of posts: CSV, JSON lines or Parquet, see `open_table`.

    `user`, `time` and `likes` are needed; `id`, `caption`, `image`, `images` and `video` are used where they are there.
    A row that cannot be read is an error beside the others. Of rows with one name the first counts.

    Args:
        path: the file.
        columns: names of columns where they are not among `ALIASES`: `{"likes": "like_count"}`.
        encoding: of the text, where it is not UTF-8.

    Raises:
        UnreadableTable: the file cannot be read, a column is missing, or no row is left.
        ParquetMissing: pyarrow is not installed.
    """
    with open_table(path, encoding=encoding) as table:
        found = find_columns(table, columns or {})
        reading = _Reading()
        _read(table, found, reading)
    if not reading.names:
        first = f" The first: {reading.errors[0].message}" if reading.errors else ""
        raise UnreadableTable(f"{table.name} has no post: none of its {reading.rows} rows can be used.{first}")
    return Posts(
        names=reading.names,
        users=np.array(reading.users, np.int64),
        times_ms=np.array(reading.times_ms, np.int64),
        likes=np.array(reading.likes, np.int64),
        images=np.array(reading.images, np.int64),
        captions=np.array(reading.captions, np.int64),
        user_names=list(reading.user_numbers),
        kinds=list(reading.kinds),
        columns={name: table.columns[place] for name, place in found.items()},
        rows=reading.rows,
        duplicates=reading.duplicates,
        errors=reading.errors,
        failed=reading.failed,
    )


def find_columns(table: Table, given: Mapping[str, str], *, needed: Sequence[str] = NEEDED) -> dict[str, int]:
    """Where each value stands in the rows.

    Args:
        table: open.
        given: names of columns where they are not among `ALIASES`.
        needed: values without which the table is of no use.

    Raises:
        UnreadableTable: one that is needed, or was named, is not there; the message lists those that are.
    """
    there = ", ".join(shortened(column) for column in table.columns[:30])
    known = [column.casefold() for column in table.columns]
    found: dict[str, int] = {}
    for name, aliases in ALIASES.items():
        if name in given:
            if given[name] not in table.columns:
                raise UnreadableTable(
                    f"{table.name} has no column {shortened(given[name])}. Its columns are: {there}. "
                    f"Name one of them: --column {name}=NAME"
                )
            found[name] = list(table.columns).index(given[name])
        else:
            place = next((known.index(alias) for alias in aliases if alias in known), None)
            if place is not None:
                found[name] = place
    if missing := [name for name in needed if name not in found]:
        raise UnreadableTable(
            f"{table.name} has no column {' and none '.join(missing)}. Its columns are: {there}. "
            f"Say which one it is: --column {missing[0]}=NAME"
        )
    return found


def _read(table: Table, found: Mapping[str, int], into: _Reading) -> None:
    user_at, time_at, likes_at = (found[name] for name in NEEDED)
    name_at, caption_at = found.get("image", found.get("id")), found.get("caption")
    images_at, video_at = found.get("images"), found.get("video")
    # One spelling comes often: no caption, the same tags each day, one day for many posts.
    known_captions: dict[str, int] = {}
    nothing = _number(read_caption(""), into.kinds)
    for number, row in table.rows:
        into.rows += 1
        try:
            if not row:
                raise ValueError("there are more cells than columns; put cells with separators in quotation marks")
            name = f"row-{number}" if name_at is None else _text(row[name_at])
            user = _text(row[user_at])
            if not name or not user:
                raise ValueError("there is no user" if name else "there is no id")
            time_ms, likes = values.time_ms(row[time_at]), values.likes(row[likes_at])
            images = 1 if images_at is None else values.images(row[images_at])
        except ValueError as error:
            _fail(into, number, str(error), row, found)
            continue
        if name_at is not None:
            if name in into.seen:
                into.duplicates += 1
                continue
            into.seen.add(name)
        caption = nothing
        if caption_at is not None and (text := row[caption_at]):
            text = str(text)
            known = known_captions.get(text)
            if known is None:
                known = _number(read_caption(text), into.kinds)
                if len(known_captions) < 100_000 and len(text) < 300:
                    known_captions[text] = known
            caption = known
        into.names.append(name)
        into.users.append(_number(user, into.user_numbers))
        into.times_ms.append(time_ms)
        into.likes.append(HIDDEN if likes is None else likes)
        into.images.append(0 if video_at is not None and values.is_true(row[video_at]) else images)
        into.captions.append(caption)


def _number(key: Key, numbers: dict[Key, int]) -> int:
    return numbers.setdefault(key, len(numbers))


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.strip()
    return "" if cell is None or cell != cell else str(cell)


def _fail(into: _Reading, number: int, reason: str, row: Sequence[Cell], found: Mapping[str, int]) -> None:
    into.failed += 1
    if len(into.errors) >= _TOLD:
        return
    column = next((name for name in ("time", "likes", "images") if name in reason.split(" is ")[0]), None)
    cell = f" ({shortened(str(row[found[column]]))})" if row and column is not None and column in found else ""
    into.errors.append(RowError(row=number, message=f"Row {number}: {reason}{cell}."))
