import math
from statistics import NormalDist

import pytest

from popscore import scale
from popscore.scale import band, percentile, win_probability


@pytest.mark.parametrize(("score", "expected"), [(0, 2.8), (2, 26.8), (4, 74.9)])
def test_percentiles_of_the_paper(score: float, expected: float) -> None:
    assert round(percentile(score), 1) == expected


def test_percentile_is_the_normal_distribution() -> None:
    reference = NormalDist(2.96, 1.55)
    for step in range(-30, 90):
        score = step / 10
        assert percentile(score) == pytest.approx(100 * reference.cdf(score), abs=1e-9)


def test_percentile_of_another_population() -> None:
    assert percentile(10, mean=10, std=2) == 50
    assert percentile(12, mean=10, std=2) == pytest.approx(84.1345, abs=1e-4)


def test_percentile_edges() -> None:
    assert percentile(-math.inf) == 0 and percentile(math.inf) == 100
    assert 0 <= percentile(-1e300) <= percentile(1e300) <= 100
    assert percentile(2.96) == 50
    # Far tails keep their digits: 1 - Phi would have lost them.
    assert 0 < percentile(-10) < 1e-13


@pytest.mark.parametrize(
    "arguments",
    [
        {"score": math.nan},
        {"score": 1, "mean": math.nan},
        {"score": 1, "std": 0},
        {"score": 1, "std": -1},
        {"score": 1, "std": math.nan},
    ],
)
def test_percentile_refuses(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(**arguments)


@pytest.mark.parametrize(
    ("score", "label", "color"),
    [
        (math.inf, "Excellent", "#10B981"),
        (4.0, "Excellent", "#10B981"),
        (math.nextafter(4, 0), "Good", "#3B82F6"),
        (2.0, "Good", "#3B82F6"),
        (math.nextafter(2, 0), "Fair", "#F59E0B"),
        (0.0, "Fair", "#F59E0B"),
        (-0.0, "Fair", "#F59E0B"),
        (math.nextafter(0, -1), "Poor", "#EF4444"),
        (-math.inf, "Poor", "#EF4444"),
    ],
)
def test_bands(score: float, label: str, color: str) -> None:
    assert (band(score).label, band(score).color) == (label, color)


def test_no_band_for_nan() -> None:
    with pytest.raises(ValueError, match="no band"):
        band(math.nan)


def test_win_probability() -> None:
    assert win_probability(3, 3) == 0.5
    assert win_probability(3, 2) == pytest.approx(1 / (1 + math.exp(-1)))
    assert win_probability(3, 1, win_scale=2) == win_probability(3, 2)


def test_win_probability_is_symmetric_and_stable() -> None:
    for gap in (0, 1e-9, 0.3, 5, 36, 700, 1e6, 1e308, math.inf):
        forward, backward = win_probability(gap, 0), win_probability(0, gap)
        assert 0 <= backward <= 0.5 <= forward <= 1
        assert forward + backward == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("a", "b", "win_scale"),
    [(math.nan, 0, 1), (0, math.nan, 1), (math.inf, math.inf, 1), (1, 0, 0), (1, 0, -1), (1, 0, math.nan)],
)
def test_win_probability_refuses(a: float, b: float, win_scale: float) -> None:
    with pytest.raises(ValueError, match="no win probability"):
        win_probability(a, b, win_scale=win_scale)


def test_the_constants_are_those_of_the_paper() -> None:
    assert (scale.I2PA_REFERENCE_MEAN, scale.I2PA_REFERENCE_STD) == (2.96, 1.55)
