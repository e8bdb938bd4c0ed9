"""The local popularity score: how a post did among those of its month."""

import numpy as np
import pytest

from popscore.personal.local_score import DAY_MS, MONTH_DAYS, local_scores


def scores_of(days: list[float], likes: list[int]) -> list[float]:
    times = (np.array(days) * DAY_MS).astype(np.int64)
    return local_scores(times, np.array(likes, np.int64)).scores.tolist()


def test_it_is_likes_over_the_mean_likes_of_the_others() -> None:
    assert scores_of([0, 1, 2], [100, 50, 150]) == pytest.approx([1.0, 0.4, 2.0])


def test_the_order_of_the_posts_does_not_matter() -> None:
    assert scores_of([2, 0, 1], [150, 100, 50]) == pytest.approx([2.0, 1.0, 0.4])


def test_a_post_alone_in_its_month_is_as_usual() -> None:
    found = local_scores(np.array([0, 100 * DAY_MS]), np.array([5, 500]))
    assert found.scores.tolist() == [1, 1]
    assert found.ratings.tolist() == [0, 0]
    assert found.others.tolist() == [0, 0]


def test_a_month_is_thirty_days_and_less() -> None:
    assert scores_of([0, MONTH_DAYS], [10, 30]) == [1, 1]
    assert scores_of([0, MONTH_DAYS - 0.001], [10, 30]) == pytest.approx([1 / 3, 3])


def test_posts_of_one_moment_are_others_to_each_other() -> None:
    assert scores_of([1, 1, 1], [10, 20, 30]) == pytest.approx([0.4, 1.0, 2.0])


def test_hidden_likes_are_no_number_and_no_neighbour() -> None:
    found = scores_of([0, 1, 2], [10, -1, 30])
    assert found[0] == pytest.approx(1 / 3)
    assert np.isnan(found[1])


def test_no_likes_at_all_are_as_usual() -> None:
    assert scores_of([0, 1], [0, 0]) == [1, 1]
    assert np.isfinite(scores_of([0, 1], [0, 7])).all()


def test_one_post_and_none() -> None:
    assert scores_of([5], [12]) == [1]
    assert scores_of([], []) == []


def test_ratings_go_by_the_median_so_that_an_outlier_makes_no_failures() -> None:
    likes = [100] * 10
    likes[4] = 100_000
    found = local_scores(np.arange(10) * DAY_MS, np.array(likes))
    assert found.scores[0] < 0.02  # its month has one enormous post
    assert found.ratings[0] == 0
    assert found.ratings[4] == 3  # cut


def test_ratings_are_the_median_of_the_others() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 120 * DAY_MS, 60))
    likes = rng.integers(0, 500, 60)
    found = local_scores(times, likes)
    for place in range(60):
        near = (abs(times - times[place]) < MONTH_DAYS * DAY_MS) & (np.arange(60) != place)
        expected = np.log2(likes[place] + 1) - np.median(np.log2(likes[near] + 1))
        assert found.ratings[place] == pytest.approx(np.clip(expected, -3, 3))
        assert found.scores[place] == pytest.approx(likes[place] / likes[near].mean())
        assert found.others[place] == near.sum()
