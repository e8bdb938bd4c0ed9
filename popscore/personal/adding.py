"""Fills a memory bank: looks at each picture once, and writes down what it saw, a few posts at a time."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from popscore.cpus import usable_cpus
from popscore.errors import BankRefused, PopscoreError
from popscore.foreign_text import shortened
from popscore.models.spec import Json, ModelInfo
from popscore.personal.bank_file import transaction
from popscore.personal.captions import packed_caption
from popscore.personal.history import Find, History, Post
from popscore.personal.looking import Floats, Seen, no_embedding, see
from popscore.photos import decode, previews
from popscore.photos.sources import NamedPhoto, read_bytes
from popscore.posts.posts import RowError
from popscore.results import FailedPhoto
from popscore.scoring.scorer import Scorer

# Posts that are written at once. So much is lost when the process is killed, and nothing that was written before.
_AT_ONCE = 50
_AHEAD = 2
# Longer side of a preview, in pixels: 4 KB.
PREVIEW_SIDE = 128
MOST_PREVIEW_BYTES = 100_000
"""Of a preview that is given out; those that popscore makes have a tenth of it at most."""
# Posts of one picture that are named.
_TOLD = 5


@dataclass(frozen=True, kw_only=True)
class Added:
    """What became of the posts.

    Attributes:
        added, updated, unchanged: posts that are new, that have other likes, another time, caption or picture now, and
            that were there as they are.
        hidden: posts of this call whose likes are not known; nothing is learnt from them.
        errors: posts whose picture could not be read, in the order given; they are not in the bank.
        rows: rows of the table that cannot be used, the first 1,000 of them.
        failed: how many.
        remarks: what is worth knowing, in sentences.
        stopped: the caller stopped the work; what was done until then is in the bank.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    hidden: int = 0
    errors: Sequence[FailedPhoto] = ()
    rows: Sequence[RowError] = ()
    failed: int = 0
    remarks: Sequence[str] = ()
    stopped: bool = False

    def to_json(self) -> Json:
        """The numbers, as a result."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "likes_hidden": self.hidden,
            "rows_failed": self.failed,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Looked:
    """A picture that was read: by the hash of its content; None for what was known already."""

    picture: bytes
    seen: Seen | None
    preview: bytes | None


_Row = tuple[int, int | None, bytes | None, bytes]
"""Of a post: time, likes, caption, picture."""


@dataclass(kw_only=True)
class _Work:
    connection: sqlite3.Connection
    scorer: Scorer
    people: bool
    previews: bool
    posts: dict[str, _Row]
    pictures: set[bytes]
    small: set[bytes]
    waiting: list[tuple[Post, _Looked]] = field(default_factory=list)
    added: int = 0
    updated: int = 0
    unchanged: int = 0

    def look(self, photo: NamedPhoto) -> _Looked:
        """Read a picture, in any thread, and look at it if it is new."""
        limits = self.scorer.limits
        content = read_bytes(photo.source, photo.short_name, limits.max_bytes)  # type: ignore[arg-type]
        picture = hashlib.sha256(content).digest()
        known, small = picture in self.pictures, not self.previews or picture in self.small
        if known and small:
            return _Looked(picture=picture, seen=None, preview=None)
        decoded = decode.read_photo(
            NamedPhoto(io.BytesIO(content), photo.name), at_least=self.scorer.at_least, limits=limits
        )
        seen = None if known else see(self.scorer, decoded.pixels, people=self.people)
        preview = None if small else previews.as_webp(previews.fitted(decoded.pixels, PREVIEW_SIDE))
        return _Looked(picture=picture, seen=seen, preview=preview)

    def take(self, post: Post, looked: _Looked) -> None:
        """One more post is known; now and then, write."""
        self.waiting.append((post, looked))
        if len(self.waiting) >= _AT_ONCE:
            self.write()

    def write(self) -> None:
        """Write what is waiting, all of it or nothing; what could not be written still waits."""
        pictures: dict[bytes, Seen] = {}
        small: dict[bytes, bytes] = {}
        posts: dict[str, _Row] = {}
        for post, looked in self.waiting:
            if looked.seen is not None and looked.picture not in self.pictures:
                pictures.setdefault(looked.picture, looked.seen)
            if looked.preview is not None and looked.picture not in self.small:
                small.setdefault(looked.picture, looked.preview)
            before = self.posts.get(post.id)
            # Likes that are hidden now do not make those that were known unknown.
            likes = before[1] if before is not None and post.likes is None else post.likes
            posts[post.id] = post.time_ms, likes, packed_caption(post.caption), looked.picture
        changed = {name: row for name, row in posts.items() if self.posts.get(name) != row}
        if pictures or changed or small:
            self._write(pictures, small, changed)
        new = sum(name not in self.posts for name in changed)
        self.added, self.updated = self.added + new, self.updated + len(changed) - new
        self.unchanged += len(posts) - len(changed)
        self.posts.update(changed)
        self.pictures.update(pictures)
        self.small.update(small)
        self.waiting = []

    def _write(self, pictures: Mapping[bytes, Seen], small: Mapping[bytes, bytes], posts: Mapping[str, _Row]) -> None:
        model = self.scorer.model
        with transaction(self.connection):
            for one in list(pictures.values())[:1]:
                about = (model.sha256, model.spec.name, len(one.embedding))
                self.connection.execute("INSERT OR IGNORE INTO models VALUES (?, ?, ?)", about)
            self.connection.executemany(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(picture, model.sha256, *_cells(seen, self.people)) for picture, seen in pictures.items()],
            )
            self.connection.executemany("INSERT OR REPLACE INTO previews VALUES (?, ?)", small.items())
            self.connection.executemany(
                "INSERT OR REPLACE INTO posts (id, time_ms, likes, caption, picture) VALUES (?, ?, ?, ?, ?)",
                [(name, *row) for name, row in posts.items()],
            )


def add_posts(
    connection: sqlite3.Connection,
    history: History,
    find: Find,
    scorer: Scorer,
    *,
    people: bool = True,
    previews: bool = False,
    again: bool = False,
    workers: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Added:
    """Put posts into a bank. Those that are there with the same picture are not looked at again.

    Ctrl-C, or whatever else ends it, leaves in the bank what was done until then.

    Args:
        connection: of the bank.
        history: the posts.
        find: where their pictures are.
        scorer: whose model looks at them.
        people: look for people and at what is behind them, for retrieval by pose and background; takes 4 times as long.
        previews: keep small pictures too, of 128 pixels.
        again: the bank was made with another model, and all pictures are to be looked at with this one.
        workers: pictures in work at one time; by default one per CPU.
        on_progress: called with how many posts are done, and of how many.
        cancelled: asked after each post; once it answers True the work stops.

    Raises:
        BankRefused: the bank was made with another model, and `again` was not asked for.
    """
    check_model(connection, scorer, again=again)
    work = _begin(connection, scorer, people=people, previews=previews)
    errors: list[FailedPhoto] = []
    stopped = False
    try:
        for done, (post, found) in enumerate(_looks(work, history.posts, find, workers), start=1):
            if isinstance(found, FailedPhoto):
                errors.append(found)
            else:
                work.take(post, found)
            if on_progress:
                on_progress(done, len(history.posts))
            if cancelled and cancelled():
                stopped = done < len(history.posts)
                break
    finally:
        work.write()
    remarks = [*history.remarks, *_remarks(work, history)]
    if again and not stopped:
        remarks += _let_go(connection, scorer)
    return Added(
        added=work.added,
        updated=work.updated,
        unchanged=work.unchanged,
        hidden=sum(post.likes is None for post in history.posts),
        errors=errors,
        rows=history.errors,
        failed=history.failed,
        remarks=remarks,
        stopped=stopped,
    )


def add_choices(
    connection: sqlite3.Connection, pictures: Sequence[Seen], choices: Sequence[tuple[int, int]], model: ModelInfo
) -> None:
    """Put choices between pictures into a bank, see `MemoryBank.with_choices`."""
    keys = [hashlib.sha256(packed(one.embedding)).digest() for one in pictures]
    rows = [(key, model.sha256, *_cells(one, one.pose is not None)) for key, one in zip(keys, pictures, strict=True)]
    with transaction(connection):
        if pictures:
            dimensions = len(pictures[0].embedding)
            about = (model.sha256, model.spec.name, dimensions)
            connection.execute("INSERT OR IGNORE INTO models VALUES (?, ?, ?)", about)
        connection.executemany("INSERT OR IGNORE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        pairs = [(keys[won], keys[lost]) for won, lost in choices]
        connection.executemany("INSERT INTO choices (winner, loser) VALUES (?, ?)", pairs)


def check_model(connection: sqlite3.Connection, scorer: Scorer, *, again: bool = False) -> None:
    """Refuse a bank that only other models have looked at: numbers of two models cannot be compared.

    Raises:
        BankRefused: it is one, or the model gives no embedding; the next step is in the message.
    """
    if not scorer.has_embedding:
        raise no_embedding(scorer)
    models = connection.execute("SELECT sha256, name FROM models").fetchall()
    if models and not again and scorer.model.sha256 not in {sha256 for sha256, _ in models}:
        theirs, ours = shortened(str(models[0][1])), scorer.model
        raise BankRefused(
            f"The bank was made with the model {theirs} ({str(models[0][0])[:8]}…), and the one in use is "
            f"{ours.spec.name} ({ours.sha256[:8]}…). Their numbers cannot be mixed. Use that model, or have the "
            "pictures looked at once more: popscore bank add POSTS --images DIR --bank FILE --again"
        )


def _begin(connection: sqlite3.Connection, scorer: Scorer, *, people: bool, previews: bool) -> _Work:
    rows = connection.execute("SELECT id, time_ms, likes, caption, picture FROM posts").fetchall()
    wanted = "SELECT picture FROM pictures WHERE model = ? AND people >= ?"
    return _Work(
        connection=connection,
        scorer=scorer,
        people=people,
        previews=previews,
        posts={name: (time_ms, likes, caption, picture) for name, time_ms, likes, caption, picture in rows},
        pictures={picture for (picture,) in connection.execute(wanted, (scorer.model.sha256, int(people)))},
        small={picture for (picture,) in connection.execute("SELECT picture FROM previews")},
    )


def _looks(
    work: _Work, posts: Sequence[Post], find: Find, workers: int | None
) -> Iterator[tuple[Post, _Looked | FailedPhoto]]:
    """Look at the pictures, some beside each other, and give what was seen in the order given."""
    count = workers or usable_cpus()
    pending: deque[tuple[Post, Future[_Looked] | FailedPhoto]] = deque()

    def first() -> tuple[Post, _Looked | FailedPhoto]:
        post, found = pending.popleft()
        if isinstance(found, FailedPhoto):
            return post, found
        try:
            return post, found.result()
        except BankRefused:
            raise
        except PopscoreError as error:
            return post, FailedPhoto(file=post.image, error=error)

    with ThreadPoolExecutor(count, thread_name_prefix="popscore") as pool:
        try:
            for post in posts:
                try:
                    pending.append((post, pool.submit(work.look, find(post))))
                except PopscoreError as error:
                    pending.append((post, FailedPhoto(file=post.image, error=error)))
                if len(pending) > _AHEAD * count:
                    yield first()
            while pending:
                yield first()
        finally:
            for _, future in pending:
                if isinstance(future, Future):
                    future.cancel()


def _cells(seen: Seen, people: bool) -> tuple[float, bytes, int, bytes | None, bytes | None]:
    return seen.score, packed(seen.embedding), int(people), _maybe(seen.pose), _maybe(seen.background)


def packed(values: Floats) -> bytes:
    """Numbers as they stand in the file: 16 bits each, whose error of .05 % is far below what tells photos apart."""
    limit = float(np.finfo(np.float16).max)
    return np.clip(values, -limit, limit).astype("<f2").tobytes()


def _maybe(values: Floats | None) -> bytes | None:
    return None if values is None else packed(values)


def _remarks(work: _Work, history: History) -> Iterator[str]:
    """What is odd about the posts."""
    if history.duplicates:
        yield f"{history.duplicates} rows were left out, because their id was there before."
    if history.videos:
        yield f"{history.videos} posts were left out, because they have no photo: videos."
    future = sum(post.time_ms > time.time() * 1000 for post in history.posts)
    if future:
        yield f"{future} posts lie in the future. They do not count before their time."
    by_picture: dict[bytes, list[str]] = {}
    for post in history.posts:
        row = work.posts.get(post.id)
        if row is not None:
            by_picture.setdefault(row[3], []).append(post.id)
    twins = [names for names in by_picture.values() if len(names) > 1]
    for names in twins[:_TOLD]:
        yield f"The same picture is there under {len(names)} ids: {', '.join(map(shortened, names[:_TOLD]))}."
    if len(twins) > _TOLD:
        yield f"{len(twins) - _TOLD} more pictures are there under several ids."


def _let_go(connection: sqlite3.Connection, scorer: Scorer) -> Iterator[str]:
    """Forget what other models saw, once this one has seen all."""
    (unseen,) = connection.execute(
        "SELECT count(*) FROM posts WHERE picture NOT IN (SELECT picture FROM pictures WHERE model = ?)",
        (scorer.model.sha256,),
    ).fetchone()
    if unseen:
        yield (
            f"{unseen} posts of the bank were not among these. What the former model saw stays, and they do not count "
            "with this one."
        )
        return
    with transaction(connection):
        connection.execute("DELETE FROM pictures WHERE model != ?", (scorer.model.sha256,))
        connection.execute("DELETE FROM models WHERE sha256 != ?", (scorer.model.sha256,))
    connection.execute("VACUUM")
