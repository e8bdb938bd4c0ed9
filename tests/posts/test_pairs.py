"""Pairs from posts: every constraint alone, statistics, what falls where."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from popscore.errors import InvalidSetting
from popscore.posts import Constraints, PairSet, Posts, costs, make_pairs, pairs, read_posts

LATER = datetime(2018, 1, 1, tzinfo=UTC)


def posts(folder: Path, *rows: str, head: str = "id,user,time,likes,caption,images") -> Posts:
    path = folder / "posts.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return read_posts(path)


def made(folder: Path, *rows: str, **options: Any) -> PairSet:
    return make_pairs(posts(folder, *rows), Constraints(**{"collected": LATER, **options}))


def names(found: PairSet) -> list[tuple[str, str]]:
    return [(pair.winner, pair.loser) for pair in found]


GOOD = "a,ann,2017-02-01,300,one #cat,1"
# What a second post has otherwise than allowed, and the option that allows it.
OTHERS = [
    ("b,ann,2017-02-12,100,#cat,1", {"days": 11}),
    ("b,ann,2017-02-12,100,#cat,1", {"days": None}),
    ("b,bob,2017-02-01,100,#cat,1", {"same_user": False}),
    ("b,ann,2017-02-01,100,#dog,1", {"same_tags": False}),
    ("b,ann,2017-02-01,100,#cat #cat,1", {"same_tags": False}),
    ("b,ann,2017-02-01,100,#cat @eve,1", {"same_tags": False}),
    ("b,ann,2017-02-01,100,a b c d e f g #cat,1", {"max_words": 7}),
    ("b,ann,2017-02-01,100,a b c d e f g #cat,1", {"max_words": None}),
    ("b,ann,2017-02-01,100,#cat,3", {"single_image": False}),
    ("b,ann,2017-02-01,49,#cat,1", {"min_likes": 49}),
    ("b,ann,2017-02-01,150,#cat,1", {"threshold": 0.9}),
    ("b,ann,2017-02-01,150,#cat,1", {"sigma": 0.1}),
]


@pytest.mark.parametrize(("row", "option"), OTHERS)
def test_each_constraint_and_how_to_drop_it(tmp_path: Path, row: str, option: dict[str, Any]) -> None:
    assert names(made(tmp_path, GOOD, row)) == []
    assert names(made(tmp_path, GOOD, row, **option)) == [("a", "b")]


def test_a_pair_and_what_is_known_about_it(tmp_path: Path) -> None:
    (pair,) = made(tmp_path, GOOD, "b,ann,2017-02-03T12:00:00Z,100,two words #CAT!,1")
    assert (pair.winner, pair.loser, pair.user, pair.gap_days) == ("a", "b", "ann", 2.5)
    assert (pair.winner_likes, pair.loser_likes) == (300, 100)
    assert pair.probability == pytest.approx(0.9952, abs=5e-5)  # Phi(log(3) / (sqrt(2) * .3))


def test_older_than_a_month(tmp_path: Path) -> None:
    rows = (GOOD, "b,ann,2017-02-01,100,#cat,1")
    for collected, older, count in (
        ("2017-03-02", 30, 0), ("2017-03-03", 30, 1), ("2017-02-28", "month", 0), ("2017-03-01", "month", 1),
        ("2017-02-01", 0, 1),
    ):  # fmt: skip
        found = made(tmp_path, *rows, collected=datetime.fromisoformat(collected), older_than=older)
        assert len(found) == count, (collected, older)
    newest = make_pairs(posts(tmp_path, *rows, "c,bob,2017-03-03,-1,,1"))
    assert len(newest) == 1 and newest.steps[0].fell == 1


def test_the_last_of_a_month(tmp_path: Path) -> None:
    at = Constraints(older_than="month", collected=datetime(2017, 3, 31, 12, tzinfo=UTC))
    assert at.newest_ms(posts(tmp_path, GOOD).times_ms) == datetime(2017, 2, 28, 12, tzinfo=UTC).timestamp() * 1000
    january = Constraints(older_than="month", collected=datetime(2017, 1, 5))
    assert january.newest_ms(posts(tmp_path, GOOD).times_ms) == datetime(2016, 12, 5, tzinfo=UTC).timestamp() * 1000


def test_once_or_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{name},ann,2017-02-01,{likes},,1" for name, likes in (("a", 100), ("b", 250), ("c", 600))]
    assert names(made(tmp_path, *rows)) == [("c", "a")]
    assert sorted(names(made(tmp_path, *rows, once=False))) == [("b", "a"), ("c", "a"), ("c", "b")]
    monkeypatch.setattr(pairs, "MOST_PAIRS", 2)
    with pytest.raises(InvalidSetting, match="--repeat-images"):
        made(tmp_path, *rows, once=False)
    assert costs(posts(tmp_path, *rows), Constraints(collected=LATER))["once"] is None


def test_blocks(tmp_path: Path) -> None:
    rows = [f"p{day},ann,2017-02-{day:02},{(100, 300)[day % 2]},,1" for day in range(1, 27)]
    assert len(made(tmp_path, *rows)) == 13
    assert 10 <= len(made(tmp_path, *rows, in_blocks=True)) <= 13


def test_steps_statistics_and_costs(tmp_path: Path) -> None:
    rows = [
        GOOD,
        "b,ann,2017-02-05,100,#cat,1",
        "c,ann,2017-02-01,-1,,1",
        "d,ann,2017-02-01,20,,1",
        "e,ann,2017-02-01,99,,2",
    ]
    found = made(tmp_path, *rows)
    assert [(step.fell, step.left) for step in found.steps] == [(1, 4), (1, 3), (1, 2), (0, 2), (0, 2)]
    shown = found.statistics()
    assert (shown.pairs, shown.users, shown.posts, shown.mean_likes, shown.mean_gap_days) == (1, 1, 2, 200, 4)
    assert (shown.without_tags, shown.without_mentions, shown.without_caption, shown.mean_words) == (0, 1, 0, 0.5)
    dropped = costs(posts(tmp_path, *rows), Constraints(collected=LATER))
    assert (dropped["none"], dropped["single_image"], dropped["min_likes"]) == (1, 1, 1)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [f"p{n},ann,2017-02-{1 + n % 28:02},{100 + 97 * n % 700},,1" for n in range(60)]
    assert set(names(made(tmp_path, *rows))) == set(names(made(tmp_path, *reversed(rows))))


def test_without_captions_nothing_is_said_about_them(tmp_path: Path) -> None:
    found = make_pairs(
        posts(tmp_path, "a,2017-02-01,300", "a,2017-02-01,100", head="user,time,likes"), Constraints(older_than=0)
    )
    assert names(found) == [("row-2", "row-3")]
    assert found.statistics().without_tags is None and len(found.steps) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        *({"threshold": 1}, {"threshold": 0.4}, {"sigma": 0}, {"days": -1}, {"older_than": "week"}, {"min_likes": -1}),
        *(
            {"max_words": -1},
            {"in_blocks": True, "days": None},
            {"collected": datetime(1, 1, 1)},
            {"threshold": float("nan")},
            {"days": float("inf")},
        ),
    ],
)
def test_constraints_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="No pairs can be made"):
        Constraints(**wrong)
