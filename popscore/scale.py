"""From a score to a percentile, a band with its colour, and a win probability.

Source of the numbers: Ding, Ma & Wang 2019 (score distribution, RankNet probability) and the PopScore
browser app (bands and colours).
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """A range of scores with a name: from `lower` (inclusive) up to the next band."""

    label: str
    color: str
    lower: float


BANDS = (
    Band("Excellent", "#10B981", 4.0),
    Band("Good", "#3B82F6", 2.0),
    Band("Fair", "#F59E0B", 0.0),
    Band("Poor", "#EF4444", -math.inf),
)

# Scores of the I2PA model on 100,000 photos are normal with this mean and standard deviation.
I2PA_REFERENCE_MEAN = 2.96
I2PA_REFERENCE_STD = 1.55


def band(score: float) -> Band:
    """The band that a score lies in. Raises ValueError for a score that is not a number."""
    if math.isnan(score):
        raise ValueError("a score that is not a number has no band")
    return next(candidate for candidate in BANDS if score >= candidate.lower)


def percentile(score: float, *, mean: float = I2PA_REFERENCE_MEAN, std: float = I2PA_REFERENCE_STD) -> float:
    """Share of the model's reference population that scores lower, 0 to 100.

    The population is taken as normal: 100 * Phi((score - mean) / std).

    Raises:
        ValueError: `std` is not above 0, or a value is not a number.
    """
    if not std > 0 or math.isnan(score) or math.isnan(mean):
        raise ValueError(f"no percentile for score {score}, mean {mean}, standard deviation {std}")
    return 50.0 * math.erfc((mean - score) / (std * math.sqrt(2.0)))


def win_probability(score_a: float, score_b: float, *, win_scale: float = 1.0) -> float:
    """Probability that A is the more popular one: sigmoid((score_a - score_b) / win_scale).

    Args:
        win_scale: score difference worth one unit of log odds; 1 for an I2PA model, whose RankNet
            training makes the plain difference the log odds.

    Raises:
        ValueError: `win_scale` is not above 0, or a score is not a number.
    """
    log_odds = (score_a - score_b) / win_scale if win_scale > 0 else math.nan
    if math.isnan(log_odds):
        raise ValueError(f"no win probability for scores {score_a} and {score_b} at scale {win_scale}")
    # Both branches keep exp() from overflowing.
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    return math.exp(log_odds) / (1.0 + math.exp(log_odds))
