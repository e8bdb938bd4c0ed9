"""The most pairs, and of these the ones with the largest total probability: against networkx, which is another
program."""

import math
from itertools import combinations

import networkx
import numpy as np
import pytest

from popscore.posts import matching
from popscore.posts.constraints import DAY_MS, Constraints
from popscore.posts.matching import Matching, allowed, match

PAPER = Constraints()


def matched(groups: list[int], days: list[float], likes: list[float], **options: float | None) -> Matching:
    wanted = {"window_ms": PAPER.window_ms, "least_gap": PAPER.least_gap, "sigma": 0.3, **options}
    return match(
        np.array(groups, np.int64),
        np.array([round(day * DAY_MS) for day in days], np.int64),
        np.log(np.array(likes, np.float64)),
        **wanted,  # type: ignore[arg-type]
    )


def pairs_of(found: Matching) -> set[tuple[int, int]]:
    return set(zip(found.winners.tolist(), found.losers.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_as_many_and_as_probable_as_an_exact_matching(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(120):
        posts = int(random.integers(0, 26))
        groups = random.integers(0, random.integers(1, 4), posts).astype(np.int64)
        times = random.integers(0, int(random.choice([8, 20, 60, 120]) * DAY_MS), posts).astype(np.int64)
        if random.random() < 0.3:
            times = times // DAY_MS * DAY_MS
        scores = np.log(np.exp(random.normal(6, random.choice([0.4, 0.8, 1.2]), posts)).round())
        least = Constraints(threshold=float(random.choice([0.95, 0.7, 0.5]))).least_gap
        found = match(groups, times, scores, window_ms=10 * DAY_MS, least_gap=least, sigma=0.3)
        graph = networkx.Graph()
        for a, b in combinations(range(posts), 2):
            gap = abs(scores[a] - scores[b])
            if groups[a] == groups[b] and abs(times[a] - times[b]) <= 10 * DAY_MS and gap >= least and gap > 0:
                graph.add_edge(a, b, weight=0.5 * math.erfc(-gap / 0.6))
        exact = networkx.max_weight_matching(graph, maxcardinality=True)
        used = [*found.winners.tolist(), *found.losers.tolist()]
        assert len(used) == len(set(used))
        assert all(graph.has_edge(a, b) and scores[a] > scores[b] for a, b in pairs_of(found))
        assert len(found.winners) == len(exact)
        own = sum(graph[a][b]["weight"] for a, b in pairs_of(found))
        assert own == pytest.approx(sum(graph[a][b]["weight"] for a, b in exact), abs=1e-9)


def test_a_greedy_choice_would_find_fewer() -> None:
    # 1 and 2 are the most different, but then neither 0 nor 3 has a partner.
    found = matched([0] * 4, [0, 9, 12, 20], [100, 300, 100, 250])
    assert pairs_of(found) == {(1, 0), (3, 2)}


def test_three_that_all_may_be_paired_give_the_most_probable_pair() -> None:
    assert pairs_of(matched([0] * 3, [0, 1, 2], [100, 210, 450])) == {(2, 0)}


def test_one_window_many_posts_pairs_the_halves_in_order() -> None:
    likes = [100, 120, 140, 300, 350, 400]
    assert pairs_of(matched([0] * 6, [0] * 6, likes)) == {(3, 0), (4, 1), (5, 2)}


@pytest.mark.parametrize(
    ("days", "likes", "count"),
    [
        ([0, 10], [100, 201], 1),  # exp(.698) = 2.0094
        ([0, 10], [100, 200], 0),
        ([0, 10.001], [100, 300], 0),
        ([0, 1], [100, 100], 0),
    ],
)
def test_the_edges_of_the_constraints(days: list[float], likes: list[float], count: int) -> None:
    assert len(matched([0, 0], days, likes).winners) == count


def test_groups_and_windows() -> None:
    assert len(matched([0, 1], [0, 0], [100, 900]).winners) == 0
    assert len(matched([0, 0], [0, 5000], [100, 900], window_ms=None).winners) == 1
    assert len(matched([], [], []).winners) == 0
    assert pairs_of(matched([0, 0], [0, 0], [100, 101], least_gap=0.0)) == {(1, 0)}


def test_the_order_of_posts_does_not_matter() -> None:
    random = np.random.default_rng(3)
    groups, days, likes = random.integers(0, 3, 80), random.uniform(0, 90, 80), random.uniform(50, 900, 80)
    first = matched(groups.tolist(), days.tolist(), likes.tolist())
    order = random.permutation(80)
    second = matched(groups[order].tolist(), days[order].tolist(), likes[order].tolist())
    assert pairs_of(first) == {(int(order[a]), int(order[b])) for a, b in pairs_of(second)}


def test_portions_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    posts = (
        random.integers(0, 9, 400).tolist(),
        random.uniform(0, 90, 400).tolist(),
        random.uniform(50, 900, 400).tolist(),
    )
    whole = pairs_of(matched(*posts))
    monkeypatch.setattr(matching, "_AT_ONCE", 7)
    monkeypatch.setattr(matching, "_MOST_NEAR", 10**6)
    assert pairs_of(matched(*posts)) == whole


def test_what_would_take_too_long_is_left_out_and_the_rest_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    groups = [0] * 60 + [1] * 2
    days, likes = [*random.uniform(0, 60, 60), 0, 0], [*random.uniform(50, 900, 60), 100, 900]
    monkeypatch.setattr(matching, "MAX_WORK", 100)
    found = matched(groups, days, likes)
    assert (61, 60) in pairs_of(found) and [one.posts > 30 for one in found.too_large] == [True]
    monkeypatch.setattr(matching, "_MOST_NEAR", 100)
    found = matched(groups, days, likes)
    assert pairs_of(found) == {(61, 60)} and found.too_large[0].posts == 60


def test_progress() -> None:
    random = np.random.default_rng(6)
    told: list[tuple[int, int | None]] = []
    groups = np.repeat(np.arange(20), 20)
    times, scores = random.integers(0, 30 * DAY_MS, 400), random.normal(6, 1, 400)
    match(
        groups, times, scores, window_ms=10 * DAY_MS, least_gap=0.7, sigma=0.3, on_progress=lambda *at: told.append(at)
    )
    assert told == sorted(told) and told[-1][0] <= 400 and {total for _, total in told} == {told[0][1]}


def test_all_allowed_pairs() -> None:
    times, scores = np.zeros(4, np.int64), np.log([100.0, 300.0, 301.0, 900.0])
    portions = list(allowed(np.zeros(4, np.int64), times, scores, window_ms=0, least_gap=PAPER.least_gap))
    both = {pair for winners, losers in portions for pair in zip(winners.tolist(), losers.tolist(), strict=True)}
    assert both == {(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)}


def test_probability_is_that_of_the_paper() -> None:
    assert matching.win_chances(np.array([PAPER.least_gap, 0.0]), 0.3) == pytest.approx([0.95, 0.5])
    assert math.exp(PAPER.least_gap) == pytest.approx(2.009, abs=5e-4)
