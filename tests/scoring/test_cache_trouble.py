"""The score cache in trouble: damaged, locked, full, shared and too large; never an error."""

import hashlib
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from caches import Open, content, made, remember
from commands import ROOT, environment

import popscore
from popscore.files import sqlite
from popscore.scoring import cache as cache_module
from popscore.scoring import cache_file
from popscore.scoring.cache_file import CacheState, cache_state, clear_cache

# --- trouble -----------------------------------------------------------------------------------------


def test_no_place_for_a_cache(opened: Open, scorer: popscore.Scorer, photo: Path) -> None:
    cache = opened(path=None)
    remember(cache, scorer, photo)
    assert "Set POPSCORE_CACHE_DIR" in str(cache.trouble)


@pytest.mark.parametrize("content", [b"no database " * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_put_aside(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, content: bytes
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    cache = opened()
    first = remember(cache, scorer, photo)
    assert "was damaged. It was put aside" in str(cache.trouble)
    assert file.with_name("scores.sqlite.damaged").read_bytes() == content
    cache = opened()
    assert remember(cache, scorer, photo) == first and (cache.hits, cache.trouble) == (1, None)
    clear_cache(file)
    assert not file.with_name("scores.sqlite.damaged").exists()


def test_pages_damaged_in_the_middle(opened: Open, scorer: popscore.Scorer, file: Path, tmp_path: Path) -> None:
    photos = [made(tmp_path / f"{value}.png", value) for value in range(60)]
    first = remember(opened(), scorer, *photos)
    content = bytearray(file.read_bytes())
    content[4096 * 1 :] = b"\xa5" * len(content[4096:])
    file.write_bytes(content)
    assert remember(opened(), scorer, *photos) == first


def test_the_database_of_another_program_is_left_alone(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path
) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE scores (mine)")
    before = file.read_bytes()
    cache = opened()
    remember(cache, scorer, photo)
    assert "belongs to another program" in str(cache.trouble)
    with pytest.raises(OSError, match="another program"):
        clear_cache(file)
    assert file.read_bytes() == before


def test_an_older_form_of_the_file_is_begun_anew(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path
) -> None:
    remember(opened(), scorer, photo)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP TABLE scores; CREATE TABLE scores (old); PRAGMA user_version = 99")
    cache = opened()
    remember(cache, scorer, photo)
    assert cache.trouble is None and cache_state(file).scores == 1


@pytest.mark.parametrize("kind", ["under a file", "a folder", "refused"])
def test_a_place_that_cannot_be_written(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "under a file":
        file.parent.write_text("")
    elif kind == "a folder":
        file.mkdir(parents=True)
    else:

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(sqlite, "connect", refuse)
    cache = opened()
    remember(cache, scorer, photo)
    assert "is not used" in str(cache.trouble) and "Scores are right, the next run is slower." in str(cache.trouble)
    assert str(cache.trouble).count("\n") == 0


def test_a_locked_file_is_read_but_not_written(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_S", 0.05)
    first = remember(opened(), scorer, photo)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        cache = opened()
        found = remember(cache, scorer, photo, made(tmp_path / "new.png", 9))
        assert found[0] == first[0] and cache.hits == 1
        assert "is not written: database is locked" in str(cache.trouble)
        with pytest.raises(OSError, match="another process is using it"):
            clear_cache(file)
    assert cache_state(file).scores == 1


def test_full_disk(tmp_path: Path, file: Path, tiny_model: Path) -> None:
    """Files may not grow in this process, which fails as a full disk does."""
    for value in range(50):
        made(tmp_path / f"{value}.png", value)
    code = """
import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
from popscore.cli.entry import main; sys.exit(main())
"""
    command = [sys.executable, "-c", code, "rank", "--json", str(tmp_path)]
    variables = environment(tmp_path, POPSCORE_CACHE_DIR=file.parent, POPSCORE_MODEL_PATH=tiny_model)
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("popscore: The score cache") == 1 and "Traceback" not in done.stderr
    again = subprocess.run(
        [sys.executable, "-m", "popscore", *command[3:]], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert again.returncode == 0 and again.stdout == done.stdout


# --- many at once ------------------------------------------------------------------------------------


def test_threads(opened: Open, scorer: popscore.Scorer, tmp_path: Path) -> None:
    photos = [made(tmp_path / f"{value}.png", value) for value in range(250)]
    with opened() as cache:
        first = list(scorer.candidates(photos * 2, cache=cache, workers=8))
    with opened() as cache:
        assert list(scorer.candidates(photos * 2, cache=cache, workers=8)) == first
        assert cache.hits == 500


def test_processes(tmp_path: Path, file: Path, tiny_model: Path) -> None:
    for value in range(100):
        made(tmp_path / f"{value}.png", value)
    variables = environment(tmp_path, POPSCORE_CACHE_DIR=file.parent, POPSCORE_MODEL_PATH=tiny_model)
    command = [sys.executable, "-m", "popscore", "rank", "--json", str(tmp_path)]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in started]
    assert {process.returncode for process in started} == {0}
    assert len({out for out, _ in answers}) == 1 and all(b"cache" not in err for _, err in answers)
    assert cache_state(file).scores == 100


def test_clearing_while_another_is_at_work(opened: Open, scorer: popscore.Scorer, photo: Path, file: Path) -> None:
    remember(opened(), scorer, photo)
    with opened() as cache:
        first = cache.get(photo)
        thread = threading.Thread(target=clear_cache, args=(file,))
        thread.start()
        thread.join()
        assert cache.get(photo) is None
        cache.put(photo, content(scorer.candidate(photo)))
    assert opened().get(photo) == first


# --- size --------------------------------------------------------------------------------------------


def test_what_was_not_used_for_longest_is_dropped(
    opened: Open, scorer: popscore.Scorer, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_file, "MAX_ROWS", 10)
    photos = [made(tmp_path / f"{value}.png", value) for value in range(11)]
    # The first one is the oldest, but used again on the last day.
    for day, some in enumerate((photos[:1], photos[1:3], photos[3:10], photos[:1])):
        cache = opened()
        cache._today = 100 + day
        remember(cache, scorer, *some)
    cache = opened()
    cache._today = 104
    remember(cache, scorer, photos[10])
    assert cache_state(file).scores == 9
    with opened() as cache:
        known = [cache.get(photo) is not None for photo in photos]
    assert known == [True, False, False, *[True] * 8]


def test_state_and_clearing(opened: Open, scorer: popscore.Scorer, photo: Path, file: Path) -> None:
    assert cache_state(file) == CacheState(path=file, scores=0, files=0, size_bytes=0)
    clear_cache(file)
    assert not file.parent.exists()  # asking makes nothing
    remember(opened(), scorer, photo)
    state = cache_state(file)
    assert state.scores == 1 and state.size_bytes >= file.stat().st_size > 0
    clear_cache(file)
    assert cache_state(file).scores == 0
    assert hashlib.sha256(photo.read_bytes()).digest() not in file.read_bytes()
    file.write_bytes(b"damaged " * 1000)
    assert cache_state(file).scores == 0
    clear_cache(file)
    assert not file.exists()


def test_an_hour_of_work_is_not_lost_with_the_process(
    opened: Open, scorer: popscore.Scorer, tmp_path: Path, file: Path
) -> None:
    """Scores are written as they come, not at the end."""
    photos = [made(tmp_path / f"{value}.png", value) for value in range(cache_module._BATCH)]
    cache = opened()
    list(scorer.candidates(photos, cache=cache))
    assert cache_state(file).scores == cache_module._BATCH
    cache.close()
    cache.close()
    assert cache.get(photos[0]) is None and cache.trouble is None
