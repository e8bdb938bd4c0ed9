"""Values that every door answers with: one place for ranks, and for what a score means on a scale."""

from dataclasses import replace

import numpy as np
import pytest

from popscore.models.spec import I2PA_SPEC
from popscore.results import RankedPhoto, competition_ranks, scored_photo


@pytest.mark.parametrize(
    ("scores", "ranks"),
    [([], []), ([1.0], [1]), ([1.0, 3.0, 2.0], [3, 1, 2]), ([2.0, 2.0, 1.0, 3.0], [2, 2, 4, 1]), ([0.0, -0.0], [1, 1])],
)
def test_competition_ranks(scores: list[float], ranks: list[int]) -> None:
    assert competition_ranks(scores) == ranks


@pytest.mark.parametrize("seed", range(20))
def test_a_rank_is_one_more_than_the_number_of_better_ones(seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 8, seed).astype(float).tolist()
    assert competition_ranks(scores) == [1 + sum(other > score for other in scores) for score in scores]


def test_a_score_has_its_place_on_the_scale_of_its_model() -> None:
    photo = scored_photo("a.jpg", 4.0, (40, 30), I2PA_SPEC)
    assert (photo.file, photo.label, photo.color, photo.width, photo.height) == (
        "a.jpg",
        "Excellent",
        "#10B981",
        40,
        30,
    )
    assert photo.percentile == pytest.approx(74.9, abs=0.05)
    other = scored_photo("a.jpg", 4.0, (40, 30), replace(I2PA_SPEC, reference_mean=4.0))
    assert other.percentile == pytest.approx(50)


def test_a_photo_becomes_a_ranked_one_with_nothing_lost() -> None:
    photo = scored_photo("a.jpg", 1.5, (40, 30), I2PA_SPEC)
    ranked = RankedPhoto.of(photo, rank=3, index=7, gap=None, too_close=False, tier=2)
    assert ranked.to_json() == {**photo.to_json(), "rank": 3, "gap": None, "too_close": False, "tier": 2}
