"""Sentences that more than one door says."""

from popscore import scale
from popscore.models.spec import ModelInfo


def place(percentile: float, info: ModelInfo) -> str:
    """Where a score stands, in words: `more appealing than 72 of 100 …`.

    Args:
        percentile: 0 to 100.
        info: the model that gave the score.
    """
    return f"more {info.adjective} than {of_100(percentile)} {info.spec.reference_population}"


def of_100(percentile: float) -> str:
    """A percentile as a count of 100; the ends are never rounded to none or all."""
    if percentile < 1:
        return "fewer than 1 of 100"
    if percentile > 99:
        return "99 of 100"
    return f"{percentile:.0f} of 100"


def every_nth(number: int, what: str) -> str:
    """`every 25th frame`, `every 2nd frame`; of 1 `every frame`."""
    if number == 1:
        return f"every {what}"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"every {number}{ending} {what}"


def meaning(info: ModelInfo) -> str:
    """What the score is, in one sentence."""
    if info.spec.kind == "popularity":
        return "The score predicts how much people will like this photo for what it shows, whoever posts it."
    return (
        "The score predicts how appealing people find this photo. "
        "It was learned from ratings of photos, not from likes."
    )


LIMITS = (
    "It looks at the picture alone: not at who posts it, when, where or with which words. "
    "It is not a count of likes, and two scores that lie close together are no real difference."
)


def answered_by(info: ModelInfo) -> str:
    """Which model answers, in a few words."""
    spec = info.spec
    where = {
        "embedded": f"Embedded {spec.kind} model",
        "file": f"{spec.kind.capitalize()} model from a file",
        "hub": f"{spec.kind.capitalize()} model from the Hub",
    }
    return f"{where[info.source]}: {spec.name}"


def verdict(name_a: str, score_a: float, name_b: str, score_b: float, info: ModelInfo) -> str:
    """Which of two photos is the better one, and how sure that is.

    Args:
        name_a, name_b: what the photos are called.
        score_a, score_b: their scores by the same model.
        info: that model.
    """
    if score_b > score_a:
        name_a, score_a, name_b, score_b = name_b, score_b, name_a, score_a
    chance = scale.win_probability(score_a, score_b, win_scale=info.spec.win_scale)
    sentence = f"{name_a} is the more {info.adjective} one with a probability of {100 * chance:.0f} %"
    if score_a - score_b <= info.spec.likely_noise:
        return f"Too close to call: {sentence}, but their scores differ by no more than the model's noise."
    return f"{sentence}."
