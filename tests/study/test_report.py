"""The figures of a study, by hand and on people that were made up."""

import csv
from pathlib import Path

import numpy as np
import pytest
from studies import answer_all, brighter, make_study, open_small

from popscore.errors import ExportFailed
from popscore.study import Answer, make_report, read_answers
from popscore.study.answer_file import UnreadableAnswers
from popscore.study.export import write_answers


def answer(session: int, pair: int, right: bool, **more: object) -> Answer:
    values = {
        "session": session, "place": pair + 1, "winner": f"w{pair}", "loser": f"l{pair}", "right": right, "left": True,
        "seconds": 2.0, "answered_s": 0.0, "changes": 0, "training": False,
    }  # fmt: skip
    return Answer(**{**values, **more})  # type: ignore[arg-type]


def test_by_hand() -> None:
    """Three people and four pairs, votes 3:0, 2:1, 0:3 and 1:1."""
    votes = [(0, "111"), (1, "110"), (2, "000"), (3, "10")]
    answers = [
        answer(person + 1, pair, vote == "1", left=person == 0, seconds=float(pair + 1))
        for pair, row in votes
        for person, vote in enumerate(row)
    ]
    answers += [answer(1, 9, True, training=True), answer(4, 9, True, training=True)]
    scores = {"w0": 1.0, "l0": 0.0, "w1": 0.0, "l1": 1.0, "w2": 0.0, "l2": 1.0, "w3": 2.0, "l3": 2.0}
    report = make_report(answers, scores=scores)
    assert (report.answers, report.training_answers, len(report.people), report.shared) == (11, 2, 3, 4)
    assert [round(person.accuracy.share, 4) for person in report.people] == [0.75, 0.5, round(1 / 3, 4)]
    assert report.alone and report.alone.share == pytest.approx((0.75 + 0.5 + 1 / 3) / 3)
    assert report.alone.interval[0] >= 1 / 3 and report.alone.interval[1] <= 0.75
    assert report.majority and (report.majority.share, report.majority.of, report.ties) == (pytest.approx(2 / 3), 3, 0)
    assert [pair.majority for pair in report.pairs] == ["winner", "winner", "loser", "tie"]
    assert [pair.model for pair in report.pairs] == ["winner", "loser", "loser", "tie"]
    assert report.model and report.model.share == pytest.approx(1 / 3)
    assert report.model_all and report.model_all.share == pytest.approx(1.5 / 4)
    assert report.model_majority and report.model_majority.share == pytest.approx(2 / 3)
    assert report.difference == pytest.approx(-1 / 3)
    # Values that differ within a pair: 2 * 2 * 1 / (3 - 1) in the second, 2 * 1 * 1 / (2 - 1) in the fourth.
    assert report.alpha == pytest.approx(1 - 10 * (2 + 2) / (11**2 / 2))
    assert report.alpha_by_truth == pytest.approx(1 - 10 * 4 / (11**2 - 6**2 - 5**2))
    assert report.left and report.left.share == pytest.approx(4 / 11)
    assert report.median_seconds == 2.0
    loose = make_report(answers, least=2)
    assert loose.majority and (loose.majority.share, loose.majority.of, loose.ties) == (2.5 / 4, 4, 1)
    assert loose.model is None and loose.difference is None


def test_people_that_were_made_up_are_found_again() -> None:
    """30 people on 300 pairs of various difficulty; one is right in 66.6 of 100 cases, as in the paper."""
    random = np.random.default_rng(4)
    chances = random.beta(4, 2, size=300)
    answers = [
        answer(person, pair, bool(random.random() < chances[pair]), left=bool(random.random() < 0.5))
        for person in range(1, 31)
        for pair in range(300)
    ]
    report = make_report(answers, scores={f"{kind}{n}": random.random() for n in range(300) for kind in "wl"})
    assert report.alone and report.alone.interval[0] < float(chances.mean()) < report.alone.interval[1]
    assert report.majority and report.majority.share > report.alone.share + 0.1
    # One person's agreement with another beyond chance: the variance of the chances, four times.
    expected = float(np.mean((2 * chances - 1) ** 2))
    assert report.alpha_interval and report.alpha_interval[0] < expected < report.alpha_interval[1]
    assert report.alpha == pytest.approx(expected, abs=0.03)
    assert report.left and report.left.interval[0] < 0.5 < report.left.interval[1]
    assert report.model and report.model.interval[0] < 0.5 < report.model.interval[1]
    assert report.difference_interval and report.difference_interval[1] < 0


def test_few_answers_and_none() -> None:
    nothing = make_report([])
    assert nothing.to_json()["pairs"] == 0 and nothing.majority is nothing.alpha is nothing.alone is None
    one = make_report([answer(1, 0, True, seconds=None)], scores={"w0": 1.0})
    assert one.alone and one.alone.interval[0] < 0.3
    assert (one.alpha, one.majority, one.model_all, one.median_seconds) == (None, None, None, None)
    alike = make_report([answer(person, 0, True) for person in (1, 2, 3)])
    assert (alike.alpha, alike.alpha_by_truth, alike.alpha_interval) == (1.0, None, None)
    with pytest.raises(ValueError, match="majority"):
        make_report([], least=0)


def test_the_table_says_nothing_about_people(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    sessions = [study.begin().session for _ in range(2)]
    for session in sessions:
        answer_all(study, session, brighter)
    answers = [*read_answers(study.answers.path), answer(3, 0, False, winner="=1+1", seconds=None)]
    write_answers(answers, tmp_path / "answers.csv")
    text = (tmp_path / "answers.csv").read_text(encoding="utf-8")
    assert not any(session in text for session in sessions)
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == [
        "session", "place", "winner", "loser", "chosen", "side", "right", "seconds", "changes", "training",
    ]  # fmt: skip
    assert len(rows) == 41 and {row["session"] for row in rows} == {"1", "2", "3"}
    assert sum(row["training"] == "1" for row in rows) == 16
    assert rows[0]["chosen"] == rows[0]["winner"] and rows[0]["right"] == "1"
    assert rows[-1]["winner"] == "'=1+1" and rows[-1]["seconds"] == ""
    with pytest.raises(ExportFailed):
        write_answers(answers, tmp_path)
    with pytest.raises(ExportFailed):
        write_answers(answers, "/dev/full")


@pytest.mark.parametrize("content", [None, b"", b"winner,loser\n", b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_file_of_answers_says_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableAnswers, match=r"x\.sqlite has no answers that can be read"):
        read_answers(path)
    assert path.exists() == (content is not None)
