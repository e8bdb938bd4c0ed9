"""What tests of galleries share."""

import os
from pathlib import Path

import pytest
from photos import picture, saved

import popscore
from popscore.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with three photos of different content."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        (tmp_path / name).write_bytes(saved(picture(), "JPEG") + bytes(number))
        os.utime(tmp_path / name, (1_700_000_000 + number, 1_700_000_000 + number))
    return tmp_path


@pytest.fixture
def scorer(tiny_model: Path) -> popscore.Scorer:
    return popscore.load_scorer(Settings(model_path=tiny_model))
