"""Many people answer at the same time, in threads and in processes, and a process is killed in the middle."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from commands import ROOT, environment
from studies import answer_all, brighter, make_study, open_small, write_pairs

from popscore.study import read_answers

# One person, in a process of its own: begins, answers, and says after each answer that it was told it is kept.
_PERSON = """
import sys
from pathlib import Path
from popscore.settings import Settings
from popscore.study import open_study

study = open_study(Settings(study_pairs=Path(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    state = study.begin()
    for place in range(state.total):
        question = study.ask(state.session, place)
        study.answer(state.session, place, "left")
        print(state.session, place, flush=True)
"""


def person(table: Path, sessions: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _PERSON, str(table), str(sessions)],
        cwd=ROOT, env=environment(table.parent), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return make_study(tmp_path, 16, side=8)


def test_forty_people_in_threads(table: Path) -> None:
    study = open_small(table)

    def take_part(_: int) -> str:
        session = study.begin().session
        answer_all(study, session, brighter)
        return session

    with ThreadPoolExecutor(40) as people:
        assert len(set(people.map(take_part, range(40)))) == 40
    answers = read_answers(study.answers.path)
    assert len(answers) == 40 * 16 and all(answer.right for answer in answers)
    assert set(Counter((answer.session, answer.winner) for answer in answers).values()) == {1}
    assert set(Counter(answer.session for answer in answers).values()) == {16}


def test_one_answer_sent_by_many_threads_is_one(table: Path) -> None:
    study = open_small(table)
    session = study.begin().session
    with ThreadPoolExecutor(16) as threads:
        questions = list(threads.map(lambda _: study.ask(session, 0), range(16)))
        list(threads.map(lambda _: study.answer(session, 0, "left"), range(16)))
    assert len({question.pair for question in questions if question}) == 1
    (answer,) = read_answers(study.answers.path)
    assert answer.changes == 0


def test_four_processes_write_at_once(table: Path) -> None:
    people = [person(table, 2) for _ in range(4)]
    for process in people:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    answers = read_answers(table.with_suffix(".answers.sqlite"))
    assert len(answers) == 4 * 2 * 16
    asked = Counter(answer.winner for answer in answers if not answer.training)
    assert set(asked.values()) == {8}


@pytest.mark.slow
def test_what_a_page_was_told_is_kept_survives_a_kill(table: Path) -> None:
    """SIGKILL in the middle of writing, three times: each answer that was told to be kept is there."""
    told = []
    for after in (1, 9, 40):
        process = person(table, 100)
        assert process.stdout
        told += [process.stdout.readline().split() for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        told += [line.split() for line in process.stdout.read().splitlines() if len(line.split()) == 2]
        process.wait()
    path = table.with_suffix(".answers.sqlite")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = connection.execute(
            "SELECT s.id, q.place FROM questions q JOIN sessions s ON s.number = q.session WHERE chose_left IS NOT NULL"
        ).fetchall()
    assert {(session, int(place)) for session, place in told} <= set(kept)
    assert len(kept) <= len(told) + 3
    assert open_small(table).begin().total == 16


def test_fifty_thousand_pairs_are_ready_in_two_seconds_and_asked_in_no_time(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"p{number}.jpg").touch()
    pairs = [(f"p{a}.jpg", f"p{b}.jpg") for a in range(400) for b in range(a)][:50_000]
    table = write_pairs(tmp_path / "pairs.csv", pairs)
    began = time.process_time()  # of two cores that others use too
    study = open_small(table)
    session = study.begin().session
    ready = time.process_time()
    answer_all(study, session, brighter, until=50)
    assert ready - began < 2
    assert (time.process_time() - ready) / 50 < 0.02
    assert len(study.pairs.pairs) == 50_000
