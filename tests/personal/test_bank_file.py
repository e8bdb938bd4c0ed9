"""The file of a bank: damaged, newer, foreign, made to do harm; killed in the middle; two processes at once."""

import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bank_posts import ROWS, write_posts
from commands import ROOT, environment
from photos import picture, saved

import popscore
from popscore.errors import BankRefused
from popscore.personal import bank_file
from popscore.personal.bank import MemoryBank, add_to_file
from popscore.personal.keeping import bank_state, forget
from popscore.personal.source import Source


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path], scorer: popscore.Scorer) -> bytes:
    folder = tmp_path_factory.mktemp("made")
    table = write_posts(folder, photos)
    return MemoryBank.from_posts(table, images=folder / "photos", scorer=scorer, previews=True).to_bytes()


@pytest.fixture
def file(tmp_path: Path, made: bytes) -> Path:
    path = tmp_path / "me.bank"
    path.write_bytes(made)
    return path


def changed(file: Path, *statements: str, values: tuple[object, ...] = ()) -> Path:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())
    return file


def test_the_file_is_whole_and_opens_without_traces(file: Path, scorer: popscore.Scorer) -> None:
    before = file.read_bytes()
    assert len(MemoryBank.open(file, scorer=scorer)) == 4
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["me.bank"]


def test_it_opens_where_nothing_may_be_written(file: Path, scorer: popscore.Scorer) -> None:
    file.chmod(0o400)
    assert len(MemoryBank.open(file, scorer=scorer)) == 4


# --- files that are none, or odd --------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "no memory bank"),
    "text": (lambda _: b"id,time\n", "no memory bank"),
    "a photo's beginning": (lambda made: b"\xff\xd8\xff" + made[3:], "no memory bank"),
    "cut short": (lambda made: made[: len(made) // 2], "cannot be used|refused"),
    "a log beside it": (lambda made: made[:18] + b"\2\2" + made[20:], "no memory bank"),
    "newer": (lambda made: made[:60] + (99).to_bytes(4, "big") + made[64:], "newer popscore"),
    "another program's": (lambda made: made[:68] + b"abcd" + made[72:], "no memory bank"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_bank_is_refused(tmp_path: Path, made: bytes, name: str, scorer: popscore.Scorer) -> None:
    change, reason = WRONG[name]
    path = tmp_path / "odd.bank"
    path.write_bytes(change(made))
    with pytest.raises(BankRefused, match=reason):
        MemoryBank.open(path, scorer=scorer).stored  # noqa: B018
    with pytest.raises(BankRefused, match=reason):
        bank_state(str(path))


@pytest.mark.parametrize("seed", range(12))
def test_damaged_pages_are_a_sentence_or_harmless(
    tmp_path: Path, made: bytes, seed: int, scorer: popscore.Scorer
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(made)
    for at in rng.integers(100, len(content), 200):
        content[at] = rng.integers(256)
    path = tmp_path / "odd.bank"
    path.write_bytes(content)
    try:
        found = MemoryBank.open(path, scorer=scorer).stored
    except BankRefused:
        return
    assert np.isfinite(found.embeddings).all()


HARM = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON posts BEGIN DELETE FROM posts; END",
    "a view": "CREATE VIEW v AS SELECT * FROM posts",
    "a table more": "CREATE TABLE more (a)",
    "an index": "CREATE INDEX i ON posts (time_ms)",
    "another table": "ALTER TABLE posts ADD COLUMN more GENERATED ALWAYS AS (abs(time_ms)) VIRTUAL",
    "a renamed table": "ALTER TABLE previews RENAME TO others",
}


@pytest.mark.parametrize("name", HARM)
def test_other_tables_are_refused(file: Path, name: str, scorer: popscore.Scorer) -> None:
    with pytest.raises(BankRefused, match="no memory bank"):
        MemoryBank.open(changed(file, HARM[name]), scorer=scorer)


CELLS = {
    "an embedding of another length": "UPDATE pictures SET embedding = zeroblob(10)",
    "an embedding that is a text": "UPDATE pictures SET embedding = 'x'",
    "an embedding without end": "UPDATE pictures SET embedding = x'" + "007c" * 2480 + "'",
    "an enormous length": "UPDATE models SET dimensions = 2000000000",
    "a score that is none": "UPDATE pictures SET score = 'high'",
    "an endless score": "UPDATE pictures SET score = 9e999",
    "an id that is a number": "UPDATE posts SET id = x'00' WHERE id = 'p1'",
    "a long id": "UPDATE posts SET id = printf('%.*c', 2000, 'x') WHERE id = 'p1'",
    "a time that is none": "UPDATE posts SET time_ms = 'now'",
    "a time before all": "UPDATE posts SET time_ms = -1",
    "likes below none": "UPDATE posts SET likes = -5",
    "likes without end": "UPDATE posts SET likes = 9e300",
    "a pose of another length": "UPDATE pictures SET pose = zeroblob(7)",
    "a caption of another length": "UPDATE posts SET caption = zeroblob(7) WHERE id = 'p1'",
    "a hash that is none": "UPDATE pictures SET picture = 'x' WHERE picture = (SELECT max(picture) FROM pictures)",
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_that_are_not_what_they_must_be_are_refused(file: Path, name: str, scorer: popscore.Scorer) -> None:
    with pytest.raises(BankRefused, match="is not what a bank holds"):
        MemoryBank.open(changed(file, CELLS[name]), scorer=scorer).stored  # noqa: B018


def test_a_cell_larger_than_allowed_is_never_read(file: Path, scorer: popscore.Scorer) -> None:
    changed(file, "UPDATE pictures SET embedding = zeroblob(50000000)")
    with pytest.raises(BankRefused, match="too big"):
        MemoryBank.open(file, scorer=scorer).stored  # noqa: B018


def test_more_posts_than_anybody_has_are_refused(
    file: Path, scorer: popscore.Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popscore.personal.stored.MOST_POSTS", 3)
    with pytest.raises(BankRefused, match="more than 3 posts"):
        MemoryBank.open(file, scorer=scorer).stored  # noqa: B018


def endless(file: Path, table: str) -> Path:
    """A bank with an index of ten levels, each of which stands 300 times in the one above: its rows have no end."""
    with closing(sqlite3.connect(file)) as connection:
        ((root,),) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
        ).fetchall()
    content = bytearray(file.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    pages = len(content) // size
    record = b"\x02\x00"  # of one column, which is NULL

    def page(kind: int, cells: list[bytes], last: bytes) -> bytes:
        body = b"".join(cells)
        at = [size - len(body) + sum(map(len, cells[:number])) for number in range(len(cells))]
        head = struct.pack(">BHHHB", kind, 0, len(cells), at[0], 0) + last
        pointers = b"".join(struct.pack(">H", one) for one in at)
        return head + pointers + bytes(size - len(head) - len(pointers) - len(body)) + body

    def level(child: int) -> bytes:
        cell = struct.pack(">I", child) + b"\x02" + record
        return page(2, [cell] * 300, struct.pack(">I", child))

    content[(root - 1) * size : root * size] = level(pages + 1)
    for number in range(1, 10):
        content += level(pages + number + 1)
    content += page(10, [b"\x02" + record + b"\0"], b"")
    content[28:32] = struct.pack(">I", pages + 10)
    file.write_bytes(content)
    return file


def test_tables_without_end_are_given_up(file: Path, scorer: popscore.Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_file, "_MOST_SECONDS", 0.3)
    with pytest.raises(BankRefused, match="interrupted"):
        MemoryBank.open(endless(file, "posts"), scorer=scorer)


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path, scorer: popscore.Scorer) -> None:
    with pytest.raises(BankRefused, match=r"no such file.*bank add"):
        MemoryBank.open(tmp_path / "no.bank", scorer=scorer)
    with pytest.raises(BankRefused, match="could not be opened"):
        MemoryBank.open(tmp_path, scorer=scorer)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BankRefused, match="not a regular file"):
        MemoryBank.open(tmp_path / "pipe", scorer=scorer)
    with pytest.raises(BankRefused, match="could not be opened"):
        MemoryBank.open("a\0b", scorer=scorer)


def test_a_damaged_bank_is_not_written_to(file: Path, photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    table = write_posts(file.parent / "more", photos)
    file.write_bytes(file.read_bytes()[:5000])
    before = file.read_bytes()
    with pytest.raises(BankRefused):
        add_to_file(file, Source(posts=table, images=table.parent / "photos"), scorer=scorer)
    assert file.read_bytes() == before


# --- forgetting -------------------------------------------------------------------------------------


def test_what_is_forgotten_is_gone(file: Path, scorer: popscore.Scorer) -> None:
    with closing(bank_file.connect(file, write=False)) as connection:
        query = "SELECT embedding FROM pictures JOIN posts USING (picture) WHERE id = 'p3'"
        (embedding,) = connection.execute(query).fetchone()
    assert embedding[:200] in file.read_bytes()
    assert forget(str(file), ids=["p3"]) == 1
    assert embedding[:200] not in file.read_bytes()
    assert MemoryBank.open(file, scorer=scorer).stored.ids == ["p1", "p2", "p4"]
    with pytest.raises(BankRefused, match="has no post p3"):
        forget(str(file), ids=["p1", "p3"])
    assert len(MemoryBank.open(file, scorer=scorer)) == 3
    assert forget(str(file), everything=True) == 3
    assert len(MemoryBank.open(file, scorer=scorer)) == 0


# --- other processes --------------------------------------------------------------------------------


def started(folder: Path, file: Path, table: str = "posts.csv") -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "popscore", "bank", "add", table, "--images", "photos", "--no-people"]
    return subprocess.Popen(
        [*command, "--bank", str(file)],
        cwd=folder,
        env={**environment(folder), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def many_posts(folder: Path, count: int, first: int = 0) -> Path:
    (folder / "photos").mkdir(exist_ok=True)
    rows = []
    for number in range(first, first + count):
        image = picture(64 + number % 50, 64 + number // 50)
        (folder / "photos" / f"{number}.png").write_bytes(saved(image, "PNG"))
        rows.append(
            (f"p{number + 1}", f"{number}.png", f"2024-01-01T00:{number // 60:02d}:{number % 60:02d}Z", "5", "")
        )
    return folder / "posts.csv" if not rows else _table(folder / f"posts{first or ''}.csv", rows)


def _table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    from bank_posts import write_table

    return write_table(path, rows)


def test_a_killed_process_loses_nothing_that_was_there(tmp_path: Path, made: bytes, scorer: popscore.Scorer) -> None:
    many_posts(tmp_path, 80)
    file = tmp_path / "me.bank"
    file.write_bytes(made)
    process = started(tmp_path, file)
    while process.poll() is None and len(bank_ids(file)) < 50:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ids = set(MemoryBank.open(file, scorer=scorer).stored.ids)
    assert {row[0] for row in ROWS} <= ids
    assert 50 <= len(ids) < 80  # what was written before is there, at 50 posts a time
    assert started(tmp_path, file).wait() == 0
    assert len(MemoryBank.open(file, scorer=scorer)) == 80


def bank_ids(file: Path) -> list[str]:
    with closing(bank_file.connect(file, write=False)) as connection:
        return [name for (name,) in connection.execute("SELECT id FROM posts")]


def test_a_write_that_was_cut_off_is_undone(file: Path, scorer: popscore.Scorer) -> None:
    """As a power failure leaves it: pages are written, and the journal that undoes them is there."""
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE pictures SET embedding = zeroblob(4960), score = 0")
connection.execute("DELETE FROM posts")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    assert file.with_name("me.bank-journal").exists()
    bank = MemoryBank.open(file, scorer=scorer)
    assert bank.stored.likes.tolist() == [100, 50, 220, 70]
    assert (bank.stored.scores != 0).all()


@pytest.mark.slow
def test_two_processes_fill_one_bank(tmp_path: Path, scorer: popscore.Scorer) -> None:
    many_posts(tmp_path, 60)
    many_posts(tmp_path, 60, first=55)
    file = tmp_path / "me.bank"
    both = [started(tmp_path, file), started(tmp_path, file, "posts55.csv")]
    assert [process.wait() for process in both] == [0, 0], [process.communicate() for process in both]
    assert len(MemoryBank.open(file, scorer=scorer)) == 115


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_done(tmp_path: Path, scorer: popscore.Scorer) -> None:
    many_posts(tmp_path, 90)
    file = tmp_path / "me.bank"
    process = started(tmp_path, file)
    while process.poll() is None and (not file.exists() or not file.stat().st_size or len(bank_ids(file)) < 50):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "what was done is kept" in said
    assert 50 <= len(MemoryBank.open(file, scorer=scorer)) < 90


def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path: Path, made: bytes, scorer: popscore.Scorer) -> None:
    many_posts(tmp_path, 20)
    file = tmp_path / "me.bank"
    file.write_bytes(made)
    code = """
import resource, signal, sys
from popscore.cli.entry import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
sys.exit(main(["bank", "add", "posts.csv", "--images", "photos", "--no-people", "--bank", "me.bank"]))
"""
    env = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "me.bank cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert MemoryBank.open(file, scorer=scorer).stored.ids == ["p1", "p2", "p3", "p4"]
