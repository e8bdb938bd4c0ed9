"""The command `evaluate`: without what it needs, a sentence; with wrong data, another."""

import importlib.util

import pytest
from commands import Run


def test_without_onnx_the_install_line_and_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name))
    done = run("evaluate", "--suite", "appeal", "--data", "nowhere")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("popscore: evaluate needs onnx, which is not installed.")
    assert 'pip install "popscore[train]"' in done.err and done.err.count("\n") == 1


def test_missing_data_is_one_sentence(run: Run) -> None:
    done = run("evaluate", "--suite", "appeal", "--data", "nowhere", "--json")
    assert (done.status, done.out) == (2, "")
    assert "oasis/labels.csv is missing" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--suite", "other", "--data", "x"], ["--data", "x"]])
def test_usage(run: Run, arguments: list[str]) -> None:
    done = run("evaluate", *arguments)
    assert done.status == 2 and done.err.startswith("usage: popscore evaluate")
