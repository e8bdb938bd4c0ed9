"""The table of an appeal model: its rows, its two forms, and what is missing."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest
from appeal_parts import write_rated_photos
from commands import Run
from onnx_files import METADATA, tiny

from popscore.errors import ModelUnavailable
from popscore.training.appeal import evaluate, reference_cost
from popscore.training.appeal.data import TrainingDataMissing
from popscore.training.errors import ToolMissing

ACCURACY = {"srcc oasis": 0.79, "srcc avt": 0.73, "win probability ece": 0.02, "something else": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    return write_rated_photos(tmp_path_factory.mktemp("rated"), list(photos.values()), oasis=12, avt=6)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "bright.onnx"
    path.write_bytes(tiny(size=(32, 48), metadata={**METADATA, "popscore.accuracy": json.dumps(ACCURACY)}))
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_cost, "compare_cost", lambda _content: (30.0, 120.0))


def test_rows_of_a_file(folder: Path, model: Path, quick: None) -> None:
    found = evaluate.measured(folder, model)
    assert found.file == model
    assert found.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    rows = {row.figure: row for row in found.rows}
    assert list(rows) == [
        "srcc oasis",
        "srcc avt",
        "shipped file: original beats copy",
        "median change: saved at quality 85",
        "median change: half the size",
        "median change: 2 % cut off",
        "median change: colour profile",
        "win probability, ECE",
        "file, MB",
        "cost / ResNet-50",
    ]
    assert (rows["srcc oasis"].value, rows["srcc oasis"].source) == (0.79, "out of fold")
    assert not rows["srcc oasis"].reached
    assert rows["srcc avt"].reached
    assert rows["shipped file: original beats copy"].source == "60 copies"  # 12 photos, 5 kinds of damage
    # It scores brightness: a darker copy loses, an overexposed one wins.
    assert 0.2 <= rows["shipped file: original beats copy"].value <= 0.8
    assert rows["median change: half the size"].value < 0.08
    assert rows["file, MB"].value == pytest.approx(model.stat().st_size / 1e6)
    assert (rows["cost / ResNet-50"].value, rows["cost / ResNet-50"].source) == (0.25, "30.0 of 120.0 ms, 1 thread")


def test_the_embedded_model_is_measured_by_default(
    folder: Path, embedded_model: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "PHOTOS", 2)
    found = evaluate.measured(folder)
    assert found.file == embedded_model
    assert {row.figure for row in found.rows} >= set(evaluate.OUT_OF_FOLD)


def test_both_forms() -> None:
    rows = (
        evaluate.Row("srcc oasis", 0.7916, 0.8, True, "out of fold"),
        evaluate.Row("file, MB", 4.123, 8.0, False, "this file"),
    )
    found = evaluate.Evaluation(Path("some/model.onnx"), "ab" * 32, rows)
    assert found.text().splitlines() == [
        "figure                                value     bound  ",
        "srcc oasis                            0.792  >=  0.80  MISSED  out of fold",
        "file, MB                              4.123  <=  8.00  ok      this file",
        f"sha256 {'ab' * 32}",
    ]
    assert found.text().endswith("\n")
    assert found.to_json() == {
        "file": "some/model.onnx",
        "sha256": "ab" * 32,
        "figures": [
            {
                "figure": "srcc oasis",
                "value": 0.7916,
                "bound": 0.8,
                "at_least": True,
                "source": "out of fold",
                "reached": False,
            },
            {
                "figure": "file, MB",
                "value": 4.123,
                "bound": 8.0,
                "at_least": False,
                "source": "this file",
                "reached": True,
            },
        ],
    }


def test_the_table_of_a_file_is_json(folder: Path, model: Path, quick: None) -> None:
    found = evaluate.measured(folder, model)
    assert len(json.loads(json.dumps(found.to_json()))["figures"]) == len(found.rows)


def test_the_command_prints_the_table_or_json(run: Run, folder: Path, model: Path, quick: None) -> None:
    arguments = ["evaluate", "--suite", "appeal", "--data", str(folder), "--model", str(model)]
    done = run(*arguments, "--json")
    assert (done.status, done.err) == (0, "")
    assert list(done.json) == ["file", "sha256", "figures"]
    assert done.json["file"] == str(model)
    shown = run(*arguments)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("figure ")
    assert shown.out.endswith(f"sha256 {done.json['sha256']}\n")


def test_without_onnx_it_says_so_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name))
    with pytest.raises(ToolMissing, match=r"^evaluate needs onnx, which is not installed\."):
        evaluate.measured(tmp_path / "nowhere")


def test_missing_data_and_missing_model(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TrainingDataMissing, match=r"oasis/labels\.csv is missing"):
        evaluate.measured(tmp_path)
    with pytest.raises(ModelUnavailable):
        evaluate.measured(folder, tmp_path / "nowhere.onnx")
