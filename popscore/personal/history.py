"""A person's own posts before their pictures are looked at: from a table, or from an Instagram data export."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from popscore.errors import NoPhotosFound, UnreadableImage
from popscore.foreign_text import shortened
from popscore.photos.find import find_photos
from popscore.photos.sources import NamedPhoto
from popscore.posts import values
from popscore.posts.pair_scores import PhotoNames
from popscore.posts.posts import RowError, find_columns
from popscore.posts.table import Cell, UnreadableTable, open_table

MOST_POSTS = 100_000
"""Of one person; a post a day makes as many in 270 years."""
MOST_LETTERS = 500
"""Of an id."""
# Of a caption; Instagram allows 2,200.
_MOST_CAPTION = 10_000
# A table of likes, and an export, may give the time of one post some seconds apart.
_SAME_TIME_MS = 120_000
_TOLD = 1000


@dataclass(frozen=True, kw_only=True)
class Post:
    """One post.

    Attributes:
        id: by which the bank knows it.
        time_ms: when it was posted, milliseconds since 1970.
        likes: None where they are hidden or missing.
        caption: as written; "" where there is none.
        image: what its picture is called, in the folder or the archive.
    """

    id: str
    time_ms: int
    likes: int | None
    caption: str
    image: str


@dataclass(kw_only=True)
class History:
    """A person's posts, in the order given.

    Attributes:
        posts: each id once.
        errors: rows that cannot be used, the first 1,000 of them.
        failed: how many rows cannot be used.
        duplicates: rows left out because their id was there before.
        videos: posts left out because they are videos.
        remarks: what is worth knowing about the source.
    """

    posts: list[Post] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    failed: int = 0
    duplicates: int = 0
    videos: int = 0
    remarks: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def add(self, post: Post) -> None:
        """Take one more post, unless its id is there already."""
        if post.id in self._seen:
            self.duplicates += 1
        elif len(self.posts) >= MOST_POSTS:
            raise UnreadableTable(f"There are more than {MOST_POSTS:,} posts. Give fewer of them.")
        else:
            self._seen.add(post.id)
            self.posts.append(post)

    def fail(self, row: int, message: str) -> None:
        """A row cannot be used."""
        self.failed += 1
        if len(self.errors) < _TOLD:
            self.errors.append(RowError(row=row, message=message))


Find = Callable[[Post], NamedPhoto]
"""Where the picture of a post is. Raises UnreadableImage if there is none."""


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    user: str | None = None,
) -> History:
    """Read one person's posts from a table: CSV, JSON lines or Parquet, see `popscore.posts.table`.

    `time` is needed; `id`, `likes`, `image`, `caption`, `user` and `video` are used where they are there. A row that
    cannot be read is an error beside the others.

    Args:
        path: the file.
        columns: names of columns where they are not among `popscore.posts.posts.ALIASES`.
        encoding: of the text, where it is not UTF-8.
        user: whose posts, where the table has those of several.

    Raises:
        UnreadableTable: the file cannot be read, has no times, no usable row, or posts of several people.
        ParquetMissing: pyarrow is not installed.
    """
    history, users = History(), set[str]()
    with open_table(path, encoding=encoding) as table:
        found = find_columns(table, columns or {}, needed=("time",))
        if "id" not in found and "image" not in found:
            there = ", ".join(shortened(column) for column in table.columns[:30])
            raise UnreadableTable(
                f"{table.name} has no column id and none image, so no post has a picture. Its columns are: {there}. "
                "Say which one it is: --column image=NAME"
            )
        for number, row in table.rows:
            try:
                whose, post = _post(row, found)
            except ValueError as error:
                history.fail(number, f"Row {number}: {error}.")
                continue
            if user is not None and whose != user:
                continue
            users.add(whose)
            if post is None:
                history.videos += 1
            else:
                history.add(post)
    if len(users) > 1:
        names = ", ".join(shortened(name) for name in sorted(users)[:5])
        raise UnreadableTable(
            f"{table.name} has posts of {len(users)} people ({names}). A bank is one person's: --user NAME"
        )
    if not history.posts:
        first = f" The first reason: {history.errors[0].message}" if history.errors else ""
        raise UnreadableTable(f"{table.name} has no post that can be used. Check the columns and --user.{first}")
    hidden = sum(post.likes is None for post in history.posts)
    if hidden and "likes" in found:
        history.remarks.append(f"The likes of {hidden} posts are hidden or missing: nothing is learnt from them.")
    if "likes" not in found:
        history.remarks.append(
            f"{table.name} has no column likes, so nothing can be learnt from it: --column likes=NAME"
        )
    return history


def _post(row: Sequence[Cell], found: Mapping[str, int]) -> tuple[str, Post | None]:
    """The user of a row, and its post, None for a video. Raises ValueError with the reason."""
    if not row:
        raise ValueError("there are more cells than columns; put cells with separators in quotation marks")

    def text(name: str) -> str:
        cell = row[found[name]] if name in found else None
        return "" if cell is None or cell != cell else str(cell).strip()

    name, image = text("id") or text("image"), text("image") or text("id")
    if not name:
        raise ValueError("there is no id")
    if len(name) > MOST_LETTERS or len(image) > 10 * MOST_LETTERS:
        raise ValueError(f"its id has more than {MOST_LETTERS} letters")
    time_ms = values.time_ms(row[found["time"]])
    likes = values.likes(row[found["likes"]]) if "likes" in found else None
    if "video" in found and values.is_true(row[found["video"]]):
        return text("user"), None
    caption = text("caption")[:_MOST_CAPTION]
    return text("user"), Post(id=name, time_ms=time_ms, likes=likes, caption=caption, image=image)


@contextmanager
def folder_of(images: str | os.PathLike[str]) -> Iterator[Find]:
    """Finds pictures of posts in a folder: by path, by name, or by name without its ending. Never beyond it.

    Raises:
        NoPhotosFound: it is no folder.
    """
    folder = os.fspath(images)
    if not Path(folder).is_dir():
        raise NoPhotosFound(f"--images {shortened(folder)} is no folder. Name the folder with the photos.")
    paths = {Path(path).relative_to(folder).as_posix(): path for path in find_photos([folder]).photos}
    names = PhotoNames(paths)

    def find(post: Post) -> NamedPhoto:
        place = names.find(post.image) or names.find(post.id)
        if place is None:
            name = shortened(post.image)
            raise UnreadableImage(f"{name} is not in the folder, or more than one file has this name. Check --images.")
        return NamedPhoto(paths[place], post.id)

    yield find


def with_likes(history: History, path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None) -> History:
    """Take likes from another table: by id or name of the picture where that matches, else by the time of the post.

    Args:
        history: the posts, changed in no way.
        path: a table with likes, and an id, an image or a time.
        columns: as in `read_table`.

    Raises:
        UnreadableTable, ParquetMissing: as `read_table`.
    """
    by_name: dict[str, int] = {}
    by_time: dict[int, int | None] = {}
    with open_table(path) as table:
        found = find_columns(table, columns or {}, needed=("likes",))
        for _, row in table.rows:
            try:
                likes = values.likes(row[found["likes"]]) if row else None
            except ValueError:
                continue
            if likes is None:
                continue
            for name in ("id", "image"):
                cell = row[found[name]] if name in found else None
                if cell is not None:
                    by_name.setdefault(_stem(str(cell)), likes)
            if "time" in found:
                try:
                    time_ms = values.time_ms(row[found["time"]])
                except ValueError:
                    continue
                by_time[time_ms] = likes if by_time.get(time_ms, likes) == likes else None
        name = table.name
    times = sorted(by_time)
    posts, given = [], 0
    for post in history.posts:
        likes = by_name.get(_stem(post.id), by_name.get(_stem(post.image)))
        if likes is None:
            likes = by_time.get(_only_near(times, post.time_ms))
        given += likes is not None
        posts.append(post if likes is None else replace(post, likes=likes))
    remarks = [*history.remarks, f"{shortened(name)} gives the likes of {given} of {len(posts)} posts."]
    return replace(history, posts=posts, remarks=remarks)


def _stem(name: str) -> str:
    last = name.strip().replace("\\", "/").rpartition("/")[2]
    return Path(last).stem or last


def _only_near(times: Sequence[int], time_ms: int) -> int:
    """The one time that is near enough to be the same; -1 if there is none, or more than one."""
    from bisect import bisect_left, bisect_right

    near = times[bisect_left(times, time_ms - _SAME_TIME_MS) : bisect_right(times, time_ms + _SAME_TIME_MS)]
    return near[0] if len(near) == 1 else -1
