"""Figures on pairs: against the plain functions of `popscore.metrics`, and by hand."""

from pathlib import Path

import numpy as np
import pytest

from popscore import metrics
from popscore.posts import Pair, UnreadableTable
from popscore.posts.evaluation import compare_scores, evaluate_pairs
from popscore.posts.evaluation_plot import draw_evaluation, write_plot
from popscore.posts.pair_scores import PhotoNames, read_scores, scored_pairs

RANDOM = np.random.default_rng(7)


def pair(number: int, user: str = "u", **more: object) -> Pair:
    known: dict[str, object] = {"probability": 0.97, "gap_days": 2.0, "winner_likes": 300, "loser_likes": 100, **more}
    return Pair(winner=f"w{number}", loser=f"l{number}", user=user, **known)  # type: ignore[arg-type]


def test_by_hand() -> None:
    found = evaluate_pairs([pair(n) for n in range(4)], [2, 2, 2, 1], [1, 1, 2, 4])
    assert (found.accuracy, found.ties, found.pairs) == (0.625, 1, 4)
    assert found.interval == metrics.wilson_interval(0.625, 4)
    assert found.interval_by_user is None  # of one user alone nobody else can be drawn
    # log2(2) - log2(3) twice, 0 - log2(3), log2(1/4) - log2(3)
    squares = [(1 - 1.58496) ** 2, (1 - 1.58496) ** 2, 1.58496**2, (2 + 1.58496) ** 2]
    assert found.ratio_mse == pytest.approx(np.mean(squares), abs=1e-4)
    assert [(part.name, part.pairs) for part in found.by_likes] == [("3 to 5 times the likes", 4)]
    assert [(part.name, part.pairs) for part in found.by_days] == [("1 to 3 days", 4)]


def test_correlations_are_means_over_users() -> None:
    pairs, won, lost = [], [], []
    for number in range(60):
        low = int(RANDOM.integers(50, 100))
        more = {"winner_likes": low * int(RANDOM.integers(2, 5)), "loser_likes": low}
        pairs.append(pair(number, f"u{number % 7}" if number < 58 else f"alone{number}", **more))
        won.append(float(RANDOM.integers(0, 6)))
        lost.append(float(RANDOM.integers(0, 6)))
    found = evaluate_pairs(pairs, won, lost)
    linear, ranked = [], []
    for user in range(7):
        mine = [place for place, one in enumerate(pairs) if one.user == f"u{user}"]
        scores = [won[place] for place in mine] + [lost[place] for place in mine]
        likes = [float(pairs[p].winner_likes or 0) for p in mine] + [float(pairs[p].loser_likes or 0) for p in mine]
        linear.append(metrics.plcc(scores, np.log(likes)))
        ranked.append(metrics.srcc(scores, likes))
    assert found.groups == 7  # two photos have no correlation worth the name
    assert found.plcc == pytest.approx(np.mean(linear)) and found.srcc == pytest.approx(np.mean(ranked))


def test_without_likes_or_users_the_figures_that_need_them_are_missing() -> None:
    bare = [Pair(winner="a", loser="b", user="", probability=None, gap_days=None)] * 3
    found = evaluate_pairs(bare, [1, 2, 3], [0, 0, 0])
    assert (found.plcc, found.srcc, found.ratio_mse, found.interval_by_user, found.users) == (None, None, None, None, 0)
    assert not found.by_user and not found.by_likes and not found.by_days
    negative = evaluate_pairs([pair(0)], [-1], [-2])
    assert (negative.ratio_mse, negative.ratio_pairs) == (None, 0)


def test_calibration() -> None:
    gaps = RANDOM.normal(0, 2, 20_000)
    wins = RANDOM.random(20_000) < 1 / (1 + np.exp(-gaps / 0.5))
    won, lost = np.where(wins, gaps, 0), np.where(wins, 0, gaps)
    pairs = [pair(n) for n in range(20_000)]
    assert evaluate_pairs(pairs, won, lost, win_scale=0.5).ece < 0.01
    wrong = evaluate_pairs(pairs, won, lost, win_scale=2)
    assert wrong.ece > 0.1 and wrong.reliability[0].accuracy > (wrong.reliability[0].mean_probability or 1)


def test_the_interval_over_users_is_wider_where_pairs_of_a_user_are_alike() -> None:
    pairs = [pair(n, f"u{n // 20}") for n in range(400)]
    won = np.repeat([1.0, -1.0, 1.0, 1.0], 100)
    found = evaluate_pairs(pairs, won, np.zeros(400))
    assert found.interval_by_user is not None
    low, high = found.interval_by_user
    assert low < found.interval[0] < 0.75 < found.interval[1] < high
    assert evaluate_pairs(pairs, won, np.zeros(400)) == found  # the same draws each time


def test_two_sets_of_scores() -> None:
    pairs = [pair(n, f"u{n % 40}") for n in range(400)]
    first, second = np.ones(400), np.ones(400)
    first[:100], second[:40] = -1, -1
    found = compare_scores(pairs, (first, np.zeros(400)), (second, np.zeros(400)))
    assert (found.accuracy, found.only_first, found.only_second, found.by) == (0.15, 0, 60, "users")
    assert found.interval[0] > 0.1
    same = compare_scores(pairs, (first, np.zeros(400)), (first, np.zeros(400)))
    assert (same.accuracy, same.interval) == (0, (0, 0))


@pytest.mark.parametrize(
    ("won", "lost", "scale"), [([1], [1, 2], 1), ([], [], 1), ([float("nan")], [1], 1), ([1], [1], 0)]
)
def test_what_cannot_be_measured(won: list[float], lost: list[float], scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale|score"):
        evaluate_pairs([pair(0)] * len(won), won, lost, win_scale=scale)


def test_scores_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("rank,file,score\n1,w0,3.5\n2,l0,nan\n3,l1,x\n4,w1,2\n5,l2,1\n6,w2,-1\n")
    scores = read_scores(tmp_path / "s.csv")
    assert scores == {"w0": 3.5, "w1": 2, "l2": 1, "w2": -1}
    kept, won, lost = scored_pairs([pair(0), pair(1), pair(2)], scores)
    assert (kept.tolist(), won.tolist(), lost.tolist()) == ([2], [-1], [1])
    (tmp_path / "s.csv").write_text("file,points\na,1\n")
    with pytest.raises(UnreadableTable, match="no column score"):
        read_scores(tmp_path / "s.csv")


def test_photos_are_found_by_path_name_and_stem_and_nowhere_else() -> None:
    there = PhotoNames(["a.jpg", "2016/b.png", "2017/b.png", "2017/c.webp", "in\\d.jpg", "code.x"])
    names = ("a.jpg", "a", "2016/b.png", "b", "b.png", "c", "d", "../a.jpg", "/etc/passwd", "code", "code.x", "")
    assert {name: place for name in names if (place := there.find(name))} == {
        "a.jpg": "a.jpg", "a": "a.jpg", "2016/b.png": "2016/b.png", "c": "2017/c.webp", "d": "in\\d.jpg",
        "code.x": "code.x",
    }  # fmt: skip


def test_the_picture(tmp_path: Path) -> None:
    found = evaluate_pairs([pair(n) for n in range(4)], [2, 2, 2, 1], [1, 1, 2, 4])
    picture = draw_evaluation([("a" * 300, found), ("other\n", found)])
    assert picture.size == (1500, 560) and len(picture.getcolors(10_000) or []) > 20
    write_plot([("a", found)], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
