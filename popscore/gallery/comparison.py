"""Two photos against each other: both scores, and how likely the first one is the more popular."""

from dataclasses import dataclass

from popscore import scale
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto, PhotoSource
from popscore.results import Report, ScoredPhoto, report
from popscore.scoring.scorer import Bank, Scorer, load_scorer


@dataclass(frozen=True, kw_only=True)
class Comparison(Report):
    """The answer about two photos; `results` in the order given, and fewer than two where one could not be read.

    Attributes:
        win_probability: P(the first is more popular than the second); None where one has no score, or a warning,
            because the score of such a picture means nothing.
        too_close: the scores differ by no more than the model's noise.
    """

    win_probability: float | None
    too_close: bool

    def to_json(self) -> Json:
        """The document of every door that compares."""
        chance = self.win_probability
        return {
            **Report.to_json(self),
            "win_probability": None if chance is None else round(chance, 4),
            "too_close": self.too_close,
        }


def compare_images(
    first: PhotoSource | NamedPhoto,
    second: PhotoSource | NamedPhoto,
    *,
    scorer: Scorer | None = None,
    bank: Bank | None = None,
) -> Comparison:
    """Score two photos with one model and say how likely the first is the more popular one.

    Args:
        first, second: paths, bytes, binary file objects or PIL images, with or without names.
        scorer: by default the one that the environment asks for.
        bank: a person's own posts, `popscore.MemoryBank`; the personal scores are then compared.

    Returns:
        Both results; photos that cannot be read are among the errors.

    Raises:
        InvalidSetting: an environment variable cannot be used.
        ModelUnavailable, ModelRefused: there is no model.
        BankRefused: the bank was made with another model.
    """
    scorer = scorer or load_scorer()
    if bank is not None:
        scorer = bank.scorer(scorer)
    both = report(scorer.model, scorer.score_many([first, second]))
    chance, too_close = None, False
    if len(both.results) == 2 and not any(photo.warning for photo in both.results):
        a, b = both.results
        chance = scale.win_probability(a.order_score, b.order_score, win_scale=scorer.model.spec.win_scale)
        too_close = _gap(a, b) <= scorer.model.spec.likely_noise
    return Comparison(
        model=both.model, results=both.results, errors=both.errors, win_probability=chance, too_close=too_close
    )


def _gap(a: ScoredPhoto, b: ScoredPhoto) -> float:
    return abs(a.order_score - b.order_score)
