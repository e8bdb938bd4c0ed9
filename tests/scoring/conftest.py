"""What tests of scoring share: a tiny scorer, photos of one grey each, a cache."""

from pathlib import Path

import pytest
from caches import Open, made, opener
from PIL import Image

import popscore
from popscore.settings import Settings


@pytest.fixture
def scorer(tiny_model: Path) -> popscore.Scorer:
    return popscore.load_scorer(Settings(model_path=tiny_model))


@pytest.fixture
def greys(tmp_path: Path) -> list[Path]:
    """Twelve photos, each a little brighter than the one before."""
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (40, 30), (number * 20,) * 3).save(paths[-1])
    return paths


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the cache is."""
    return tmp_path / "cache" / "scores.sqlite"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return made(tmp_path / "photo.png", 100)


@pytest.fixture
def opened(file: Path, scorer: popscore.Scorer) -> Open:
    """Opens the cache."""
    return opener(file, scorer)
