"""popscore.metrics against scipy, an account by other people, and against what the definitions say by hand."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize, stats

from popscore import metrics

Floats = npt.NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def with_ties(rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Two lists that belong together somewhat, with many equal values in each."""
    first = rng.integers(0, 12, count).astype(float)
    return first, np.round(first + rng.normal(0, 4, count))


# --- pairs -------------------------------------------------------------------------------------------


def test_pairwise_accuracy() -> None:
    assert metrics.pairwise_accuracy([3.0, 2.0], [1.0, 1.0]) == 1
    assert metrics.pairwise_accuracy([1.0], [2.0]) == 0
    assert metrics.pairwise_accuracy([2.0, 1.0, 1.0, 5.0], [1.0, 2.0, 1.0, 4.0]) == (1 + 0 + 0.5 + 1) / 4


def test_pairwise_accuracy_of_all_pairs_is_the_share_not_swapped(rng: np.random.Generator) -> None:
    truth, scores = rng.permutation(40).astype(float), rng.normal(size=40)
    better, worse = np.nonzero(truth[:, None] > truth[None])
    accuracy = metrics.pairwise_accuracy(scores[better], scores[worse])
    assert accuracy == pytest.approx(1 - metrics.swapped_pairs(truth, scores))


@pytest.mark.parametrize(
    ("winners", "losers", "words"),
    [
        ([1.0, 2.0], [1.0], "one length"),
        ([], [], "too few values: 0"),
        ([[1.0]], [[2.0]], "shapes"),
    ],
)
def test_pairs_that_are_none(winners: list[float], losers: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        metrics.pairwise_accuracy(winners, losers)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize(("wins", "count"), [(0, 1), (1, 1), (3, 7), (50, 100), (997, 1000), (38_325, 50_000)])
def test_interval_is_scipys(wins: int, count: int, level: float) -> None:
    low, high = metrics.wilson_interval(wins / count, count, level=level)
    wanted = stats.binomtest(wins, count).proportion_ci(level, method="wilson")
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert 0 <= low <= wins / count <= high <= 1


def test_interval_of_a_share_with_ties_lies_between() -> None:
    assert metrics.wilson_interval(0.5, 10)[0] < metrics.wilson_interval(0.55, 10)[0] < 0.55


@pytest.mark.parametrize(("share", "count", "level"), [(0.5, 0, 0.95), (1.1, 9, 0.95), (-0.1, 9, 0.9), (0.5, 9, 1.0)])
def test_interval_of_nothing(share: float, count: int, level: float) -> None:
    with pytest.raises(ValueError, match="no interval"):
        metrics.wilson_interval(share, count, level=level)


def test_swapped_pairs() -> None:
    assert metrics.swapped_pairs([1.0, 2, 3], [1.0, 2, 3]) == 0
    assert metrics.swapped_pairs([1.0, 2, 3], [3.0, 2, 1]) == 1
    assert metrics.swapped_pairs([1.0, 2, 3], [2.0, 1, 3]) == pytest.approx(1 / 3)
    assert metrics.swapped_pairs([1.0, 2, 3], [1.0, 1, 3]) == pytest.approx(1 / 6)
    assert metrics.swapped_pairs([1.0, 1, 3], [1.0, 2, 3]) == pytest.approx(1 / 6)


def test_swapped_pairs_is_kendalls_tau_turned_round(rng: np.random.Generator) -> None:
    before = rng.normal(size=60)
    after = before + rng.normal(size=60)
    tau = stats.kendalltau(before, after).statistic
    assert metrics.swapped_pairs(before, after) == pytest.approx((1 - tau) / 2, abs=1e-12)


@pytest.mark.parametrize("figure", [metrics.swapped_pairs, metrics.plcc, metrics.srcc])
def test_two_values_at_least_and_as_many(figure: object) -> None:
    assert callable(figure)
    with pytest.raises(ValueError, match="too few values: 1"):
        figure([1.0], [1.0])
    with pytest.raises(ValueError, match="one length"):
        figure([1.0, 2.0], [1.0, 2.0, 3.0])


# --- correlations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 50, 1000])
def test_correlations_are_scipys(rng: np.random.Generator, count: int) -> None:
    first = rng.normal(size=count)
    second = first + rng.normal(size=count)
    assert metrics.plcc(first, second) == pytest.approx(stats.pearsonr(first, second).statistic, abs=1e-12)
    assert metrics.srcc(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_ties_get_their_mean_rank(rng: np.random.Generator) -> None:
    first, second = with_ties(rng, 200)
    assert metrics.srcc(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_correlation_with_a_constant_is_no_number() -> None:
    assert math.isnan(metrics.plcc([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]))
    assert math.isnan(metrics.srcc([1.0, 2.0, 3.0], [7.0, 7.0, 7.0]))


# --- probabilities -----------------------------------------------------------------------------------


def test_calibration_error_by_hand() -> None:
    assert metrics.calibration_error([0.25, 0.25, 0.25, 0.25], [True, False, False, False]) == 0
    assert metrics.calibration_error([1.0, 0.0], [True, False]) == 0
    assert metrics.calibration_error([0.9, 0.9, 0.1], [False, False, False]) == pytest.approx((2 * 0.9 + 0.1) / 3)


@pytest.mark.parametrize("bins", [1, 5, 10, 15])
def test_calibration_error_is_scipys(rng: np.random.Generator, bins: int) -> None:
    chances = rng.random(5000)
    won = rng.random(5000) < chances**1.5
    edges = np.linspace(0, 1, bins + 1)
    said, _, _ = stats.binned_statistic(chances, chances, "mean", edges)
    seen, _, _ = stats.binned_statistic(chances, won.astype(float), "mean", edges)
    size, _, _ = stats.binned_statistic(chances, chances, "count", edges)
    wanted = float((np.abs(said - seen) * size).sum() / size.sum())
    assert metrics.calibration_error(chances, won, bins=bins) == pytest.approx(wanted, abs=1e-12)


def test_calibration_error_of_what_is_no_probability() -> None:
    for wrong in ([1.2], [-0.1], [math.nan]):
        with pytest.raises(ValueError, match="from 0 to 1"):
            metrics.calibration_error(wrong, [True])
    with pytest.raises(ValueError, match="too few"):
        metrics.calibration_error([], [])


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_win_scale_is_the_one_that_made_the_outcomes(rng: np.random.Generator, scale: float) -> None:
    gaps = rng.normal(0, 2 * scale, 20_000)
    won = rng.random(20_000) < 1 / (1 + np.exp(-gaps / scale))
    found = metrics.fit_win_scale(gaps, won)
    assert found == pytest.approx(scale, rel=0.05)

    def loss(log_scale: float) -> float:
        return float(np.logaddexp(0, -np.where(won, gaps, -gaps) / np.exp(log_scale)).mean())

    wanted = optimize.minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded").x
    assert found == pytest.approx(np.exp(wanted), rel=2e-4)


def test_win_scale_stays_in_range() -> None:
    assert metrics.fit_win_scale([1.0, -1.0], [True, False]) == pytest.approx(0.01, rel=1e-3)
    assert metrics.fit_win_scale([1.0, -1.0], [False, True]) == pytest.approx(100, rel=1e-3)


# --- the distribution --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 10, 500])
def test_distance_from_normal_is_scipys(rng: np.random.Generator, count: int) -> None:
    values = rng.gamma(2, size=count)
    wanted = stats.kstest(values, stats.norm(values.mean(), values.std()).cdf).statistic
    assert metrics.distance_from_normal(values) == pytest.approx(wanted, abs=1e-12)


def test_distance_from_normal_of_equal_values() -> None:
    for wrong in ([3.0, 3.0], [1.0], []):
        with pytest.raises(ValueError, match="two values that differ"):
            metrics.distance_from_normal(wrong)
