"""What a bank's file holds, as arrays: every cell checked, for the file may come from anybody."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from popscore.errors import BankRefused
from popscore.foreign_text import shortened
from popscore.personal.bank_file import damaged, is_blob
from popscore.personal.captions import BUCKETS
from popscore.personal.history import MOST_LETTERS, MOST_POSTS
from popscore.personal.looking import KEYPOINTS, MOST_DIMENSIONS

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_MOST_LIKES = 10**12
# Every number of 16 bits by its bits: a third of the time that numpy takes to widen them one by one.
_NUMBERS = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
_ENDLESS = 0x7C00  # the exponent of what is infinite, or no number
_MOST_TIME_MS = 4_102_444_800_000  # the year 2100, as in `popscore.posts.values`


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """M posts with pictures that one model has looked at, in order of time.

    Attributes:
        ids: of the posts.
        times_ms: (M,) milliseconds since 1970.
        likes: (M,) counts; -1 where they are not known.
        pictures: (M,) place of the post's picture among the following.
        hashes: P pictures, by the hash of their file.
        scores: (P,) of the general model.
        embeddings: (P, C).
        backgrounds: (P, C) without the people; as `embeddings` where nobody is there, or where they were not asked for.
        poses: (P, 17, 3), confidence 0 where nobody is there, or where they were not asked for.
        captions: (M, 1024) of bytes; zeros where there is no text.
        choices: (C, 2) places of pictures, in the order of the choices: the one that was chosen, and the other.
        unseen: posts that this model has not looked at.
        with_people: pictures in which people were looked for.
    """

    ids: Sequence[str]
    times_ms: Ints
    likes: Ints
    pictures: Ints
    hashes: Sequence[bytes]
    scores: Wide
    embeddings: Floats
    backgrounds: Floats
    poses: Floats
    captions: npt.NDArray[np.uint8]
    choices: Ints
    unseen: int
    with_people: int


def stored(connection: sqlite3.Connection, model: str, name: str, *, people: bool) -> Stored:
    """Read and check what is there. Of 5,000 posts it takes .1 s, twice that with people.

    Args:
        connection: of the bank.
        model: SHA-256 of the model whose numbers are wanted.
        name: of the file, for messages.
        people: poses and backgrounds are wanted too.

    Raises:
        BankRefused: something is not what it must be.
        sqlite3.Error: the file is damaged.
    """
    _check_count(connection, name)
    (seen,) = connection.execute("SELECT count(*) FROM pictures WHERE model = ?", (model,)).fetchone()
    if seen > MOST_POSTS:
        raise _too_many(name)
    dimensions = _dimensions(connection, model, name)
    columns = f"picture, score, embedding, people, {'pose, background' if people else 'NULL, NULL'}"
    rows = connection.execute(f"SELECT {columns} FROM pictures WHERE model = ?", (model,)).fetchall()  # noqa: S608
    hashes = [_checked(is_blob(row[0], 32), row[0], name, "the hash of a picture") for row in rows]
    scores = np.array([_score(row[1], name) for row in rows], np.float64)
    embeddings = _matrix([row[2] for row in rows], dimensions, name)
    backgrounds = embeddings
    places = [place for place, row in enumerate(rows) if row[5] is not None]
    if places:
        backgrounds = embeddings.copy()
        backgrounds[places] = _matrix([rows[place][5] for place in places], dimensions, name)
    poses = np.zeros((len(rows), KEYPOINTS, 3), np.float32)
    places = [place for place, row in enumerate(rows) if row[4] is not None]
    if places:
        found = _matrix([rows[place][4] for place in places], KEYPOINTS * 3, name)
        poses[places] = found.reshape(-1, KEYPOINTS, 3)
    with_people = sum(row[3] == 1 for row in rows)
    number_of = {picture: place for place, picture in enumerate(hashes)}
    ids, times_ms, likes = post_table(connection, name)
    order = "ORDER BY time_ms, id"
    rows = connection.execute(f"SELECT picture, caption FROM posts {order}").fetchall()  # noqa: S608  fixed words
    pictures = [number_of.get(row[0], -1) for row in rows]
    known = [place for place, picture in enumerate(pictures) if picture >= 0]
    captions = np.zeros((len(known), BUCKETS), np.uint8)
    for number, place in enumerate(known):
        cell = rows[place][1]
        if cell is not None:
            captions[number] = np.frombuffer(_checked(is_blob(cell, BUCKETS), cell, name, "a caption"), np.uint8)
    return Stored(
        ids=[ids[place] for place in known],
        times_ms=times_ms[known],
        likes=likes[known],
        pictures=np.array(pictures, np.int64)[known],
        hashes=hashes,
        scores=scores,
        embeddings=embeddings,
        backgrounds=backgrounds,
        poses=poses,
        captions=captions,
        choices=np.array(_choices(connection, number_of), np.int64).reshape(-1, 2),
        unseen=len(ids) - len(known),
        with_people=with_people,
    )


def _choices(connection: sqlite3.Connection, number_of: dict[bytes, int]) -> list[tuple[int, int]]:
    """Those between pictures that the model has looked at, the last `MOST_POSTS`."""
    rows = connection.execute(
        "SELECT winner, loser FROM choices ORDER BY number DESC LIMIT ?", (MOST_POSTS,)
    ).fetchall()
    return [(number_of[won], number_of[lost]) for won, lost in reversed(rows) if won in number_of and lost in number_of]


def post_table(connection: sqlite3.Connection, name: str) -> tuple[list[str], Ints, Ints]:
    """Of each post in order of time: id, time in milliseconds since 1970, likes, -1 where they are not known.

    Raises:
        BankRefused: something is not what it must be.
    """
    _check_count(connection, name)
    rows = connection.execute("SELECT id, time_ms, likes FROM posts ORDER BY time_ms, id").fetchall()
    times_ms = [_count(row[1], _MOST_TIME_MS, name, "a time") for row in rows]
    likes = [-1 if row[2] is None else _count(row[2], _MOST_LIKES, name, "likes") for row in rows]
    return [_id(row[0], name) for row in rows], np.array(times_ms, np.int64), np.array(likes, np.int64)


def _check_count(connection: sqlite3.Connection, name: str) -> None:
    (count,) = connection.execute("SELECT count(*) FROM posts").fetchone()
    if count > MOST_POSTS:
        raise _too_many(name)


def _too_many(name: str) -> BankRefused:
    return BankRefused(f"{name} was refused: it has more than {MOST_POSTS:,} posts. Name another bank.")


def counted(connection: sqlite3.Connection, model: str) -> tuple[int, int]:
    """How many posts a model has looked at, and how many it has not."""
    (posts,) = connection.execute("SELECT count(*) FROM posts").fetchone()
    query = "SELECT count(*) FROM posts JOIN pictures USING (picture) WHERE pictures.model = ?"
    (seen,) = connection.execute(query, (model,)).fetchone()
    return int(seen), int(posts - seen)


def _dimensions(connection: sqlite3.Connection, model: str, name: str) -> int:
    row = connection.execute("SELECT dimensions FROM models WHERE sha256 = ?", (model,)).fetchone()
    if row is None:
        return 0
    return int(_count(row[0], MOST_DIMENSIONS, name, "the length of an embedding"))


def _checked(right: bool, cell: Any, name: str, what: str) -> Any:
    if not right:
        raise damaged(name, what)
    return cell


def _count(cell: Any, most: int, name: str, what: str) -> Any:
    return _checked(isinstance(cell, int) and 0 <= cell <= most, cell, name, what)


def _id(cell: Any, name: str) -> str:
    found: str = _checked(isinstance(cell, str) and 0 < len(cell) <= MOST_LETTERS, cell, name, "the id of a post")
    return found


def _score(cell: Any, name: str) -> float:
    found: float = _checked(isinstance(cell, float) and math.isfinite(cell), cell, name, "a score")
    return found


def _matrix(cells: Sequence[Any], width: int, name: str) -> Floats:
    """(len(cells), width) finite numbers."""
    if not all(is_blob(cell, 2 * width) for cell in cells):
        raise damaged(name, "what was seen in a picture")
    halves = np.frombuffer(b"".join(cells), "<u2").reshape(len(cells), width)
    if ((halves & _ENDLESS) == _ENDLESS).any():
        raise damaged(name, "what was seen in a picture")
    return np.asarray(_NUMBERS[halves], np.float32)


def summary_of(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """Of each model: name, hash, pictures that it has looked at."""
    query = (
        "SELECT models.sha256, models.name, count(pictures.picture) FROM models "
        "LEFT JOIN pictures ON pictures.model = models.sha256 GROUP BY models.sha256 ORDER BY 3 DESC"
    )
    return [(shortened(str(name)), str(sha256)[:64], int(count)) for sha256, name, count in connection.execute(query)]
