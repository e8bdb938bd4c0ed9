"""What the model says about the photos of a study: found out one by one while people look at them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import PopscoreError

Score = Callable[[Path], float]
"""Scores the photo in a file; raises PopscoreError where it cannot."""


@dataclass(frozen=True, kw_only=True)
class ModelResult:
    """How often the model is right on some pairs.

    Attributes:
        accuracy: 0 to 1, a tie counts one half; None where no pair has both scores.
        pairs: how many have both.
    """

    accuracy: float | None
    pairs: int


class ModelScores:
    """Scores of photos, found out in a thread of its own. Each photo is scored once.

    Args:
        score: scores one photo.
    """

    def __init__(self, score: Score) -> None:
        self._score = score
        self._known: dict[Path, float | None] = {}
        self._wanted: deque[Path] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def want(self, photos: Sequence[Path]) -> None:
        """These photos will be asked about soon."""
        with self._changed:
            new = [photo for photo in photos if photo not in self._known and photo not in self._wanted]
            self._wanted.extend(new)
            if new and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="popscore-study", daemon=True)
                self._thread.start()

    def result(self, pairs: Sequence[tuple[Path, Path]], *, seconds: float) -> ModelResult:
        """How often the model is right on pairs of winner and loser.

        Args:
            seconds: to wait at most for scores that are missing; pairs without are left out.
        """
        photos = {photo for pair in pairs for photo in pair}
        self.want(sorted(photos))
        with self._changed:
            self._changed.wait_for(lambda: all(photo in self._known for photo in photos), timeout=seconds)
            both = [(self._known.get(winner), self._known.get(loser)) for winner, loser in pairs]
        right = [(won > lost) + 0.5 * (won == lost) for won, lost in both if won is not None and lost is not None]
        return ModelResult(accuracy=sum(right) / len(right) if right else None, pairs=len(right))

    def _work(self) -> None:
        while (photo := self._next()) is not None:
            try:
                score: float | None = self._score(photo)
            except PopscoreError:
                score = None
            with self._changed:
                self._known[photo] = score
                self._wanted.popleft()
                self._changed.notify_all()

    def _next(self) -> Path | None:
        with self._changed:
            if not self._wanted:
                self._thread = None
                return None
            return self._wanted[0]
