"""What is in a bank's file without any model, and how posts are forgotten."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from popscore.errors import BankRefused
from popscore.foreign_text import shortened
from popscore.models.spec import Json
from popscore.personal import bank_file
from popscore.personal.local_score import MONTH_DAYS, local_scores
from popscore.personal.stored import post_table, summary_of


@dataclass(frozen=True, kw_only=True)
class PostState:
    """A post as it stands in a bank.

    Attributes:
        id, likes: as given; the likes None where they are not known.
        time: when it was posted, ISO 8601 in UTC.
        local_score: see `local_scores`; None where the likes are not known.
    """

    id: str
    time: str
    likes: int | None
    local_score: float | None

    def to_json(self) -> Json:
        """As a part of the answer of `bank show`."""
        local = None if self.local_score is None else round(self.local_score, 4)
        return {"id": self.id, "time": self.time, "likes": self.likes, "local_score": local}


@dataclass(frozen=True, kw_only=True)
class BankState:
    """What is in a bank.

    Attributes:
        file: as given.
        posts: by their local scores, the best first; those without at the end.
        hidden: posts whose likes are not known.
        future: posts that lie in the future; they do not count before their time.
        alone: posts with likes and no other within a month; nothing is learnt from them.
        models: of each model that has looked at the pictures: name, SHA-256, how many.
        previews: small pictures that are kept.
        choices: pairs of pictures of which the person chose one.
        size_bytes: of the file.
    """

    file: str
    posts: Sequence[PostState]
    hidden: int
    future: int
    alone: int
    models: Sequence[tuple[str, str, int]]
    previews: int
    choices: int
    size_bytes: int

    def to_json(self) -> Json:
        """The result of `bank show`."""
        times = sorted(post.time for post in self.posts)
        return {
            "file": self.file,
            "posts": len(self.posts),
            "first": times[0] if times else None,
            "last": times[-1] if times else None,
            "likes_hidden": self.hidden,
            "in_the_future": self.future,
            "alone_in_their_month": self.alone,
            "month_days": MONTH_DAYS,
            "previews": self.previews,
            "choices": self.choices,
            "size_bytes": self.size_bytes,
            "models": [{"name": name, "sha256": sha256, "pictures": count} for name, sha256, count in self.models],
            "best": [post.to_json() for post in self.posts[:5] if post.local_score is not None],
        }


def bank_state(file: str) -> BankState:
    """Look into a bank's file; no model is needed for it.

    Raises:
        BankRefused: there is none; it is damaged, none, or of a newer popscore.
    """
    path = Path(file)
    name = shortened(path.name)
    with closing(bank_file.connect(path, write=False)) as connection, bank_file.refusals(name):
        bank_file.check_whole(connection, name)
        ids, times_ms, likes = post_table(connection, name)
        models = summary_of(connection)
        previews, choices = (
            int(connection.execute(query).fetchone()[0])
            for query in ("SELECT count(*) FROM previews", "SELECT count(*) FROM choices")
        )
    local = local_scores(times_ms, likes)
    order = np.lexsort((times_ms, -np.nan_to_num(local.scores, nan=-1.0)))
    posts = [
        PostState(
            id=ids[place],
            time=datetime.fromtimestamp(int(times_ms[place]) / 1000, UTC).isoformat(),
            likes=None if likes[place] < 0 else int(likes[place]),
            local_score=None if likes[place] < 0 else float(local.scores[place]),
        )
        for place in order.tolist()
    ]
    return BankState(
        file=file,
        posts=posts,
        hidden=int((likes < 0).sum()),
        future=int((times_ms > time.time() * 1000).sum()),
        alone=int(((likes >= 0) & (local.others == 0)).sum()),
        models=models,
        previews=previews,
        choices=choices,
        size_bytes=path.stat().st_size,
    )


def forget(file: str, *, ids: Sequence[str] = (), before: datetime | None = None, everything: bool = False) -> int:
    """Forget posts, with all that was seen in their pictures; nothing of it stays in the file.

    Args:
        file: of the bank.
        ids: of posts; each must be there.
        before: also all posts before this time; without a zone it is taken as UTC.
        everything: all posts and choices.

    Returns:
        How many posts were forgotten.

    Raises:
        BankRefused: there is no such post or no such bank; nothing was forgotten.
    """
    path = Path(file)
    name = shortened(path.name)
    with closing(bank_file.connect(path, write=False)) as connection, bank_file.refusals(name):
        connection.execute("PRAGMA secure_delete = ON")
        with bank_file.transaction(connection):
            (count,) = connection.execute("SELECT count(*) FROM posts").fetchone()
            for one in ids:
                if not connection.execute("DELETE FROM posts WHERE id = ?", (one,)).rowcount:
                    raise BankRefused(f"{name} has no post {shortened(one)}. See its posts: popscore bank show --json")
            if before is not None:
                moment = before if before.tzinfo else before.replace(tzinfo=UTC)
                connection.execute("DELETE FROM posts WHERE time_ms < ?", (round(moment.timestamp() * 1000),))
            if everything:
                connection.execute("DELETE FROM posts")
                connection.execute("DELETE FROM choices")
            used = "(SELECT picture FROM posts UNION SELECT winner FROM choices UNION SELECT loser FROM choices)"
            connection.execute(f"DELETE FROM pictures WHERE picture NOT IN {used}")  # noqa: S608  fixed words
            connection.execute(f"DELETE FROM previews WHERE picture NOT IN {used}")  # noqa: S608
            (left,) = connection.execute("SELECT count(*) FROM posts").fetchone()
            if everything:
                connection.execute("DELETE FROM models")
        connection.execute("VACUUM")
    return int(count - left)
