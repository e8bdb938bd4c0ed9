"""The score cache: right or nothing, private, bounded, safe between processes, and never an error."""

import math
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from caches import Open, content, made, remember
from photos import picture, saved
from PIL import Image

import popscore
from popscore.scoring import cache as cache_module
from popscore.scoring import cache_file
from popscore.scoring.cache import SqliteScoreCache
from popscore.scoring.cache_file import cache_state
from popscore.settings import Settings


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once: the time of the last change of an inode cannot be set back."""
    monkeypatch.setattr(cache_module, "_RACY_NS", -1)


# --- remembering -------------------------------------------------------------------------------------


def test_a_photo_is_remembered_exactly(opened: Open, scorer: popscore.Scorer, photo: Path, cat: Path) -> None:
    first = remember(opened(), scorer, photo, cat)
    with opened() as cache:
        again = [cache.get(photo), cache.get(str(cat))]
        assert (cache.hits, cache.trouble) == (2, None)
    assert again == [content(candidate) for candidate in first]


def test_the_second_run_neither_decodes_nor_runs_the_model(
    opened: Open, scorer: popscore.Scorer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = remember(opened(), scorer, photo)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(scorer, "predict", fail)
    assert remember(opened(), scorer, photo) == first


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_even_read(
    opened: Open, scorer: popscore.Scorer, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = remember(opened(), scorer, photo)
    monkeypatch.setattr(cache_module, "_hashed_content", lambda _path: pytest.fail("read again"))
    assert remember(opened(), scorer, photo) == first


def test_a_copy_under_another_name_is_known(opened: Open, scorer: popscore.Scorer, photo: Path, tmp_path: Path) -> None:
    remember(opened(), scorer, photo)
    copy = tmp_path / "copy.png"
    copy.write_bytes(photo.read_bytes())
    cache = opened()
    (again,) = remember(cache, scorer, copy)
    assert cache.hits == 1 and again.photo.file == str(copy)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("keep_times", [True, False])
def test_a_changed_file_is_scored_again(opened: Open, scorer: popscore.Scorer, photo: Path, keep_times: bool) -> None:
    """The time of the last change of the inode gives away even who sets the other time back."""
    (before,) = remember(opened(), scorer, photo)
    times = photo.stat()
    Image.new("RGB", (60, 40), (101,) * 3).save(photo)
    if keep_times:
        os.utime(photo, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert photo.stat().st_size == times.st_size
    (after,) = remember(opened(), scorer, photo)
    assert after.photo.score > before.photo.score


def test_a_file_changed_in_the_last_seconds_is_read_each_time(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path
) -> None:
    remember(opened(), scorer, photo)
    assert cache_state(file).scores == 1 and cache_state(file).files == 0


def test_another_model_or_way_of_decoding_knows_nothing(
    opened: Open,
    scorer: popscore.Scorer,
    photo: Path,
    described_model: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember(opened(), scorer, photo)
    assert opened(exact=True).get(photo) is None
    other = popscore.load_scorer(Settings(model_path=described_model))
    assert SqliteScoreCache(file, model=other.model, exact=False, max_bytes=10**7).get(photo) is None
    monkeypatch.setattr(cache_module, "SCORING_VERSION", cache_module.SCORING_VERSION + 1)
    assert opened().get(photo) is None


@pytest.mark.usefixtures("settled")
def test_an_old_file_that_changes_while_it_is_scored_is_not_remembered(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path
) -> None:
    with opened() as cache:
        assert cache.get(photo) is None
        candidate = scorer.candidate(photo)
        made(photo, 50)
        cache.put(photo, candidate)
    assert cache_state(file).scores == 0


def test_a_file_that_changes_while_it_is_scored_is_not_remembered(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for keep_stat in (False, True):
        with opened() as cache:
            assert cache.get(photo) is None
            candidate = scorer.candidate(photo)
            known = cache_module._stat(str(photo))
            made(photo, 50 + keep_stat)
            if keep_stat:  # a file system with coarse times
                monkeypatch.setattr(cache_module, "_stat", lambda _path, known=known: known)
            cache.put(photo, candidate)
        assert cache_state(file).scores == 0


def test_only_regular_files_within_the_limit_are_looked_at(opened: Open, photo: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with opened(max_bytes=50) as cache:
        for source in (
            photo,
            tmp_path / "pipe",
            tmp_path,
            tmp_path / "gone",
            "nul\0",
            photo.read_bytes(),
            Image.open(photo),
        ):
            assert cache.get(source) is None
        assert not cache._seen
    with opened() as cache:
        cache.put(photo, None)  # never asked for: nothing to remember
        assert cache.trouble is None


@pytest.mark.usefixtures("settled")
def test_numbers_of_odd_file_systems(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inodes of 128 bits, times before 1970 and after 2262."""
    real, mode = os.stat, photo.stat().st_mode
    for number in (2**127 + 5, -(2**70), 2**63):
        odd = SimpleNamespace(st_mode=mode, st_size=100, st_mtime_ns=number, st_ctime_ns=-number, st_ino=number)

        def stat(path: object, *, odd: object = odd, **options: object) -> object:
            return odd if path == str(photo) else real(path, **options)

        with monkeypatch.context() as patched:
            patched.setattr(os, "stat", stat)
            with opened() as cache:
                assert cache._looked_up(str(photo)) is not None
            assert cache.trouble is None
    assert cache_state(file).files == 1


# --- nonsense ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("score", math.inf),
        ("score", None),
        ("score", "three"),
        ("width", 0),
        ("width", -5),
        ("height", 10**9),
        ("height", "x"),
        ("signature", b""),
        ("signature", b"x" * 5000),
        ("signature", "text"),
        ("taken_s", math.inf),
        ("taken_s", "x"),
        ("warning", "ugly"),
        ("warning", 1),
    ],
)
def test_a_nonsense_row_is_replaced(
    opened: Open, scorer: popscore.Scorer, photo: Path, file: Path, column: str, value: object
) -> None:
    first = remember(opened(), scorer, photo)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"UPDATE scores SET {column} = ?", (value,))  # noqa: S608
    assert opened().get(photo) is None
    assert remember(opened(), scorer, photo) == first
    assert opened().get(photo) == content(first[0])


# --- privacy and place -------------------------------------------------------------------------------


@pytest.mark.usefixtures("settled")
def test_no_path_is_in_the_file_and_nobody_else_may_read_it(
    opened: Open, scorer: popscore.Scorer, tmp_path: Path, file: Path
) -> None:
    secret = made(tmp_path / "top-secret-name.png", 3)
    with opened() as cache:
        list(scorer.candidates([secret], cache=cache))
        cache._write()
        found = list(file.parent.iterdir())
        assert len(found) == 3  # -wal and -shm beside it
        for path in found:
            assert path.stat().st_mode & 0o777 == 0o600
            assert b"secret" not in path.read_bytes() and b"tmp" not in path.read_bytes()
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".cache" / "popscore" / "scores.sqlite"
    assert cache_file.cache_file(Settings()) == home
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # invalid by the specification
    assert cache_file.cache_file(Settings()) == home
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_file.cache_file(Settings()) == Path("/xdg/popscore/scores.sqlite")
    assert cache_file.cache_file(Settings(cache_dir=Path("/own"))) == Path("/own/scores.sqlite")
    assert Settings.from_environment({"POPSCORE_CACHE_DIR": " /own "}).cache_dir == Path("/own")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where nobody has a home
    assert cache_file.cache_file(Settings()) is None


def test_signatures_are_kept_byte_for_byte(opened: Open, scorer: popscore.Scorer, tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(saved(picture(), "JPEG"))
    (found,) = remember(opened(), scorer, path)
    with opened() as cache:
        again = cache.get(path)
    assert again is not None and again.signature == found.signature and again.taken_s == found.taken_s
