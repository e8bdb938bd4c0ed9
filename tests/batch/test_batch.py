"""Whole batches on a Ray of this machine: from a folder, from Parquet, from a store, killed and begun again."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import batches
import faulty_store
import numpy as np
import photos as made
import pytest
from commands import environment

import popscore
from popscore.batch import schema
from popscore.models.session import Prediction
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.photos.sources import NamedPhoto
from popscore.settings import Settings

pa = pytest.importorskip("pyarrow")
pytest.importorskip("ray")
pytest.importorskip("moto")
pytestmark = pytest.mark.batch

from pyarrow import parquet  # noqa: E402


@pytest.fixture
def many(tmp_path: Path, photos: dict[str, Path]) -> Path:
    """96 small photos."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(96):
        made.picture(60 + number, 64).save(folder / f"p{number:03}.jpg", quality=80)
    return folder


def expected(ids: list[str], settings: Settings | None = None) -> dict[str, Any]:
    scorer = popscore.load_scorer(settings)
    return {found.file: found for found in scorer.score_many(ids)}


def embedding(path: str) -> Any:
    def look(_scorer: Any, seen: Prediction, _pixels: Any) -> Any:
        return seen.embedding

    return popscore.load_scorer().content_with(NamedPhoto(path, path), look)[1]


def check_scores(found: dict[str, float | None], folder: Path, settings: Settings | None = None) -> None:
    ids = [str(path) for path in sorted(folder.iterdir())]
    wanted = expected(ids, settings)
    assert found.keys() == wanted.keys()
    for name, one in wanted.items():
        assert found[name] == pytest.approx(one.score, abs=1e-5), name


# --- from a folder ----------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path, photos: dict[str, Path]) -> Path:
    """Photographs, and what people also have in their folders."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for path in photos.values():
        shutil.copy(path, folder)
    image = made.picture()
    (folder / "alpha.png").write_bytes(made.saved(image.convert("RGBA"), "PNG"))
    (folder / "sideways.jpg").write_bytes(made.sideways(image, "JPEG", 6))
    (folder / "line.png").write_bytes(made.saved(image.resize((1, 5000)), "PNG"))
    (folder / "animated.gif").write_bytes(
        made.saved(image, "GIF", save_all=True, append_images=[image.rotate(90)], duration=50)
    )
    (folder / "bomb.png").write_bytes(made.huge_png(60_000, 60_000))
    (folder / "half.jpg").write_bytes(made.saved(image, "JPEG")[:500])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "two lines\n.jpg").write_bytes(b"no photo")
    return folder


def test_a_folder_gives_what_one_machine_gives(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--embedding", "--signature", "--faces", "--workers", "2", "--json")
    done = batches.finished(tmp_path, mixed, "--out", out, *options)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    answer = json.loads(done.stdout)
    (result,) = answer["results"]
    assert answer["errors"] == [] and answer["model"]["kind"] == "appeal"
    assert (result["rows"], result["written"], result["failed"], result["done_before"]) == (12, 12, 4, 0)
    assert result["failed_by_kind"] == {"ImageTooLarge": 1, "UnreadableImage": 3}
    assert result["cpu_hours"] > 0 and result["read_bytes"] > 0 and result["written_bytes"] > 0

    rows = batches.rows(out)
    meta = json.loads((out / schema.META_FILE).read_text())
    assert list(rows[0]) == meta["columns"] == [*schema.COLUMNS, "embedding", "signature", "faces"]
    wanted = expected([row["id"] for row in rows])
    for row in rows:
        one = wanted[row["id"]]
        assert row["model_sha256"] == answer["model"]["sha256"]
        if row["error"]:
            assert row["error"] == f"{type(one.error).__name__}: {one.error}"
            assert row["score"] is row["embedding"] is row["signature"] is row["faces"] is None
            continue
        assert row["score"] == pytest.approx(one.score, abs=1e-5)
        assert (row["label"], row["width"], row["height"]) == (one.label, one.width, one.height)
        assert row["percentile"] == pytest.approx(one.percentile, abs=1e-3)
        assert len(row["signature"]) == SIGNATURE_BYTES
        assert np.float16(row["embedding"]) == pytest.approx(embedding(row["id"]), rel=1e-3, abs=1e-4)
        assert isinstance(json.loads(row["faces"]), list)
    found = next(row for row in rows if row["id"].endswith("astronaut.png"))
    assert json.loads(found["faces"])[0]["box"] == popscore.find_faces(found["id"]).to_json()["faces"][0]["box"]


def test_going_on(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    settings, out = Settings(model_path=tiny_model), tmp_path / "out"
    first = popscore.batch(many, out=out, settings=settings, workers=1)
    assert (first.rows, first.written, first.failed) == (96, 96, 0)
    made.picture(200, 100).save(many / "q.jpg")
    told: list[tuple[int, int]] = []
    again = popscore.batch(
        many, out=out, settings=settings, workers=1, resume=True, on_progress=lambda *at: told.append(at)
    )
    assert (again.rows, again.done_before, again.written) == (97, 96, 1)
    assert all(total == 1 for _, total in told)
    nothing = popscore.batch(many, out=out, settings=settings, resume=True)
    assert (nothing.rows, nothing.written) == (97, 0)
    check_scores(batches.scores(batches.rows(out)), many, settings)


def test_a_disk_that_is_full_in_the_middle(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    """What is written stays, nothing is half-written, and the run goes on when there is space."""
    (disk := tmp_path / "disk").mkdir()
    run = shlex.join(batches.command(many, "--out", disk, "--workers", "1"))
    script = (
        f"mount -t tmpfs -o size=20k none {disk} || exit 77; {run}; echo status $?; ls -A {disk}; "
        f"mount -o remount,size=8m {disk}; {run} --resume && cp -r {disk} {tmp_path}/kept"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment(tmp_path, POPSCORE_MODEL_PATH=tiny_model),
        capture_output=True,
        text=True,
        timeout=batches.TIMEOUT_S,
    )
    if done.returncode in (1, 77):
        pytest.skip("a disk of its own can be made by root only")
    assert done.returncode == 0, done.stderr
    assert "status 2\n" in done.stdout
    assert "no space" in done.stderr.lower() and "Traceback" not in done.stderr
    assert ".tmp" not in done.stdout
    before = re.search(r"done before\s+(\d+)", done.stdout)
    assert before and 0 < int(before[1]) < 96
    check_scores(batches.scores(batches.rows(tmp_path / "kept")), many, Settings(model_path=tiny_model))


# --- from Parquet -----------------------------------------------------------------------------------------


def test_parquet_of_paths_keeps_ids_and_columns(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    paths = [str(path) for path in sorted(many.iterdir())]
    table = {"post": list(range(98)), "user": [f"u{n % 3}" for n in range(98)], "file": [*paths, None, "gone.jpg"]}
    parquet.write_table(pa.table(table), tmp_path / "posts.parquet")
    settings, out = Settings(model_path=tiny_model), tmp_path / "out"
    options: dict[str, Any] = {"column": "file", "id_column": "post", "keep": ["user"], "settings": settings}
    done = popscore.batch(tmp_path / "posts.parquet", out=out, workers=1, **options)
    assert (done.rows, done.failed, done.errors) == (98, 2, {"UnreadableImage": 2})
    rows = sorted(batches.rows(out), key=lambda row: int(row["id"]))
    assert [row["id"] for row in rows] == [str(n) for n in range(98)]
    assert [row["user"] for row in rows] == table["user"]
    assert rows[96]["error"] == "UnreadableImage: 96 could not be read: it has no address."
    scorer = popscore.load_scorer(settings)
    assert rows[5]["score"] == scorer.score(paths[5]).score
    for file in sorted(out.glob("*.parquet"))[1:]:
        file.unlink()
    again = popscore.batch(tmp_path / "posts.parquet", out=out, workers=1, resume=True, **options)
    assert again.done_before + again.written == 98
    assert len(batches.scores(batches.rows(out))) == 98


def test_parquet_of_bytes(photos: dict[str, Path], tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, (name, path) in enumerate(photos.items()):
        table = pa.table({"name": [name], "jpeg": [path.read_bytes()]})
        parquet.write_table(table, tmp_path / "in" / f"{number}.parquet")
    settings, out = Settings(model_path=tiny_model), tmp_path / "out"
    popscore.batch(tmp_path / "in", out=out, column="jpeg", id_column="name", workers=1, settings=settings)
    scorer = popscore.load_scorer(settings)
    assert batches.scores(batches.rows(out)) == {name: scorer.score(path).score for name, path in photos.items()}


# --- from a store ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[int]:
    with faulty_store.moto() as port:
        yield port


def test_a_store_on_a_bad_day(store: int, many: Path, tmp_path: Path, tiny_model: Path) -> None:
    """Of every 20 answers one is an error, of 20 objects one is cut, each takes 50 ms; no row is lost."""
    files: dict[str, Path | bytes] = {f"in/{path.name}": path for path in many.iterdir()}
    faulty_store.fill(store, "shop", {**files, "in/bad.jpg": b"no photo", "in/notes.txt": b"x", "words/a.txt": b"x"})
    faults = faulty_store.Faults(errors=0.05, cuts=0.05, wait_s=0.05)
    with faulty_store.proxy(store, faults) as address:
        variables = {**faulty_store.variables(address), "POPSCORE_MODEL_PATH": tiny_model}
        arguments = ("s3://shop/in", "--out", "s3://shop/out", "--workers", "1", "--json")
        done = batches.finished(tmp_path, *arguments, **variables)
        assert done.returncode == 1, done.stderr
        (result,) = json.loads(done.stdout)["results"]
        assert (result["rows"], result["failed_by_kind"]) == (97, {"UnreadableImage": 1})
        assert "Left out: 1 object that is not called like a photo." in done.stderr
        assert faults.seen["error"] and faults.seen["cut"]
        again = batches.finished(tmp_path, *arguments, "--resume", **variables)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["results"][0]["done_before"] == 97
        for wrong, words in (
            ("s3://none/x", "There is no bucket for s3://none/x"),
            ("s3://shop/nothing", "There is nothing in s3://shop/nothing"),
            (
                "s3://shop/words",
                "no photos in s3://shop/words, only 1 object that is not called like a photo.",
            ),
        ):
            refused = batches.finished(tmp_path, wrong, "--out", "s3://shop/o2", **variables)
            assert refused.returncode == 2
            assert words in refused.stderr
    with faulty_store.proxy(store, faulty_store.Faults()) as address:
        rows = rows_of_store(address)
    found = {row["id"].rpartition("/")[2]: row["score"] for row in rows}
    assert len(rows) == len(found) == 97
    scorer = popscore.load_scorer(Settings(model_path=tiny_model))
    for path in many.iterdir():
        assert found[path.name] == pytest.approx(scorer.score(path).score, abs=1e-5)
    secret = faulty_store.KEYS["AWS_SECRET_ACCESS_KEY"]
    assert secret not in done.stdout + done.stderr + json.dumps([str(row) for row in rows])
    assert not logged(secret)


def rows_of_store(address: str) -> list[dict[str, Any]]:
    from pyarrow import fs

    system = fs.S3FileSystem(
        endpoint_override=address.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        access_key=faulty_store.KEYS["AWS_ACCESS_KEY_ID"],
        secret_key=faulty_store.KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    files = [one.path for one in system.get_file_info(fs.FileSelector("shop/out")) if one.path.endswith(".parquet")]
    return [row for file in files for row in parquet.read_table(file, filesystem=system).to_pylist()]


def logged(secret: str) -> list[str]:
    """Logs of the last Ray of this machine that hold a secret."""
    logs = Path("/tmp/ray/session_latest/logs")  # noqa: S108  where Ray puts them
    return [str(path) for path in logs.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


# --- killed ------------------------------------------------------------------------------------------------


def test_the_driver_is_killed_three_times(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments: tuple[Any, ...] = (many, "--out", out, "--workers", "2")
    for number in range(3):
        with batches.begun(tmp_path, *arguments, *(["--resume"] if number else [])) as driver:
            batches.wait_for_files(out, number + 1, driver)
    assert 0 < len(list(out.glob("*.parquet"))) < 6
    done = batches.finished(tmp_path, *arguments, "--resume")
    assert done.returncode == 0, done.stderr
    check_scores(batches.scores(batches.rows(out)), many)


def test_workers_are_killed_all_the_time(many: Path, tmp_path: Path) -> None:
    out, killed = tmp_path / "out", []
    with batches.begun(tmp_path, many, "--out", out, "--workers", "2") as driver:
        ended = threading.Event()

        def kill() -> None:
            what = ["ray::MapWorker", "popscore.workers.program"]
            while not ended.wait(4):
                for one in batches.workers_of(driver.pid, what[len(killed) % 2])[:1]:
                    os.kill(one, signal.SIGKILL)
                    killed.append(one)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            assert driver.wait(timeout=batches.TIMEOUT_S) == 0, (tmp_path / "batch.log").read_text()
        finally:
            ended.set()
            killer.join()
    assert killed
    check_scores(batches.scores(batches.rows(out)), many)


def test_a_cluster_that_does_not_answer(many: Path, tmp_path: Path, tiny_model: Path) -> None:
    began_s = time.monotonic()
    out = tmp_path / "out"
    done = batches.finished(tmp_path, many, "--out", out, "--address", "127.0.0.1:9", POPSCORE_MODEL_PATH=tiny_model)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "popscore: The cluster at 127.0.0.1:9 does not answer within 10 s. Check the address, and that the machine "
        "can reach it.\n"
    )
    assert time.monotonic() - began_s < 60
