"""The bands on a scale: what the Score curve, the dots of Rank and the time line of Video are drawn over.

The server draws with `spans`; the page draws with the same arithmetic in assets/kit/bands.js, which a test
compares with this one.
"""

from dataclasses import dataclass

from popscore import scale
from popscore.models.spec import Json


@dataclass(frozen=True)
class Axis:
    """A part of the scale of scores, laid from left to right.

    Attributes:
        low, high: the scores at its ends.
    """

    low: float
    high: float

    def across(self, score: float) -> float:
        """Where a score lies, in percent from the left."""
        return 100 * (score - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class BandSpan:
    """The part of a band that lies on an axis.

    Attributes:
        label: the band's word.
        css_class: what gives it its colour.
        lower, upper: scores at its ends.
    """

    label: str
    css_class: str
    lower: float
    upper: float


def css_class(label: str) -> str:
    """The class that gives an element the colours of a band."""
    return f"ps-{label.lower()}"


def spans(axis: Axis) -> list[BandSpan]:
    """The bands that lie on an axis, the best one first."""
    found, upper = [], axis.high
    for band in scale.BANDS:
        lower = max(band.lower, axis.low)
        if lower < upper:
            found.append(BandSpan(band.label, css_class(band.label), lower, upper))
            upper = lower
    return found


def page_bands() -> list[Json]:
    """The bands as the page knows them, the best one first; `from` is null for the last, which has no lower end."""
    last = scale.BANDS[-1]
    return [
        {"label": band.label, "css": css_class(band.label), "from": None if band is last else band.lower}
        for band in scale.BANDS
    ]


def bands_sentence() -> str:
    """Where the bands begin, in one sentence."""
    *named, last = scale.BANDS
    first, *others = (f"{band.label} at {band.lower:g}" for band in named)
    begins = ", ".join([first.replace(" at ", " begins at ", 1), *others])
    return f"{begins}; what is below is {last.label}."
