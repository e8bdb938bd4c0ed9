"""What of a batch needs no Ray: the door, its words, the schema, and what a worker does with a picture."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, Run, environment

import popscore
from popscore.batch import needs, schema
from popscore.batch.looking import Wanted, look
from popscore.models import load_model
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.settings import Settings
from popscore.workers import tasks
from popscore.workers.worker import Worker


def test_importing_popscore_and_its_commands_loads_neither_ray_nor_pyarrow(tmp_path: Path) -> None:
    code = (
        "import sys, popscore, popscore.cli, popscore.batch.door; assert callable(popscore.batch); "
        "print(*{name.split('.')[0] for name in sys.modules} & {'ray', 'pyarrow', 'pandas'})"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_without_ray_the_install_line_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "ray" else object())
    done = run("batch", tmp_path, "--out", tmp_path / "out")
    assert done.status == 2
    assert done.out == ""
    assert done.err == (
        'popscore: Batches need ray, which is not installed. Install with: pip install "popscore[batch]"\n'
    )
    assert not (tmp_path / "out").exists()
    with pytest.raises(needs.BatchMissing):
        popscore.batch(tmp_path, out=tmp_path / "out")


@pytest.mark.parametrize(
    "arguments", [["photos"], ["--out", "x"], ["photos", "--out", "x", "--resume", "--overwrite"]], ids=str
)
def test_usage(run: Run, arguments: list[str]) -> None:
    assert run("batch", *arguments).status == 2


@pytest.mark.parametrize("number", ["0", "-1", "two", "1e3"])
def test_workers_are_a_whole_number(run: Run, number: str) -> None:
    done = run("batch", "photos", "--out", "x", "--workers", number)
    assert done.status == 2
    assert "whole number above 0" in done.err


def test_the_schema_is_what_others_read() -> None:
    assert list(schema.COLUMNS) == ["id", "score", "percentile", "label", "width", "height", "error", "model_sha256"]
    assert list(schema.ON_REQUEST) == ["embedding", "signature", "faces"]
    assert schema.kind_of("UnreadableImage: a: b") == "UnreadableImage"


def test_ray_is_pinned_for_the_tests_and_bounded_for_users() -> None:
    pins = (ROOT / "tests/requirements-batch.txt").read_text(encoding="utf-8")
    version = re.search(r"^ray\[data\]==(\d+)\.(\d+)", pins, re.MULTILINE)
    assert version is not None
    extra = f'"ray[data]>={version[1]}.{version[2]},<{version[1]}.{int(version[2]) + 1}"'
    assert extra in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


# --- what a worker does with a picture ------------------------------------------------------------------


def looked(path: Path, name: str, wanted: Wanted, settings: Settings | None = None) -> Any:
    model = load_model(settings or Settings())
    worker = Worker()
    try:
        return worker.do(
            look,
            (tasks.ScorerFile(model.location, model.info), ImageLimits(), path, name, wanted),
            seconds=60,
            silent_seconds=60,
            cancelled=None,
            on_progress=None,
        )
    finally:
        worker.kill()


def test_a_worker_finds_the_score_of_one_machine(cat: Path) -> None:
    content, error, embedding, faces, cpu_s = looked(cat, str(cat), Wanted(embedding=True, faces=True))
    assert error is None
    assert content.score == pytest.approx(popscore.load_scorer().score(cat).score, abs=1e-5)
    assert len(content.signature) == SIGNATURE_BYTES
    assert len(embedding) % 4 == 0 and len(embedding) > 0
    assert faces == "[]"
    assert cpu_s > 0


def test_an_error_has_the_kind_and_the_words_of_the_other_doors(tmp_path: Path, tiny_model: Path) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photo")
    settings = Settings(model_path=tiny_model)
    with pytest.raises(popscore.PopscoreError) as caught:
        popscore.load_scorer(settings).score(NamedPhoto(bad, "s3://shop/x/notes.jpg"))
    content, error, *_ = looked(bad, "s3://shop/x/notes.jpg", Wanted(), settings)
    assert content is None
    assert error == f"{type(caught.value).__name__}: {caught.value}"
