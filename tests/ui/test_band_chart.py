"""The bands on a scale: what every chart is drawn over."""

import math
from itertools import pairwise

import pytest

from popscore import scale
from popscore.ui.kit.band_chart import Axis, bands_sentence, css_class, page_bands, spans


@pytest.mark.parametrize(("low", "high"), [(-2.0, 8.0), (2.5, 3.5), (-9.0, -1.0), (4.0, 5.0), (0.0, 2.0)])
def test_the_spans_cover_the_axis_without_a_gap(low: float, high: float) -> None:
    found = spans(Axis(low, high))
    assert (found[0].upper, found[-1].lower) == (high, low)
    assert all(better.lower == worse.upper for better, worse in pairwise(found))
    for span in found:
        middle = (span.lower + span.upper) / 2
        assert scale.band(middle).label == span.label
        assert span.css_class == css_class(span.label)


def test_an_axis_goes_from_none_to_all() -> None:
    axis = Axis(-1.0, 3.0)
    assert [axis.across(score) for score in (-1.0, 0.0, 3.0)] == [0.0, 25.0, 100.0]


def test_the_page_gets_the_bands_of_the_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    bands = (
        scale.Band("Splendid", "#000000", 7.5),
        scale.Band("Plain", "#111111", 1.0),
        scale.Band("Dull", "#222222", -math.inf),
    )
    monkeypatch.setattr(scale, "BANDS", bands)
    assert [(band["label"], band["from"]) for band in page_bands()] == [
        ("Splendid", 7.5),
        ("Plain", 1.0),
        ("Dull", None),
    ]
    assert [span.label for span in spans(Axis(0.0, 9.0))] == ["Splendid", "Plain", "Dull"]
    assert bands_sentence() == "Splendid begins at 7.5, Plain at 1; what is below is Dull."
