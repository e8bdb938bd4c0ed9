"""Where a person's posts come from: a table and a folder, or an Instagram data export."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import InvalidSetting
from popscore.foreign_text import shortened
from popscore.personal.export_zip import open_export
from popscore.personal.history import Find, History, folder_of, read_table, with_likes

FilePath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a person's posts are.

    Attributes:
        posts: a table, or an Instagram data export as a ZIP.
        images: the folder with the photos that a table names.
        columns, encoding, user: as in `popscore.personal.history.read_table`.
        likes: a table that gives likes to posts that have none, see `history.with_likes`.
    """

    posts: FilePath
    images: FilePath | None = None
    columns: Mapping[str, str] | None = None
    encoding: str | None = None
    user: str | None = None
    likes: FilePath | None = None

    @contextmanager
    def opened(self, *, max_bytes: int) -> Iterator[tuple[History, Find]]:
        """The posts, and where their pictures are.

        Raises:
            UnreadableTable, ParquetMissing, NoPhotosFound: something cannot be read.
            InvalidSetting: a table without a folder.
        """
        if Path(self.posts).suffix.lower() == ".zip":
            with open_export(self.posts, max_bytes=max_bytes) as (history, find):
                yield self._with_likes(history), find
            return
        history = read_table(self.posts, columns=self.columns, encoding=self.encoding, user=self.user)
        if self.images is None:
            name = shortened(Path(self.posts).name)
            raise InvalidSetting(f"{name} names photos, but not where they are. Name their folder: --images DIR")
        with folder_of(self.images) as find:
            yield self._with_likes(history), find

    def _with_likes(self, history: History) -> History:
        return history if self.likes is None else with_likes(history, self.likes, columns=self.columns)
