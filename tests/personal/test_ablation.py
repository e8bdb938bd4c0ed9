"""What each part of a bank brings, asked of posts by those before them."""

from types import SimpleNamespace

import pytest
from simulated_posts import MODEL, START_MS, simulated

from popscore.errors import BankRefused
from popscore.personal.ablation import Ablation, ablation
from popscore.personal.local_score import DAY_MS


def table(posts: int, **options: float) -> Ablation:
    stored = simulated(posts, **options).stored  # type: ignore[arg-type]
    bank = SimpleNamespace(stored=stored, at_ms=START_MS + 10_000 * DAY_MS)
    return ablation(bank, MODEL)  # type: ignore[arg-type]


def test_all_ways_judge_the_same_pairs_and_the_past_helps() -> None:
    found = table(120, days=1.0)
    by_name = {row.name: row.accuracy for row in found.rows}
    assert len(by_name) == 11
    assert by_name["general and learnt taste (what --bank gives)"] > by_name["general model"]
    assert all(row.low < row.accuracy < row.high for row in found.rows)
    assert found.pairs > 100
    lines = found.text().splitlines()
    assert len(lines) == 12
    assert "pairs of 120 posts, within 7 days" in lines[0]


def test_without_poses_their_rows_are_left_out() -> None:
    stored = simulated(60, days=1.0).stored
    bank = SimpleNamespace(stored=stored.__class__(**{**stored.__dict__, "with_people": 0}), at_ms=2**50)
    names = [row.name for row in ablation(bank, MODEL).rows]  # type: ignore[arg-type]
    assert names == [
        "general model",
        "general and learnt taste (what --bank gives)",
        "general and neighbours: caption or picture",
    ]


@pytest.mark.parametrize("posts", [0, 1, 2])
def test_too_few_posts_are_a_sentence(posts: int) -> None:
    with pytest.raises(BankRefused, match="Add more posts"):
        table(posts)
