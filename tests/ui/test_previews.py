"""Small pictures: with the limits of the scorer, and never at the price of a score."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.settings import Settings
from popscore.ui.kit import previews
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.tabs.rank import Gallery
from popscore.ui.tabs.score import Answers

ALLOWED = Settings(max_image_bytes=40_000_000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A photo of 27 MB that no browser shows: more than the usual limit of 25 MB."""
    path = tmp_path_factory.mktemp("uploads") / "large.tif"
    Image.effect_noise((3000, 3000), 40).convert("RGB").save(path)
    assert path.stat().st_size > ImageLimits().max_bytes
    yield path
    path.unlink()


def shown(path: Path) -> list[tuple[Any, Any]]:
    return list(Answers(ModelDoor(ALLOWED)).show_score(NamedPhoto(path, path.name)))


def test_a_photo_that_is_allowed_to_be_large_is_scored_and_shown(large: Path) -> None:
    *_, answer, picture = shown(large)
    assert "ps-panel-result" in answer[1]
    assert isinstance(picture[0], Image.Image)
    assert max(picture[0].size) == 1600


def test_a_large_photo_has_a_picture_in_a_gallery(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(large.parent))
    gallery = Gallery(ModelDoor(ALLOWED), SimpleNamespace(upload_file_set=set()), RememberedScores())  # type: ignore[arg-type]
    assert gallery.preview(str(large), 360)["image"].startswith("data:image/webp")
    usual = Gallery(ModelDoor(Settings()), SimpleNamespace(upload_file_set=set()), RememberedScores())  # type: ignore[arg-type]
    assert usual.preview(str(large), 360) == {"image": None}


def test_a_preview_that_fails_does_not_cost_the_answer(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(previews, "read_photo", fails)
    answers = Answers(ModelDoor(ALLOWED)).show_score(NamedPhoto(large, large.name))
    assert "ps-panel-waiting" in next(answers)[1]
    assert "ps-panel-result" in next(answers)[1]  # before the preview, so that even what nobody thought of is too late
    with pytest.raises(MemoryError):
        next(answers)


def test_a_photo_that_cannot_be_read_has_no_preview(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    assert previews.preview(bad, 100, ImageLimits()) is None
    assert previews.preview_if_needed(bad, 100, ImageLimits()) is None


def test_what_browsers_show_needs_no_preview(cat: Path) -> None:
    assert previews.preview_if_needed(cat, 100, ImageLimits()) is None


def test_a_gallery_of_photos_without_pictures_still_has_its_scores(
    large: Path, cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(large.parent))
    gallery = Gallery(ModelDoor(ALLOWED), SimpleNamespace(upload_file_set=set()), RememberedScores())  # type: ignore[arg-type]
    event = SimpleNamespace(photos=[{"id": str(large), "name": "large.tif"}], run=1)
    last = json.loads(list(gallery.show_ranking(event))[-1])  # type: ignore[arg-type]
    assert [result["file"] for result in last["results"]] == ["large.tif"]
