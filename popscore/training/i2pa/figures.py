"""What came out of a run. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from popscore.models.spec import Json, Kind
from popscore.posts.evaluation import Evaluation
from popscore.results import FailedPhoto


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a person knows about the data; it goes into the model file as it is."""

    name: str = "popscore-ranker"
    kind: Kind = "popularity"
    licence: str | None = None
    training_data: str | None = None


@dataclass(frozen=True, kw_only=True)
class RankerRun:
    """What came out.

    Attributes:
        model: the file.
        photos: counts by state, see `photos.STATES`; those that were not used are named in left_out.csv.
        errors: the missing and unreadable ones.
        rows_failed: rows of the tables that cannot be used.
        shared: training pairs left out, because a user or a photo of theirs is held back by name.
        parts: pairs in training, validation and test.
        epochs, best_epoch: how many there were, and which weights were kept, from 1.
        before: pairwise accuracy on the test pairs before the first epoch, with the first weights of the head.
        validation: figures on the pairs that chose the weights, so they are too good.
        test: figures on pairs that nothing was learned or chosen from.
        win_scale: as fitted to the validation pairs.
        noise: as measured on photos of the validation pairs; None where none could be read again.
    """

    model: Path
    sha256: str
    name: str
    kind: Kind
    photos: Mapping[str, int]
    errors: Sequence[FailedPhoto]
    rows_failed: int
    shared: int
    parts: Mapping[str, int]
    epochs: int
    best_epoch: int
    before: float
    validation: Evaluation
    test: Evaluation
    win_scale: float
    noise: float | None

    def to_json(self) -> Json:
        """The report."""
        return {
            "model": str(self.model),
            "sha256": self.sha256,
            "photos": dict(self.photos),
            "rows_failed": self.rows_failed,
            "pairs_shared": self.shared,
            "pairs": dict(self.parts),
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "accuracy_before": round(self.before, 4),
            "win_scale": round(self.win_scale, 4),
            "noise": None if self.noise is None else round(self.noise, 4),
            "validation": self.validation.to_json(),
            "test": self.test.to_json(),
        }
