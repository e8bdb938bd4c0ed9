"""The parts of a batch that need pyarrow alone: places, ids, destinations, and an actor by itself."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import batches
import faulty_store
import pytest
from commands import environment
from full_store import full_store

import popscore
from popscore.models import load_model
from popscore.photos.sources import ImageLimits
from popscore.settings import Settings

pa = pytest.importorskip("pyarrow")
pytest.importorskip("ray")
pytestmark = pytest.mark.batch

from pyarrow import parquet  # noqa: E402

from popscore.batch import destination, schema, scoring, sources, stores, tables  # noqa: E402
from popscore.batch.looking import Wanted  # noqa: E402
from popscore.batch.needs import BatchRefused, StoreFailed  # noqa: E402
from popscore.errors import ExportFailed, NoPhotosFound  # noqa: E402

NOTHING = tables.hashes([])


def write(path: Path, /, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


# --- places ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://key:secret@bucket/prefix", "must not hold keys"),
        ("s3:///prefix", "names no bucket"),
        ("https://example.org/a.jpg", "https:// are not known"),
    ],
)
def test_places_that_are_refused(address: str, words: str) -> None:
    with pytest.raises(BatchRefused, match=words) as caught:
        stores.place(address)
    assert "secret" not in str(caught.value)


def test_what_may_be_temporary_is_asked_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.001)
    asked: list[int] = []

    def ask(said: str, times: int) -> str:
        asked.append(1)
        if len(asked) <= times:
            raise OSError(said)
        return "here"

    for said in ("AWS Error SLOW_DOWN (HTTP status 503)", "AWS Error NETWORK_CONNECTION", "curlCode: 18"):
        asked.clear()
        assert stores.asked(lambda said=said: ask(said, 3), "s3://shop/a") == "here"
    for said, error in (
        ("AWS Error NO_SUCH_BUCKET", StoreFailed),
        ("AWS Error ACCESS_DENIED AKIA123", StoreFailed),
        ("AWS Error NO_SUCH_KEY", FileNotFoundError),
    ):
        asked.clear()
        with pytest.raises(error) as caught:
            stores.asked(lambda said=said: ask(said, 99), "s3://shop/a")
        assert len(asked) == 1
        assert "AKIA123" not in str(caught.value)


def test_a_store_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.001)

    def fail() -> None:
        raise OSError("AWS Error SLOW_DOWN")

    with pytest.raises(StoreFailed, match="asked 8 times"):
        stores.asked(fail, "s3://shop/a")


# --- sources --------------------------------------------------------------------------------------------


def test_a_folder_is_listed_as_rank_lists_it(tmp_path: Path) -> None:
    for name in ("b2.jpg", "b10.jpg", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    found = sources.listed(stores.place(tmp_path), tables.hashes([str(tmp_path / "a.png")])[:1])
    assert (found.total, found.left, found.left_out) == (3, 2, "Left out: 1 file that is not a photo.")
    assert [row[schema.ID] for block in sources.blocks(found, 2) for row in block.to_pylist()] == [
        str(tmp_path / "b2.jpg"),
        str(tmp_path / "b10.jpg"),
    ]


def test_a_prefix_with_a_million_objects_that_are_no_photos(tmp_path: Path) -> None:
    """Of 1,000 pages 50 are refused at first: a listing that began anew each time would never come to its end."""
    with full_store("log-{:07}.txt", 1_000_000, errors=0.05) as (address, seen):
        variables = {**faulty_store.variables(address), "HOME": tmp_path}
        refused = batches.finished(tmp_path, "s3://shop/logs", "--out", tmp_path / "out", **variables)
    assert refused.returncode == 2
    assert "in s3://shop/logs, only 1000000 objects that are not called like photos." in refused.stderr
    assert seen["errors"] > 20
    assert seen["pages"] - seen["errors"] == 1000
    assert not (tmp_path / "out").exists()


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NoPhotosFound, match="There are no photos in"):
        sources.listed(stores.place(tmp_path), NOTHING)


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"id": ["a"], "path": ["a.jpg"]}, {"column": "file"}, r"no column file in .* Its columns: id, path"),
        ({"id": ["a"], "path": ["a.jpg"]}, {}, r"Say by --column which column of .* id, path"),
        ({"id": ["a"], "path": ["a.jpg"]}, {"column": "path", "keep": ["who"]}, "no column who"),
        ({"path": ["a.jpg"], "score": [1]}, {"column": "path", "keep": ["score"]}, "score cannot be kept"),
        ({"path": ["a", "b", "a"]}, {}, r"Two rows of .* have one id: 1 rows repeat another one, a is the first"),
        ({"id": ["x", None], "path": ["a", "b"]}, {"column": "path", "id_column": "id"}, "has no id"),
        ({"photo": [b"a"]}, {}, "holds bytes. Say by --id"),
    ],
    ids=str,
)
def test_parquet_that_is_refused(tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], words: str) -> None:
    file = write(tmp_path / "list.parquet", **columns)
    given = {"column": None, "id_column": None, "keep": [], **options}
    with pytest.raises(BatchRefused, match=words):
        sources.table(stores.place(file), NOTHING, **given)


def test_parquet_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "list.parquet"
    with pytest.raises(BatchRefused, match="there is no such file"):
        sources.table(stores.place(file), NOTHING, column=None, id_column=None, keep=[])
    file.write_text("id,path\n")
    with pytest.raises(BatchRefused, match="no Parquet, or damaged"):
        sources.table(stores.place(file), NOTHING, column=None, id_column=None, keep=[])


# --- destinations -----------------------------------------------------------------------------------------


def begun(out: Path, *, resume: bool = False, overwrite: bool = False, model: Any = None, **options: Any) -> Any:
    info = (model or load_model(Settings())).info
    return destination.begin(
        stores.place(out), model=info, options=options, columns=["id"], resume=resume, overwrite=overwrite
    )


def left(out: Path) -> list[str]:
    return sorted(row["id"] for file in out.glob("*.parquet") for row in parquet.read_table(file).to_pylist())


def test_a_destination_with_results_is_refused_unless_told(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "out"
    first = begun(out, source="a")
    write(out / first.file_name(0), id=["1", "2"])
    with pytest.raises(BatchRefused, match=r"holds results already\. Go on with them by --resume"):
        begun(out, source="a")
    other = load_model(Settings(model_path=tiny_model))
    with pytest.raises(BatchRefused, match="results of another model, popscore-appeal"):
        begun(out, source="a", resume=True, model=other)
    with pytest.raises(BatchRefused, match=r'begun with other options. .* \{"source": "a"\}'):
        begun(out, source="b", resume=True)
    again = begun(out, source="a", resume=True)
    assert again.run != first.run
    assert tables.are_in(tables.hashes(["1", "2", "3"]), again.done).tolist() == [True, True, False]
    assert begun(out, source="b", overwrite=True, model=other).files == frozenset()
    assert left(out) == []


def test_files_of_others_are_not_touched(tmp_path: Path) -> None:
    write(tmp_path / "mine.parquet", id=["1"])
    for overwrite in (False, True):
        with pytest.raises(BatchRefused, match=r"no batch has left there, mine.parquet"):
            begun(tmp_path, overwrite=overwrite)
    assert left(tmp_path) == ["1"]


def test_a_destination_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(ExportFailed):
        begun(tmp_path / "out")


def test_a_run_that_was_taken_over_writes_nothing(tmp_path: Path) -> None:
    first = begun(tmp_path)
    begun(tmp_path, resume=True)
    with pytest.raises(BatchRefused, match="Another run has taken"):
        stores.write_whole(first.where, first.file_name(0), b"late", before=first.check)
    assert [path.name for path in tmp_path.iterdir()] == [schema.META_FILE]


def test_what_comes_late_nevertheless_is_deleted(tmp_path: Path) -> None:
    first = begun(tmp_path)
    write(tmp_path / first.file_name(0), id=["1", "2"])
    second = begun(tmp_path, resume=True)
    write(tmp_path / first.file_name(1), id=["3"])  # after the second run has looked
    write(tmp_path / second.file_name(0), id=["3", "4"])
    third = begun(tmp_path, resume=True)  # the second one was killed before it could sweep
    assert len(third.files) == 2
    third.sweep()
    assert left(tmp_path) == ["1", "2", "3"] or left(tmp_path) == ["1", "2", "3", "4"]
    assert len(left(tmp_path)) == len(third.done)
    write(tmp_path / first.file_name(2), id=["9"])
    third.sweep()
    assert "9" not in left(tmp_path)


def test_a_damaged_file_of_results_is_named(tmp_path: Path) -> None:
    first = begun(tmp_path)
    (tmp_path / first.file_name(0)).write_bytes(b"PAR1 half")
    with pytest.raises(BatchRefused, match=r"is damaged\. Delete it, and its rows are done again"):
        begun(tmp_path, resume=True)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """Files may not grow beyond 4 kB in that process, which fails as a full disk does."""
    code = (
        "import resource, signal, sys; from popscore.batch import stores\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "stores.write_whole(stores.place(sys.argv[1]), 'part.parquet', b'x' * 9000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=environment(tmp_path), capture_output=True, text=True
    )
    assert "ExportFailed" in done.stderr and "was not written" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- an actor by itself -----------------------------------------------------------------------------------


@pytest.fixture
def photo_block(photos: dict[str, Path], tmp_path: Path) -> Any:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    paths = [str(path) for path in (*photos.values(), bad, tmp_path / "gone.jpg")]
    return pa.table({schema.ID: paths, tables.WHERE: paths})


def actor(settings: Settings, **more: Any) -> scoring.Scoring:
    model = load_model(settings)
    job = scoring.Job(info=model.info, model_file=model.location, limits=ImageLimits(), wanted=Wanted(), **more)
    return scoring.Scoring(job, [None])


@pytest.fixture
def tiny(tiny_model: Path) -> Iterator[Settings]:
    yield Settings(model_path=tiny_model)


def test_an_actor_gives_a_row_for_each_picture(photo_block: Any, tiny: Settings) -> None:
    found = actor(tiny)(photo_block).to_pylist()
    scorer = popscore.load_scorer(tiny)
    for row in found[:4]:
        assert row["score"] == pytest.approx(scorer.score(row["id"]).score, abs=1e-5)
        assert row["error"] is None
    assert [row["error"].partition(":")[0] for row in found[4:]] == ["UnreadableImage", "UnreadableImage"]
    assert found[5]["error"].endswith("gone.jpg could not be read: there is no such file. Check the path.")


def test_bytes_are_scored_as_files(photos: dict[str, Path], tiny: Settings) -> None:
    block = pa.table({schema.ID: list(photos), tables.CONTENT: [path.read_bytes() for path in photos.values()]})
    found = actor(tiny)(block).to_pylist()
    scorer = popscore.load_scorer(tiny)
    assert [row["score"] for row in found] == [scorer.score(path).score for path in photos.values()]


def test_a_picture_that_takes_too_long_is_an_error_and_its_neighbours_go_on(photo_block: Any, tiny: Settings) -> None:
    slow = actor(tiny, photo_seconds=1e-4)
    found = slow(photo_block.slice(0, 2)).to_pylist()
    assert {row["error"].partition(": ")[0] for row in found} == {"UnreadableImage"}
    assert all("it takes too long to read" in row["error"] for row in found)
    object.__setattr__(slow._job, "photo_seconds", 60.0)
    assert [row["error"] for row in slow(photo_block.slice(0, 2)).to_pylist()] == [None, None]


def test_a_worker_process_that_is_killed_costs_no_row(photo_block: Any, tiny: Settings) -> None:
    mine = actor(tiny)
    block = pa.concat_tables([photo_block.slice(0, 4)] * 50)
    killed: list[Any] = []

    def kill() -> None:
        """Twice, each time in the middle of a task: three times would be blamed on the picture."""
        while len(killed) < 2:
            worker = mine._worker
            if worker is not None and worker not in killed and worker._began_s is not None:
                worker._process.kill()
                killed.append(worker)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    found = mine(block).to_pylist()
    assert len(killed) == 2
    assert [row["error"] for row in found] == [None] * 200
