"""The explanation of a score: number, word, place, curve, meaning. Written once, as parts of HTML.

The Score panel and the large view of Rank put the same parts together. Every text from outside is escaped.
"""

import math
from typing import NamedTuple

from popscore import words
from popscore.foreign_text import in_html
from popscore.models.spec import Json, ModelInfo
from popscore.results import ScoredPhoto
from popscore.scale import I2PA_REFERENCE_MEAN, I2PA_REFERENCE_STD
from popscore.ui.kit.band_chart import Axis, BandSpan, bands_sentence, css_class, spans

_CURVE_REACH = 3.2  # standard deviations to each side of the mean
_CURVE_STEPS = 96
_CURVE_HEIGHT = 40  # in units of the drawing, 2 of them above the peak


class Explanation(NamedTuple):
    """The parts, in the order in which they are read.

    Attributes:
        score: the number and its word.
        place: where it stands among other photos.
        curve: the same, as a drawing.
        meaning: what the number is and what it is not.
    """

    score: str
    place: str
    curve: str
    meaning: str

    def to_json(self) -> Json:
        """The parts for a page that puts them together itself."""
        return self._asdict()


def explanation(photo: ScoredPhoto, info: ModelInfo) -> Explanation:
    """Explain a score.

    Args:
        photo: with its score.
        info: the model that gave it.
    """
    return Explanation(_score(photo, info), _place(photo, info), _curve(photo, info), _meaning(info))


def on_the_scale_of_i2pa(info: ModelInfo) -> bool:
    """Whether a model's scores are spread as those of the I2PA research; other models have a scale of their own."""
    spec = info.spec
    return math.isclose(spec.reference_mean, I2PA_REFERENCE_MEAN) and math.isclose(
        spec.reference_std, I2PA_REFERENCE_STD
    )


def _score(photo: ScoredPhoto, info: ModelInfo) -> str:
    noise = info.spec.likely_noise
    return (
        f'<p class="ps-score"><span class="ps-number">{photo.score:.2f}</span>'
        f'<span class="ps-noise" title="Harmless changes, such as mirroring, move the score by up to so much.">'
        f"&#177; {noise:.1f}</span>"
        f'<span class="ps-chip {css_class(photo.label)}"><i></i>{photo.label}</span></p>'
    )


def _place(photo: ScoredPhoto, info: ModelInfo) -> str:
    """The place first, then what the word stands for; what is wrong with the picture before both."""
    place = words.place(photo.percentile, info)
    warning = f'<p class="ps-warning">{in_html(words.warned(photo.warning))}</p>' if photo.warning else ""
    return (
        f'{warning}<p class="ps-place">{in_html(place[0].upper() + place[1:])}. '
        f"<span>{in_html(words.band_place(photo.label, info))}.</span></p>"
    )


def _meaning(info: ModelInfo) -> str:
    return (
        f'<p class="ps-said">{in_html(words.meaning(info))}</p>'
        '<details class="ps-more"><summary>What it means, and what not</summary>'
        f"<p>{in_html(words.LIMITS)}</p>"
        f"<p>{in_html(scale_sentences(info))}</p>"
        "</details>"
    )


def scale_sentences(info: ModelInfo) -> str:
    """What the scale of a model is, and where the bands begin on it."""
    whose = (
        "The scale is that of the I2PA research" if on_the_scale_of_i2pa(info) else "This model has a scale of its own"
    )
    spec = info.spec
    return (
        f"{whose}: the average is {spec.reference_mean:g}, and two of three photos lie within "
        f"{spec.reference_std:g} of it. {bands_sentence()}"
    )


def _curve(photo: ScoredPhoto, info: ModelInfo) -> str:
    """The reference distribution in the colours of the bands, with the photo's place on it."""
    mean, std = info.spec.reference_mean, info.spec.reference_std
    axis = Axis(
        min(mean - _CURVE_REACH * std, photo.score - 0.2 * std), max(mean + _CURVE_REACH * std, photo.score + 0.2 * std)
    )
    here = axis.across(photo.score)
    lean = "ps-lean-left" if here > 82 else "ps-lean-right" if here < 18 else ""
    found = spans(axis)
    return (
        f'<div class="ps-curve" role="img" aria-label="Reference curve: this photo stands at {photo.score:.2f}, '
        f'in the band {photo.label}">'
        f'<svg viewBox="0 0 100 {_CURVE_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(_hill(span, axis, mean, std) for span in found)}</svg>"
        f'<div class="ps-here {lean}" style="left:{here:.1f}%" aria-hidden="true"><b>this photo</b></div>'
        f'<div class="ps-bands" aria-hidden="true">{"".join(_band_name(span, axis) for span in found)}</div></div>'
    )


def _hill(span: BandSpan, axis: Axis, mean: float, std: float) -> str:
    """The part of the normal curve that lies in a band."""
    steps = max(2, round(_CURVE_STEPS * (span.upper - span.lower) / (axis.high - axis.low)))
    scores = [span.lower + (span.upper - span.lower) * step / steps for step in range(steps + 1)]
    heights = [(_CURVE_HEIGHT - 2) * math.exp(-0.5 * ((score - mean) / std) ** 2) for score in scores]
    line = " ".join(
        f"{axis.across(score):.2f},{_CURVE_HEIGHT - height:.2f}" for score, height in zip(scores, heights, strict=True)
    )
    ends = f"{axis.across(span.lower):.2f},{_CURVE_HEIGHT}", f"{axis.across(span.upper):.2f},{_CURVE_HEIGHT}"
    return f'<polygon class="{span.css_class}" points="{ends[0]} {line} {ends[1]}"/>'


def _band_name(span: BandSpan, axis: Axis) -> str:
    """The word under the curve, where there is room for it."""
    left, right = axis.across(span.lower), axis.across(span.upper)
    return f'<span style="left:{(left + right) / 2:.1f}%">{span.label}</span>' if right - left > 12 else ""
