"""What popscore answers with: values that every door shows in the same words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from popscore.errors import PopscoreError
from popscore.models import Json, ModelInfo


@dataclass(frozen=True, kw_only=True)
class ScoredPhoto:
    """A photo with its score.

    Attributes:
        file: what the photo was called by whoever gave it.
        score: the model's output; comparable within one model only.
        percentile: share of the reference population that scores lower, 0 to 100.
        label, color: name and `#rrggbb` of the score's band.
        width, height: of the upright photo, in pixels.
        rank: 1 is best among the photos of the same call; a photo alone is first.
    """

    file: str
    score: float
    percentile: float
    label: str
    color: str
    width: int
    height: int
    rank: int = 1

    def to_json(self) -> Json:
        """The result object of every door."""
        return {
            "file": self.file,
            "rank": self.rank,
            "score": round(self.score, 4),
            "percentile": round(self.percentile, 1),
            "label": self.label,
            "color": self.color,
            "width": self.width,
            "height": self.height,
        }


@dataclass(frozen=True, kw_only=True)
class FailedPhoto:
    """A photo that has no score, and why."""

    file: str
    error: PopscoreError

    def to_json(self) -> Json:
        """The error object of every door."""
        return {"file": self.file, "error": type(self.error).__name__, "message": str(self.error)}


Outcome = ScoredPhoto | FailedPhoto


@dataclass(frozen=True, kw_only=True)
class Report:
    """The answer about many photos: results and errors side by side."""

    model: ModelInfo
    results: Sequence[ScoredPhoto]
    errors: Sequence[FailedPhoto]

    def to_json(self) -> Json:
        """The document of every door that answers about many photos."""
        return {
            "model": self.model.to_json(),
            "results": [result.to_json() for result in self.results],
            "errors": [error.to_json() for error in self.errors],
        }


def report(model: ModelInfo, outcomes: Iterable[Outcome]) -> Report:
    """Sort outcomes into results, each with its rank, and errors. The order stays as given."""
    outcomes = list(outcomes)
    scored = [outcome for outcome in outcomes if isinstance(outcome, ScoredPhoto)]
    best_first = sorted((photo.score for photo in scored), reverse=True)
    rank_of = {score: rank for rank, score in reversed(list(enumerate(best_first, start=1)))}
    return Report(
        model=model,
        results=[replace(photo, rank=rank_of[photo.score]) for photo in scored],
        errors=[outcome for outcome in outcomes if isinstance(outcome, FailedPhoto)],
    )
