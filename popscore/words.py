"""Sentences that more than one door says."""

from collections.abc import Sequence

from popscore import scale
from popscore.models.spec import ModelInfo

# What may be wrong with a picture, by its name in JSON.
WARNINGS = {
    "almost_black": "almost black",
    "one_color": "one colour",
    "not_a_photo": "not a photograph (text or screen)",
}


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


def band_place(label: str, info: ModelInfo) -> str:
    """What a band means, as a place among other photos: `Good is from 27 to 75 of 100`.

    The words of the bands are given; alone, "Good" and "more appealing than 36 of 100" sound like two opinions.

    Args:
        label: of the band.
        info: the model, whose reference population is counted.
    """
    at = [one.label for one in scale.BANDS].index(label)
    spec = info.spec
    ends = [
        round(scale.percentile(band.lower, mean=spec.reference_mean, std=spec.reference_std))
        for band in scale.BANDS[:-1]
    ]
    if at == 0:
        return f"{label} is above {ends[0]} of 100"
    if at == len(ends):
        return f"{label} is below {ends[-1]} of 100"
    return f"{label} is from {ends[at]} to {ends[at - 1]} of 100"


def warned(warning: str) -> str:
    """A warning as a sentence beside the score."""
    return f"This picture is {WARNINGS[warning]}: its score means nothing, and it comes after all others."


NOTHING, _LITTLE = 0.005, 0.15
"""Shares of a score that a person's posts have decided, below which they say nothing, and little."""


def expected_likes(ratio: float, support: float) -> str:
    """What a person's own posts say, in a few words: `1.6 times the usual likes, 40 % from your posts`.

    Args:
        ratio: expected likes over the usual ones.
        support: how much the posts have decided, 0 to 1.
    """
    if support < NOTHING:
        return "your posts say nothing about it"
    return f"{ratio:.1f} times the usual likes, {100 * support:.0f} % from your posts"


def liked_by_followers(ratio: float, support: float) -> str:
    """What a person's own posts say, as a sentence.

    Args:
        ratio: expected likes over the usual ones.
        support: how much the posts have decided, 0 to 1.
    """
    if support < NOTHING:
        return "Your posts say nothing about pictures like this one."
    much = f"{ratio:.1f} times as much as usual"
    if 0.95 <= ratio < 1.05:
        much = "as much as usual"
    elif ratio < 1:
        much = f"less than usual: {ratio:.1f} times as much"
    if support < _LITTLE:
        return f"Your posts say little about pictures like this one. People who follow you may like it {much}."
    return f"People who follow you liked pictures like these {much}."


LIKES_UNKNOWN = "Your posts do not show yet which pictures get more likes."


def decided_by_bank(support: float, posts: int, choices: int) -> str:
    """How far to trust a personal score, as a sentence: `Your 312 posts decided 40 % of this score.`

    Args:
        support: how much the posts and choices have decided, 0 to 1.
        posts, choices: how many there are.
    """
    if support < NOTHING:
        return "This is the score that the model gives by itself."
    share = f"{max(1, round(100 * support))} %"
    return f"Your {counted_history(posts, choices)} decided {share} of this score."


def counted_history(posts: int, choices: int) -> str:
    """What a memory bank holds: `312 posts and 14 choices`."""
    parts = [(posts, "post"), (choices, "choice")]
    return " and ".join(f"{count:,} {what if count == 1 else what + 's'}" for count, what in parts if count)


def local_score(score: float, *, alone: bool) -> str:
    """How one of a person's own posts did, in a few words.

    Args:
        score: its likes over the mean likes of the others within a month.
        alone: there were no others.
    """
    return "no other post near it" if alone else f"{score:.1f} x your usual"


FACE_NOT_SHARP = "face not sharp"


def eyes_closed(closed: int | None, faces: int | None) -> str:
    """`eyes closed: 1 of 4`."""
    return f"eyes closed: {closed or 0} of {faces or 0}"


def people(faces: int, closed: int) -> str:
    """What is to be said of the people on a photo: `2 faces`, `eyes closed: 1 of 4`; nothing where there is no face."""
    if closed:
        return eyes_closed(closed, faces)
    return "" if not faces else "1 face" if faces == 1 else f"{faces} faces"


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
    if info.spec.kind == "selfie":
        return "The score predicts whether a selfie is one of the more popular ones, whoever posts it."
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


def verdict_of_places(scores: Sequence[float], info: ModelInfo, *, stacked: bool = False) -> str:
    """Which of the photos side by side is the best one, by its place, and how sure that is against the second best.

    Args:
        scores: two to four, from left to right, by the same model.
        info: that model.
        stacked: two stand one above the other, as on a phone.
    """
    places: Sequence[str] = ("The upper one", "The lower one") if stacked else ("Left", "Right")
    if len(scores) > 2:
        places = [f"Photo {number}" for number in range(1, len(scores) + 1)]
    best_first = sorted(range(len(scores)), key=lambda place: -scores[place])
    first, second = best_first[:2]
    return verdict(places[first], scores[first], places[second], scores[second], info)


def beats(name_a: str, name_b: str, chance: float, *, too_close: bool) -> str:
    """How often A would beat B, in one sentence.

    Args:
        name_a, name_b: what the photos are called.
        chance: P(A is more popular than B).
        too_close: their scores differ by no more than the model's noise.
    """
    if chance < 0.5:
        name_a, name_b, chance = name_b, name_a, 1 - chance
    times = min(9, max(5, round(10 * chance)))
    often = f"{name_a} would beat {name_b} about {times} times in 10"
    if chance >= 0.95:
        often = f"{name_a} would beat {name_b} more than 9 times in 10"
    return (
        f"Too close to call: {often}, and their scores differ by no more than the model's noise."
        if too_close
        else f"{often}."
    )
