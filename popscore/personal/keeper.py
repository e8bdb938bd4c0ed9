"""Keeps the posts of a bank, for all banks on the same posts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from popscore.personal import bank_file
from popscore.personal.stored import Stored, counted, stored


class Keeper:
    """Where the posts are, read when they are first needed; banks on the same posts share it.

    Args:
        place: a file, or a bank that is none yet.
        name: for messages.
        model: SHA-256 of the model whose numbers are wanted.
        counts: see `stored.counted`.
    """

    def __init__(
        self, place: Path | sqlite3.Connection, name: str, model: str, counts: tuple[int, int] | None = None
    ) -> None:
        self._place, self.name, self._model = place, name, model
        self._stored: dict[bool, Stored] = {}
        self._lock = threading.RLock()
        if counts is None:
            with self.connected() as connection:
                counts = counted(connection, model)
        self.counts = counts

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """The open bank. Raises BankRefused."""
        with self._lock, bank_file.refusals(self.name):
            if isinstance(self._place, Path):
                with closing(bank_file.connect(self._place, write=False)) as on_disk, bank_file.hurried(on_disk):
                    yield on_disk
            else:
                yield self._place

    def stored(self, *, people: bool) -> Stored:
        """What is there; poses and backgrounds only where they are wanted. Raises BankRefused."""
        with self._lock:
            found = self._stored.get(True) or self._stored.get(people)
            if found is None:
                with self.connected() as connection:
                    found = self._stored[people] = stored(connection, self._model, self.name, people=people)
            return found
