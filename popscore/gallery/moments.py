"""Which of several shots of one moment is the best one: the order within a group of near-duplicates.

A score of the whole picture at 240 pixels hardly sees what shots of one moment differ by. Hence one rule for them:

1. A photo with a warning comes after all others.
2. Where faces were looked for, the shot in which fewer people blink comes first: have their eyes closed, while they
   are seen open in another shot of the group. Eyes that a blurred shot does not show are neither. A shot on which no
   face is found, while others show open eyes, counts as one in which somebody blinks: it may hide them.
3. Then a sum decides, over what the shots differ by: sharpness, noise, light and score, each with its weight.

Between groups the score alone decides. Weights and margin were set by tests/benchmarks/moments.py on half of the series
that it makes; the other half, and labelled pairs of video frames, were kept for the end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from popscore import words
from popscore.people.shots import ShotMeasure
from popscore.results import ScoredPhoto

# Sharpness is a natural logarithm of a ratio: a shot shaken by 4 pixels, or out of focus by 1.5, loses some 0.45, and
# two shots without fault differ by 0.02.
_SHARP, _NOISE, _TONES, _BLOWN = 1.0, 0.5, 0.5, 0.3
_SCORE = 0.05  # for each time the model's noise
MARGIN: Final = 0.05
"""Of the sum, up to which two shots cannot be told apart: two standard deviations between shots without fault."""
_MOST = 1.0  # that a part of a shot, or its noise or its score, can be better or worse than the middle of the group
# Black behind a head is clipped in one shot and not in the next, and yet no fault: light never outweighs a shake.
_MOST_LIGHT = 0.15
# Blur takes fine texture away, which then seems to have been noise.
_MOST_NOISE = 0.5
_NOISY = 0.45  # natural logarithm of how much more noise than the middle of the group is much
# The sharpness of a face is a ratio of squares, hence half of its logarithm; and faces count as much as all the rest.
_FACE_POWER, _FACE_SHARE = 0.5, 0.5
_SMALL_NOISE, _SMALL_BLOWN, _LEAST = 3.0, 0.01, 1e-3  # differences below these mean nothing

SAME = "cannot be told apart"
_BETTER = {"sharp": "sharper", "noise": "less noise", "light": "better light", "score": "higher score"}
_WORSE = {"sharp": "less sharp", "noise": "more noise", "light": "worse light", "score": "lower score"}
FACE_NOT_SHARP = 0.4
"""Share of the sharpest face of its group below which a face is called not sharp."""


@dataclass(frozen=True, kw_only=True)
class _Quality:
    """How much better a shot is than the middle of its group, by what."""

    sharp: float
    noise: float
    light: float
    score: float

    @property
    def total(self) -> float:
        return self.sharp + self.noise + self.light + self.score

    def most_against(self, other: "_Quality") -> str:
        """By what this shot is better than the other one, most of all."""
        return max(_BETTER, key=lambda name: getattr(self, name) - getattr(other, name))


def common_side(photos: Sequence[ScoredPhoto]) -> int:
    """The longer side, in pixels, at which the shots of a group are compared.

    That of the smallest one, but half of that of the largest one at least: a thumbnail is enlarged and shows that it
    has no detail, instead of hiding that the others are shaken.
    """
    sides = [max(photo.width, photo.height) for photo in photos]
    return max(min(sides), (max(sides) + 1) // 2)


def moment_order(
    measures: Sequence[ShotMeasure | None], photos: Sequence[ScoredPhoto], *, noise: float
) -> tuple[list[int], list[str]]:
    """Put the shots of one moment in order.

    Args:
        measures: of the shots, all made at one side, see `common_side`; None where a shot could not be measured: then
            its score stands for it.
        photos: their scores and warnings, in the same order; among equal shots the first one leads.
        noise: of the model, score difference up to which two photos are the same to it.

    Returns:
        Indices, the best shot first; and for each shot, in the order given, why it stands where it stands: the first
        one against the second, and each other one against the first.

    Raises:
        ValueError: the lengths differ.
    """
    if len(measures) != len(photos):
        raise ValueError(f"{len(measures)} measures for {len(photos)} photos")
    qualities = _qualities(measures, [photo.order_score for photo in photos], noise)
    closed = _eyes_closed(measures)
    order = sorted(
        range(len(photos)), key=lambda at: (photos[at].warning is not None, closed[at], -round(qualities[at].total, 9))
    )
    reasons = [SAME] * len(photos)
    for place, at in enumerate(order[1:], 1):
        first = order[0]
        better = _better(first, at, photos, closed, qualities)
        reasons[at] = _worse_in_words(better, photos[at], measures[at])
        if place == 1:
            reasons[first] = _better_in_words(first, better, measures[first], qualities)
    return order, reasons


def face_not_sharp(measure: ShotMeasure, group: Sequence[ShotMeasure | None]) -> bool:
    """Whether the faces of a shot are far less sharp than those of another shot of its group."""
    known = [other.face_sharpness for other in group if other is not None and other.face_sharpness is not None]
    return measure.face_sharpness is not None and measure.face_sharpness < FACE_NOT_SHARP * max(known, default=0.0)


# --- the rule ---------------------------------------------------------------------------------------


def _eyes_closed(measures: Sequence[ShotMeasure | None]) -> list[int]:
    """How many people blink: have their eyes closed, while another shot shows more open eyes."""
    seen = [measure if measure is not None and measure.faces else None for measure in measures]
    most_open = max((measure.eyes_open or 0 for measure in seen if measure is not None), default=0)
    found = [
        None if measure is None else min(measure.eyes_closed or 0, most_open - (measure.eyes_open or 0))
        for measure in seen
    ]
    hidden = max([min(1, most_open), *(count for count in found if count is not None)])
    return [hidden if count is None else count for count in found]


def _qualities(measures: Sequence[ShotMeasure | None], scores: Sequence[float], noise: float) -> list[_Quality]:
    sharp = _sharpness(measures)
    middle_score = median(scores)
    clean = _centred([None if m is None else -math.log(m.noise + _SMALL_NOISE) for m in measures])
    tones = _centred([None if m is None else m.tones for m in measures])
    blown = _centred([None if m is None else math.log(m.blown + _SMALL_BLOWN) for m in measures])
    found = []
    for at, score in enumerate(scores):
        # What a much noisier shot seems to show more of is noise.
        seen = min(sharp[at], 0.0) if clean[at] < -_NOISY else sharp[at]
        found.append(
            _Quality(
                sharp=_SHARP * seen,
                noise=_within(_NOISE * clean[at], _MOST_NOISE),
                light=_within(_TONES * tones[at] - _BLOWN * blown[at], _MOST_LIGHT),
                score=_SCORE * _within((score - middle_score) / max(noise, _LEAST), 1 / _SCORE),
            )
        )
    return found


def _sharpness(measures: Sequence[ShotMeasure | None]) -> list[float]:
    """How much sharper each shot is than the middle of the group, part by part and face by face."""
    known = [measure for measure in measures if measure is not None]
    if not known:
        return [0.0] * len(measures)
    columns = list(zip(*(m.tiles for m in known), strict=True)) if len({len(m.tiles) for m in known}) == 1 else []
    parts = [_centred([None if tile is None else math.log(tile + _LEAST) for tile in column]) for column in columns]
    shown = [[tile is not None for tile in column] for column in columns]
    faces = _centred(
        [math.log(m.face_sharpness) * _FACE_POWER if m.face_sharpness and m.face_sharpness > 0 else None for m in known]
    )
    found = []
    for at, measure in enumerate(known):
        own = [_within(part[at]) for part, seen in zip(parts, shown, strict=True) if seen[at]]
        # Nothing to be sharp, where other shots show something: it was blurred away.
        whole = sum(own) / len(own) if own else -_MOST if any(any(seen) for seen in shown) else 0.0
        if measure.face_sharpness:
            whole = (1 - _FACE_SHARE) * whole + _FACE_SHARE * _within(faces[at])
        found.append(whole)
    values = iter(found)
    return [0.0 if measure is None else next(values) for measure in measures]


def _centred(values: Sequence[float | None]) -> list[float]:
    """Differences from the middle one; 0 where nothing is known."""
    known = [value for value in values if value is not None]
    middle = median(known) if known else 0.0
    return [0.0 if value is None else value - middle for value in values]


def _within(value: float, most: float = _MOST) -> float:
    return max(-most, min(most, value))


# --- the reasons ------------------------------------------------------------------------------------


def _better(
    first: int, other: int, photos: Sequence[ScoredPhoto], closed: Sequence[int], qualities: Sequence[_Quality]
) -> str:
    """By what the first shot is better than another one."""
    if photos[other].warning is not None and photos[first].warning is None:
        return "warning"
    if closed[first] < closed[other]:
        return "eyes"
    if qualities[first].total - qualities[other].total <= MARGIN:
        return "same"
    return qualities[first].most_against(qualities[other])


def _better_in_words(first: int, better: str, measure: ShotMeasure | None, qualities: Sequence[_Quality]) -> str:
    if better == "eyes":
        return "fewer eyes closed" if measure is not None and measure.eyes_closed else "eyes open"
    own = qualities[first]
    # What a noisier shot seems to show more of is noise.
    others = [quality.sharp for quality in qualities if quality.noise >= own.noise - MARGIN]
    if better == "sharp" and own.sharp + MARGIN >= max(others):
        return f"sharpest of {len(qualities)}"
    if better == "warning":
        return "no warning"
    return _BETTER.get(better, SAME)


def _worse_in_words(better: str, photo: ScoredPhoto, measure: ShotMeasure | None) -> str:
    if better == "warning" and photo.warning is not None:
        return words.WARNINGS[photo.warning]
    if better == "eyes":
        return words.eyes_closed(measure.eyes_closed, measure.faces) if measure and measure.faces else "no face found"
    return _WORSE.get(better, SAME)
