"""A person's memory bank: the past posts, and what they say about a photo."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from popscore.errors import BankRefused
from popscore.files.atomic import replacing
from popscore.foreign_text import shortened
from popscore.personal import bank_file
from popscore.personal.adding import MOST_PREVIEW_BYTES, PREVIEW_SIDE, Added, add_choices, add_posts, check_model
from popscore.personal.keeper import Keeper
from popscore.personal.learning import Learnt, learn
from popscore.personal.looking import Seen, no_embedding
from popscore.personal.retrieval import Retrieval
from popscore.personal.scorer import PersonalScorer
from popscore.personal.source import FilePath, Source
from popscore.personal.stored import Stored, counted, post_table
from popscore.photos.previews import still_webp_size
from popscore.results import PersonalScore
from popscore.scoring.scorer import Scorer, load_scorer

Progress = Callable[[int, int | None], None]


class MemoryBank:
    """A person's past posts as one model sees them. Threads may share it.

    Made by `from_posts` and `open`; `at` and `with_retrieval` give others on the same posts.

    Attributes:
        added: what became of the posts, of a bank that was made by `from_posts`; None of one that was opened.
        retrieval: how posts are found that are like a photo.
    """

    def __init__(self, keeper: Keeper, scorer: Scorer, *, added: Added | None = None) -> None:
        """Use `from_posts` or `open`."""
        self._keeper, self.added = keeper, added
        self._model = scorer.model
        self._at_ms: int | None = None
        self.retrieval = Retrieval()
        self._learnt: Learnt | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_posts(
        cls,
        posts: FilePath,
        *,
        images: FilePath | None = None,
        scorer: Scorer | None = None,
        columns: Mapping[str, str] | None = None,
        encoding: str | None = None,
        user: str | None = None,
        likes: FilePath | None = None,
        people: bool = True,
        previews: bool = False,
        on_progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> MemoryBank:
        """Look at the pictures of a person's posts.

        Args:
            posts: a table with the columns id, time, likes, image and caption (not all are needed), or an Instagram
                data export as a ZIP.
            images: the folder with the photos that a table names.
            scorer: by default the one that the environment asks for.
            columns, encoding, user, likes: as in `Source`.
            people, previews, on_progress, cancelled: as in `adding.add_posts`.

        Returns:
            The bank, in memory; see `save`. Posts whose picture cannot be read are among `added.errors`.

        Raises:
            UnreadableTable, ParquetMissing, NoPhotosFound, InvalidSetting: the posts cannot be read.
            BankRefused: the model gives no embedding.
        """
        scorer = scorer or load_scorer()
        source = Source(posts=posts, images=images, columns=columns, encoding=encoding, user=user, likes=likes)
        connection = bank_file.in_memory()
        with source.opened(max_bytes=scorer.limits.max_bytes) as (history, find):
            added = add_posts(
                connection,
                history,
                find,
                scorer,
                people=people,
                previews=previews,
                on_progress=on_progress,
                cancelled=cancelled,
            )
        return cls(Keeper(connection, "the bank", scorer.model.sha256), scorer, added=added)

    @classmethod
    def open(cls, file: FilePath, *, scorer: Scorer | None = None) -> MemoryBank:
        """Open a bank that was saved, whoever made it. What was seen is read, and checked, when it is first needed.

        Args:
            file: of `save` or of `popscore bank add`.
            scorer: by default the one that the environment asks for; it must have the model that made the bank.

        Raises:
            BankRefused: there is none; it is damaged, none, of a newer popscore or of another model.
        """
        scorer, path = scorer or load_scorer(), Path(file)
        name = shortened(path.name)
        with (
            closing(bank_file.connect(path, write=False)) as on_disk,
            bank_file.refusals(name),
            bank_file.hurried(on_disk),
        ):
            check_model(on_disk, scorer)
            post_table(on_disk, name)
            keeper = Keeper(path, name, scorer.model.sha256, counts=counted(on_disk, scorer.model.sha256))
        return cls(keeper, scorer)

    @classmethod
    def empty(cls, *, scorer: Scorer | None = None) -> MemoryBank:
        """A bank without posts, for choices alone, see `with_choices`."""
        scorer = scorer or load_scorer()
        return cls(Keeper(bank_file.in_memory(), "the bank", scorer.model.sha256), scorer)

    def with_choices(self, pictures: Sequence[Seen], choices: Sequence[tuple[int, int]]) -> MemoryBank:
        """The same bank, which also knows which of two pictures a person chose; in memory, see `save`.

        Args:
            pictures: as `looking.see` or `looking.from_plain` gives them; they are known by what was seen in them.
            choices: places of the picture that was chosen and of the other one, in the order of the choices.

        Raises:
            ValueError: a choice between pictures that are not there.
        """
        if not all(0 <= place < len(pictures) for pair in choices for place in pair):
            raise ValueError("a choice between pictures that are not there")
        connection = bank_file.in_memory(self.to_bytes())
        add_choices(connection, pictures, choices, self._model)
        return self._other(_keeper=Keeper(connection, self._keeper.name, self._model.sha256))

    def save(self, file: FilePath) -> None:
        """Write the bank into a file, whole or not at all.

        Raises:
            ExportFailed: it could not be written; what was there before is still there.
            BankRefused: the file that this bank was opened from cannot be read any more.
        """
        content = self.to_bytes()
        with replacing(Path(file)) as target:
            if hasattr(os, "fchmod"):
                os.fchmod(target.fileno(), 0o600)  # for this person only; a file that was there keeps its permissions
            target.write(content)

    def to_bytes(self) -> bytes:
        """The content of the file that `save` writes."""
        with self._keeper.connected() as connection:
            return bank_file.copied(connection)

    def preview(self, post: str) -> bytes | None:
        """The small picture of a post, a WebP file; None where the bank has none, or something else in its place.

        It is not decoded: its head must say that it is as small as those that popscore makes.

        Args:
            post: its id.

        Raises:
            BankRefused: the file cannot be read any more.
        """
        query = "SELECT image FROM previews JOIN posts USING (picture) WHERE id = ?"
        with self._keeper.connected() as connection:
            row = connection.execute(query, (post,)).fetchone()
        content = row[0] if row else None
        if not isinstance(content, bytes) or len(content) > MOST_PREVIEW_BYTES:
            return None
        size = still_webp_size(content)
        return content if size is not None and min(size) > 0 and max(size) <= PREVIEW_SIDE else None

    def __len__(self) -> int:
        """Posts that the model has looked at."""
        return self._keeper.counts[0]

    @property
    def stored(self) -> Stored:
        """Everything that is known about the posts. Raises BankRefused if the file holds something else."""
        return self._keeper.stored(people=True)

    @property
    def choice_count(self) -> int:
        """Choices between pictures that the model has looked at; people in them are not read for it."""
        return len(self._keeper.stored(people=self.retrieval.people).choices)

    @property
    def unseen(self) -> int:
        """Posts that this model has not looked at; they do not count."""
        return self._keeper.counts[1]

    @property
    def at_ms(self) -> int:
        """The time before which posts count, milliseconds since 1970: now, unless `at` said another."""
        return round(time.time() * 1000) if self._at_ms is None else self._at_ms

    def at(self, moment: datetime) -> MemoryBank:
        """The same bank as it was at a time: only posts before it count.

        Args:
            moment: without a zone it is taken as UTC.
        """
        known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return self._other(_at_ms=round(known.timestamp() * 1000))

    def with_retrieval(self, retrieval: Retrieval) -> MemoryBank:
        """The same bank, which finds posts in another way."""
        return self._other(retrieval=retrieval)

    def _other(self, **changes: object) -> MemoryBank:
        other = object.__new__(MemoryBank)
        other.__dict__.update({**self.__dict__, "_learnt": None, "_lock": threading.Lock(), **changes})
        return other

    def scorer(self, scorer: Scorer) -> Scorer:
        """The same scorer, which also gives personal scores.

        Raises:
            BankRefused: the bank was made with another model.
        """
        if scorer.model.sha256 != self._model.sha256:
            theirs, ours = self._model, scorer.model
            raise BankRefused(
                f"{self._keeper.name} was made with the model {theirs.spec.name} ({theirs.sha256[:8]}…), and the one "
                f"in use is {ours.spec.name} ({ours.sha256[:8]}…). Their numbers cannot be mixed."
            )
        if self.retrieval.people and self.stored.with_people < len(self.stored.hashes):
            raise BankRefused(
                f"{self._keeper.name} was made without looking for people, so poses and backgrounds cannot be "
                "compared. Add the posts once more without --no-people, or leave --similar away."
            )
        return PersonalScorer(scorer, self.learnt)

    @property
    def learnt(self) -> Learnt:
        """What the posts before `at` teach; found out once."""
        with self._lock:
            if self._learnt is None:
                known = self._keeper.stored(people=self.retrieval.people)
                self._learnt = learn(known, self._model, at_ms=self.at_ms, retrieval=self.retrieval)
            return self._learnt

    def judge(self, seen: Seen) -> PersonalScore:
        """What the past posts say about a picture that was looked at, see `looking.see`."""
        return self.learnt.judge(seen)


def add_to_file(
    file: FilePath,
    source: Source,
    *,
    scorer: Scorer | None = None,
    people: bool = True,
    previews: bool = False,
    again: bool = False,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Added:
    """Put posts into a bank's file, which is made if it is not there. Arguments as `adding.add_posts`.

    Killed at any time, it leaves what was in the file, and what was added until shortly before.

    Raises:
        BankRefused: the file is damaged, none, of a newer popscore, or of another model and `again` is not given.
        ExportFailed: it cannot be written.
        UnreadableTable, ParquetMissing, NoPhotosFound, InvalidSetting: the posts cannot be read.
    """
    scorer, path = scorer or load_scorer(), Path(file)
    if not scorer.has_embedding:
        raise no_embedding(scorer)
    with (
        source.opened(max_bytes=scorer.limits.max_bytes) as (history, find),
        closing(bank_file.connect(path, write=True)) as connection,
        bank_file.refusals(shortened(path.name)),
    ):
        return add_posts(
            connection,
            history,
            find,
            scorer,
            people=people,
            previews=previews,
            again=again,
            on_progress=on_progress,
            cancelled=cancelled,
        )
