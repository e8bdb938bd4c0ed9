"""`python -m popscore.training.appeal`: the documented command, and what it says where something is missing."""

import importlib.util
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from commands import ROOT, environment

from popscore.training.appeal import train


def test_missing_data_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "popscore.training.appeal", "--data", "nowhere", "--out", str(tmp_path / "m.onnx")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nowhere: oasis/labels.csv is missing.")
    assert done.stderr.count("\n") == 1
    assert "--data DIR" in done.stderr
    assert not (tmp_path / "m.onnx").exists()


def test_without_onnx_evaluate_says_a_sentence(tmp_path: Path) -> None:
    """In a process of its own, where importing onnx fails: nothing may import it before it is asked for."""
    code = "import sys; sys.modules['onnx'] = None; from popscore.cli.entry import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "evaluate", "--suite", "appeal", "--data", "nowhere"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("popscore: evaluate needs onnx, which is not installed.")
    assert 'pip install "popscore[train]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_log_names_the_command_that_works() -> None:
    log = (ROOT / "popscore" / "training" / "LOG.md").read_text(encoding="utf-8")
    assert "python -m popscore.training.appeal --data DIR --out" in log


def test_missing_backbones_are_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "read_rated_photos", lambda _folder: [])
    monkeypatch.setitem(sys.modules, "torch", None)
    assert train.main(["--data", str(tmp_path), "--out", str(tmp_path / "m.onnx")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Training the appeal model needs torch, which is not installed.")
    assert 'pip install "popscore[train]"' in said
    assert said.count("\n") == 1


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "scipy" else found(name))
    command = import_module("popscore.training.appeal.__main__")
    assert command.main(["--data", str(tmp_path), "--out", str(tmp_path / "m.onnx")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Training the appeal model needs scipy, which is not installed.")
    assert "pip install" in said
