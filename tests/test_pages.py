"""Pages about one photo and one moment keep their promise: their commands run as they are written there."""

import shutil
import sys
from pathlib import Path

import pytest
from pages import DocumentationPage, add_python, execute, type_in
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, photos: dict[str, Path]) -> Path:
    """A checkout with the photos that the pages speak of."""
    for name, photo in {"photo": "rocket", "other": "coffee", "me": "astronaut"}.items():
        Image.open(photos[photo]).convert("RGB").save(tmp_path / f"{name}.jpg", quality=92)
    (tmp_path / "holiday").mkdir()
    for name in ("cat", "astronaut"):
        shutil.copy(photos[name], tmp_path / "holiday")
    add_python(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_closer_look(folder: Path) -> None:
    (snippet,) = DocumentationPage.read("docs", "closer-look.md").commands()
    said = [type_in(folder, line) for line in snippet.splitlines()]
    assert len(said) == 5
    assert "times in 10" in said[1] or "Too close to call" in said[1]
    assert all((folder / name).stat().st_size > 10_000 for name in ("why.png", "card.png"))
    assert len(list((folder / "crops").iterdir())) == 5


def test_the_best_of_a_moment(folder: Path) -> None:
    (snippet,) = DocumentationPage.read("docs", "best-of-a-moment.md").commands()
    said = type_in(folder, snippet)
    assert "holiday/chelsea.png\n" in said
    assert "holiday/astronaut.png  (1 face)\n" in said


@pytest.mark.slow
def test_as_a_selfie(folder: Path) -> None:
    page = DocumentationPage.read("docs", "selfie.md")
    said = [type_in(folder, line) for line in page.commands()[0].splitlines()]
    assert '"probability_from": "percentile"' in said[1]
    code = page.snippet("python", "score_selfie")
    assert execute(folder, sys.executable, "-c", code).split()[1] == "percentile"
