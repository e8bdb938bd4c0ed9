"""The answer about one photo, as HTML. Every text from outside is escaped."""

import math
from html import escape

from popscore import scale, words
from popscore.errors import PopscoreError
from popscore.models.spec import ModelInfo
from popscore.results import ScoredPhoto

_CURVE_REACH = 3.2  # standard deviations to each side of the mean
_CURVE_STEPS = 96


def empty_panel() -> str:
    """Before the first photo."""
    return _panel(
        "empty",
        '<p class="ps-lead">Drop a photo to see its score.</p>'
        "<p>You get a number, its word, and its place among other photos.</p>",
    )


def waiting_panel(*, model_ready: bool) -> str:
    """While the answer is on its way: the shape of the answer, and a sentence."""
    sentence = (
        "Scoring the photo." if model_ready else "The model is on its way. The photo is scored as soon as it is here."
    )
    bars = '<div class="ps-bone ps-bone-score"></div><div class="ps-bone ps-bone-curve"></div>'
    return _panel("waiting", f'{bars}<p class="ps-lead">{sentence}</p>')


def error_panel(error: PopscoreError) -> str:
    """A photo that has no score, and why."""
    reason, _, next_step = str(error).partition(". ")
    step = f"<p>{escape(next_step)}</p>" if next_step else ""
    return _panel("error", f'<p>No score</p><p class="ps-lead">{escape(reason.rstrip("."))}.</p>{step}')


def result_panel(photo: ScoredPhoto, info: ModelInfo) -> str:
    """The score with its word, its place among others, and the model that said it."""
    band = photo.label.lower()
    place = words.place(photo.percentile, info)
    size = f"{photo.width} x {photo.height}"
    return _panel(
        "result",
        f'<p class="ps-file" title="{escape(photo.file)}"><span>{escape(photo.file)}</span> {size}</p>'
        f'<p class="ps-score"><span class="ps-number">{photo.score:.2f}</span>'
        f'<span class="ps-chip ps-{band}"><i></i>{photo.label}</span></p>'
        f'<p class="ps-place">{escape(place[0].upper() + place[1:])}.</p>'
        f"{_curve(photo, info)}"
        f"{_meaning(info)}",
    )


def model_badge(info: ModelInfo) -> str:
    """Which model answers, always in sight."""
    notice = f'<p class="ps-notice" role="status">{escape(info.notice)}</p>' if info.notice else ""
    dot = "ps-fallback" if info.notice else "ps-ok"
    return f'<p class="ps-badge {dot}"><i></i>{escape(words.answered_by(info))}</p>{notice}'


def waiting_badge() -> str:
    """While the model is being loaded."""
    return '<p class="ps-badge ps-loading"><i></i>The model is on its way</p>'


def failed_badge(error: PopscoreError) -> str:
    """When there is no model, and falling back is not allowed."""
    return (
        '<p class="ps-badge ps-fallback"><i></i>No model</p>'
        f'<p class="ps-notice" role="status">{escape(str(error))}</p>'
    )


def _panel(state: str, inside: str) -> str:
    return f'<section class="ps-panel ps-panel-{state}" aria-live="polite" aria-label="Result">{inside}</section>'


def _meaning(info: ModelInfo) -> str:
    return (
        f'<p class="ps-said">{escape(words.meaning(info))}</p>'
        '<details class="ps-more"><summary>What it means, and what not</summary>'
        f"<p>{escape(words.LIMITS)}</p>"
        f"<p>The scale is that of the I2PA research: the average is {info.spec.reference_mean:g}, and two of three "
        f"photos lie within {info.spec.reference_std:g} of it. Excellent begins at 4, Good at 2, Fair at 0.</p>"
        "</details>"
    )


def _curve(photo: ScoredPhoto, info: ModelInfo) -> str:
    """The reference distribution in the colours of the bands, with the photo's place on it."""
    mean, std = info.spec.reference_mean, info.spec.reference_std
    low = min(mean - _CURVE_REACH * std, photo.score - 0.2 * std)
    high = max(mean + _CURVE_REACH * std, photo.score + 0.2 * std)

    def across(score: float) -> float:
        return 100 * (score - low) / (high - low)

    def height(score: float) -> float:
        return 38 * math.exp(-0.5 * ((score - mean) / std) ** 2)

    shapes, names, upper = [], [], high
    for band in scale.BANDS:
        lower = max(band.lower, low)
        if lower >= upper:
            continue
        steps = max(2, round(_CURVE_STEPS * (upper - lower) / (high - low)))
        points = [lower + (upper - lower) * step / steps for step in range(steps + 1)]
        line = " ".join(f"{across(score):.2f},{40 - height(score):.2f}" for score in points)
        shapes.append(
            f'<polygon class="ps-{band.label.lower()}" points="{across(lower):.2f},40 {line} {across(upper):.2f},40"/>'
        )
        if across(upper) - across(lower) > 12:
            middle = (across(lower) + across(upper)) / 2
            names.append(f'<span style="left:{middle:.1f}%">{band.label}</span>')
        upper = lower
    here = across(photo.score)
    lean = "ps-lean-left" if here > 82 else "ps-lean-right" if here < 18 else ""
    return (
        f'<div class="ps-curve" role="img" aria-label="Reference curve: this photo stands at {photo.score:.2f}, '
        f'in the band {photo.label}">'
        f'<svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">{"".join(shapes)}</svg>'
        f'<div class="ps-here {lean}" style="left:{here:.1f}%" aria-hidden="true"><b>this photo</b></div>'
        f'<div class="ps-bands" aria-hidden="true">{"".join(names)}</div></div>'
    )
