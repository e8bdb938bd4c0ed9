"""What people are asked, in which order, and what is kept."""

import re
import sqlite3
from pathlib import Path

import pytest
from studies import Clock, answer_all, brighter, make_study, numbered, open_small, write_pairs

from popscore.posts.table import UnreadableTable
from popscore.settings import Settings
from popscore.study import AnswerFile, load_study_pairs, open_study, read_answers
from popscore.study.errors import SessionEnded, StudyRefused, StudyUnavailable, UnknownSession
from popscore.study.study import MOST_PAIRS, SESSION_S


@pytest.fixture(scope="module")
def photos_of_30(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study") / "photos", 30).parent


@pytest.fixture
def table(photos_of_30: Path) -> Path:
    """A table of 30 pairs without answers."""
    for old in photos_of_30.glob("*.sqlite*"):
        old.unlink()
    return photos_of_30 / "pairs.csv"


def test_a_session_from_its_beginning_to_its_end(table: Path) -> None:
    study = open_small(table)
    state = study.begin()
    assert re.fullmatch(r"[\w-]{22}", state.session)
    assert (state.total, state.training, state.answered, state.next_place, state.ended) == (30, 8, 0, 0, False)
    seen = []
    for place in range(30):
        question = study.ask(state.session, place)
        assert question and question.training == (place < 8) and question.liked_more is None
        seen.append(question.pair)
        again = study.ask(state.session, place)
        assert again == question
        kept = study.answer(state.session, place, brighter(question.left, question.right))
        assert kept.liked_more == (kept.chosen if place < 8 else None)
    assert len(set(seen)) == 30
    assert study.ask(state.session, 30) is None
    outcome = study.finish(state.session)
    assert (sum(outcome.right), len(outcome.right), outcome.training, outcome.training_right) == (22, 22, 8, 8)
    assert all(winner.name.startswith("w") for winner, _ in outcome.pairs)
    assert study.finish(state.session) == outcome
    assert not outcome.by_time
    for refused in (lambda: study.ask(state.session, 3), lambda: study.answer(state.session, 9, "left")):
        with pytest.raises(SessionEnded):
            refused()


def test_which_pairs_come_is_random_and_the_same_from_the_same_seed(table: Path) -> None:
    orders = []
    for run, seed in enumerate((15, 15, 16)):
        study = open_small(table, new_name=numbered(), seed=seed)
        pairs = []
        for _ in range(2):
            session = study.begin().session
            answer_all(study, session, brighter)
            pairs.append(
                [answer.winner for answer in read_answers(study.answers.path) if answer.session == len(pairs) + 1]
            )
        orders.append(pairs)
        assert pairs[0] != pairs[1] and sorted(pairs[0]) == sorted(pairs[1])
        study.answers.close()
        study.answers.path.rename(table.parent / f"{run}.sqlite")
    assert orders[0] == orders[1] != orders[2]


def test_left_and_right_are_balanced_and_random(table: Path) -> None:
    study = open_small(table)
    patterns, lefts = set(), 0
    for _ in range(20):
        session = study.begin().session
        sides = []
        for place in range(24):
            question = study.ask(session, place)
            assert question
            sides.append(brighter(question.left, question.right))
            study.answer(session, place, "left")
        assert all(sides[block : block + 4].count("left") == 2 for block in range(0, 24, 4))
        patterns.add(tuple(sides))
        lefts += sides.count("left")
    assert len(patterns) == 20 and lefts == 240


def test_pairs_are_spread_evenly_over_people(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 40, side=8))
    for _ in range(12):
        answer_all(study, study.begin().session, brighter, until=15)
    with sqlite3.connect(study.answers.path) as connection:
        asked = [count for (count,) in connection.execute("SELECT asked FROM pairs WHERE NOT training")]
    assert len(asked) == 32
    assert max(asked) - min(asked) <= 1
    assert sum(asked) == 12 * 8  # of each person 7 are answered, and one is asked ahead
    assert sum(not answer.training for answer in read_answers(study.answers.path)) == 12 * 7


def test_who_leaves_gives_the_pairs_back(tmp_path: Path) -> None:
    clock = Clock()
    study = open_small(make_study(tmp_path, 20, side=8), clock)
    gone = study.begin().session
    answer_all(study, gone, brighter, until=8)
    study.ask(gone, 8)
    study.ask(gone, 9)
    empty = study.begin().session
    study.ask(empty, 0)
    clock.now_s += SESSION_S + 61
    study.begin()
    with sqlite3.connect(study.answers.path) as connection:
        asked = connection.execute("SELECT sum(asked) FROM pairs WHERE training = 0").fetchone()[0]
        assert asked == 0
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 2
    with pytest.raises(UnknownSession):
        study.state(empty)
    assert len(study.finish(gone).right) == 0


def test_an_answer_can_be_changed_but_not_in_training(table: Path) -> None:
    study = open_small(table)
    session = study.begin().session
    answer_all(study, session, brighter, until=9)
    question = study.ask(session, 8)
    assert question and question.chosen
    other = "right" if question.chosen == "left" else "left"
    assert study.answer(session, 8, other).chosen == other
    assert study.answer(session, 8, other).chosen == other  # sent twice
    first = study.ask(session, 0)
    assert first and first.chosen and first.liked_more == first.chosen
    assert study.answer(session, 0, first.chosen).chosen == first.chosen
    with pytest.raises(StudyRefused, match="its truth was shown"):
        study.answer(session, 0, "right" if first.chosen == "left" else "left")
    (kept,) = [answer for answer in read_answers(study.answers.path) if answer.place == 9]
    assert (kept.right, kept.changes, kept.training) == (False, 1, False)


def test_half_an_hour_and_no_more(table: Path) -> None:
    clock = Clock()
    study = open_small(table, clock)
    session = study.begin().session
    answer_all(study, session, brighter, until=10)
    study.ask(session, 10)
    study.ask(session, 11)
    clock.now_s += SESSION_S - 1
    assert study.state(session).left_s == 1
    clock.now_s += 31
    state = study.state(session)
    assert (state.ended, state.left_s) == (True, 0)
    with pytest.raises(SessionEnded):
        study.ask(session, 12)
    study.answer(session, 10, "left")  # it was on its way
    clock.now_s += 31
    with pytest.raises(SessionEnded):
        study.answer(session, 11, "left")
    outcome = study.finish(session)
    assert outcome.by_time and len(outcome.right) == 3
    assert study.finish(session) == outcome
    stopped = study.begin().session
    study.finish(stopped)
    clock.now_s += SESSION_S + 61
    assert not study.finish(stopped).by_time
    assert study.state(session).answered == 11


def test_seconds_are_kept_as_far_as_they_can_be_true(table: Path) -> None:
    clock = Clock()
    study = open_small(table, clock)
    session = study.begin().session
    for place, (sent, passed) in enumerate([(2.5, 4.0), (None, 3.0), (99.0, 1.0), (-3.0, 2.0), (float("nan"), 2.5)]):
        study.ask(session, place)
        clock.now_s += passed
        study.answer(session, place, "left", seconds=sent)
    assert [answer.seconds for answer in read_answers(study.answers.path)] == [2.5, 3.0, 1.0, 2.0, 2.5]
    assert read_answers(study.answers.path)[0].answered_s == 1_700_000_004.0


def test_what_was_not_asked_is_refused(table: Path) -> None:
    study = open_small(table)
    session = study.begin().session
    study.ask(session, 0)
    study.ask(session, 1)
    for place in (2, 29, 31, -1, 10**9):
        with pytest.raises(StudyRefused):
            study.ask(session, place)
    with pytest.raises(StudyRefused, match="was not asked"):
        study.answer(session, 2, "left")
    with pytest.raises(StudyRefused, match="neither left nor right"):
        study.answer(session, 0, "both")
    for name in ("", "nobody", "x" * 1000, "\ud800", "a' OR '1'='1"):
        for call in (study.state, study.finish, lambda name: study.ask(name, 0), lambda n: study.answer(n, 0, "left")):
            with pytest.raises(UnknownSession):
                call(name)


def test_a_restart_goes_on_where_it_was(table: Path) -> None:
    study = open_small(table)
    session = study.begin().session
    answer_all(study, session, brighter, until=12)
    ahead = study.ask(session, 12)
    study.answers.close()
    again = open_small(table)
    assert again.state(session).next_place == 12
    assert again.ask(session, 12) == ahead


def test_a_table_that_changes_keeps_its_answers(tmp_path: Path) -> None:
    table = make_study(tmp_path, 20, side=8)
    study = open_small(table)
    session = study.begin().session
    answer_all(study, session, brighter)
    study.answers.close()
    write_pairs(table, [(f"w{number}.png", f"l{number}.png") for number in range(4, 20)])
    again = open_small(table)
    assert len(read_answers(again.answers.path)) == 20
    assert again.begin().total == 16
    gone = [question for place in range(20) if (question := again.ask(session, place)) and not question.left.exists()]
    assert len(gone) == 4
    assert again.left_out() == 0


# --- pictures that vanish ------------------------------------------------------------------------------


def test_a_pair_that_vanishes_is_left_out_and_the_session_goes_on(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    session = study.begin().session
    answer_all(study, session, brighter, until=10)
    gone, ahead = study.ask(session, 10), study.ask(session, 11)
    assert gone and ahead
    study.leave_out(session, gone)
    instead = study.ask(session, 10)
    assert instead and instead.pair not in (gone.pair, ahead.pair)
    assert study.ask(session, 11) == ahead
    assert study.left_out() == 1
    answer_all(study, session, brighter)
    assert len(study.finish(session).right) == 11
    assert study.begin().total == 19


def test_all_pairs_vanish_one_after_the_other(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    session = study.begin().session
    answer_all(study, session, brighter, until=3)
    place = 3
    while (question := study.ask(session, place)) is not None:
        ahead = study.ask(session, place + 1) if place % 2 else None
        study.leave_out(session, question)
        assert ahead is None or study.ask(session, place) is not None
    state = study.state(session)
    assert (state.total, state.training, state.answered) == (3, 3, 3)
    assert study.left_out() == 17
    with pytest.raises(StudyUnavailable, match="No pair is left"):
        study.begin()
    assert study.finish(session).training_right == 3


def test_who_has_the_pictures_already_may_answer(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 4, side=8))
    first, second = (study.begin().session for _ in range(2))
    for session in (first, second):
        answer_all(study, session, brighter, until=2)
    mine = study.ask(first, 2)
    theirs = next(
        question for place in (2, 3) if (question := study.ask(second, place)) and mine and question.pair == mine.pair
    )
    study.leave_out(first, theirs)
    assert study.answer(second, theirs.place, "left").chosen == "left"
    other = study.ask(first, 2)
    assert other and other.pair != theirs.pair
    assert study.state(first).total == 4
    study.answer(first, 2, "left")
    assert study.ask(first, 3) is None and study.state(first).total == 3


def test_the_answer_stays_when_the_picture_goes(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    session = study.begin().session
    answer_all(study, session, brighter, until=10)
    question = study.ask(session, 9)
    assert question
    study.leave_out(session, question)
    assert study.ask(session, 9) == question
    assert study.state(session).answered == 10


def test_a_folder_that_cannot_be_had_is_no_fault_of_its_pairs(tmp_path: Path) -> None:
    photos = make_study(tmp_path / "photos", 20, side=8)
    table = photos.rename(tmp_path / "pairs.csv")
    study = open_study(Settings(study_pairs=table, study_images=tmp_path / "photos"))
    session = study.begin().session
    question = study.ask(session, 0)
    assert question
    (tmp_path / "photos").rename(tmp_path / "away")
    for call in (lambda: study.leave_out(session, question), lambda: study.ask(session, 1)):
        with pytest.raises(StudyUnavailable, match="cannot be had at the moment"):
            call()
    (tmp_path / "away").rename(tmp_path / "photos")
    assert study.ask(session, 1)
    assert study.left_out() == 0


# --- pairs ---------------------------------------------------------------------------------------------


def test_pairs_that_cannot_be_asked_are_counted(tmp_path: Path) -> None:
    make_study(tmp_path, 6, side=8)
    rows = [(f"w{n}.png", f"l{n}") for n in range(6)]
    rows += [("w0.png", "gone.png"), ("../secret.png", "w1.png"), ("l0.png", "w0"), ("w1", "l1.png"), ("w2", "w2.png")]
    found = load_study_pairs(write_pairs(tmp_path / "pairs.csv", [*rows, ("w3.png", "w3.png")]))
    assert (len(found.pairs), found.missing, found.repeated, found.unusable) == (6, 3, 2, 1)
    assert [pair.training for pair in found.pairs] == [True] * 3 + [False] * 3
    assert {Path(path).parent for path in found.paths.values()} == {tmp_path}


def test_a_study_that_cannot_be_says_why(tmp_path: Path) -> None:
    table = make_study(tmp_path / "photos", 3, side=8).rename(tmp_path / "pairs.csv")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "head.csv").write_text("winner,loser\n")
    for settings, error, words in [
        (Settings(), StudyUnavailable, "Set POPSCORE_STUDY to a table"),
        (Settings(study_pairs=tmp_path / "no.csv"), UnreadableTable, "no.csv"),
        (Settings(study_pairs=tmp_path / "empty.csv"), UnreadableTable, "empty.csv is empty"),
        (Settings(study_pairs=tmp_path / "head.csv"), UnreadableTable, "no pair that can be used"),
        (Settings(study_pairs=table, study_images=tmp_path / "no"), StudyUnavailable, "POPSCORE_STUDY_IMAGES"),
        (Settings(study_pairs=table, study_images=table), StudyUnavailable, "POPSCORE_STUDY_IMAGES"),
    ]:
        with pytest.raises(error, match=words):
            open_study(settings)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UnreadableTable, match="None of the 3 pairs of"):
        open_study(Settings(study_pairs=table, study_images=tmp_path / "elsewhere"))


def test_one_pair_alone_is_asked_without_training(tmp_path: Path) -> None:
    state = open_small(make_study(tmp_path, 1)).begin()
    assert (state.total, state.training) == (1, 0)


def test_a_session_has_two_hundred_pairs_at_most(tmp_path: Path) -> None:
    table = make_study(tmp_path, 2, side=8)
    for number in range(250):
        (tmp_path / f"x{number}.png").touch()
    write_pairs(table, [(f"x{number}.png", f"x{(number + 1) % 250}.png") for number in range(250)])
    assert open_small(table).begin().total == MOST_PAIRS + 8


# --- the file of answers -------------------------------------------------------------------------------


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.execute("PRAGMA application_id = 7")
    newer = tmp_path / "newer.sqlite"
    AnswerFile(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    table = make_study(tmp_path, 2, side=8)
    for path in (other, newer, table, tmp_path):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(StudyUnavailable, match=r"Name another file with POPSCORE_STUDY_ANSWERS|Check the disk"):
            AnswerFile(path)
        assert (path.read_bytes() if path.is_file() else b"") == before
    assert not list(tmp_path.glob("*.damaged"))


def test_a_damaged_file_is_put_aside_and_kept(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    answer_all(study, study.begin().session, brighter)
    study.answers.close()
    path = study.answers.path
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    again = open_small(tmp_path / "pairs.csv")
    assert again.answers.put_aside
    assert again.begin().total == 20
    assert path.with_name(f"{path.name}.damaged").exists()


def test_a_file_that_is_damaged_while_people_answer(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    study.begin()
    path = study.answers.path
    study.answers.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 50_000)
    state = study.begin()
    assert study.answers.put_aside and state.total == 20
    answer_all(study, state.session, brighter)
    assert len(read_answers(path)) == 20


def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 40, side=8))
    session = study.begin().session
    answer_all(study, session, brighter, until=10)
    # SQLite fails in the same way when its file may not grow as when the disk is full.
    study.answers.change(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(StudyUnavailable, match="full"):
        for _ in range(50):
            answer_all(study, study.begin().session, brighter)
    before = read_answers(study.answers.path)
    assert len(before) >= 10 and study.state(session).answered == 10
    study.answers.change(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    answer_all(study, session, brighter)
    assert len(read_answers(study.answers.path)) == len(before) + 30


def test_nobody_else_can_read_the_answers(table: Path) -> None:
    study = open_small(table)
    assert study.answers.path.stat().st_mode & 0o077 == 0
