"""Small pictures: with the limits of the scorer, and never at the price of a score."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tastes import tastes_of

from popscore.errors import UnreadableImage
from popscore.photos import previews
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.settings import Settings
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.visits import Visits
from popscore.ui.tabs.rank import Gallery
from popscore.ui.tabs.score import Answers

ALLOWED = Settings(max_image_bytes=40_000_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A photo of 27 MB that no browser shows: more than the usual limit of 25 MB."""
    path = tmp_path_factory.mktemp("made") / "large.tif"
    Image.effect_noise((3000, 3000), 40).convert("RGB").save(path)
    assert path.stat().st_size > ImageLimits().max_bytes
    yield path
    path.unlink()


@pytest.fixture
def large(made: Path, visits: Visits) -> Path:
    """The large photo as an upload."""
    return Path(shutil.copy(made, visits.folder.location))


@pytest.fixture
def door() -> Iterator[ModelDoor]:
    door = ModelDoor(ALLOWED)
    yield door
    door.readers.close()


def test_a_photo_that_is_allowed_to_be_large_is_scored_and_shown(large: Path, door: ModelDoor, visits: Visits) -> None:
    *_, answer, picture = list(Answers(door, visits).show_score(NamedPhoto(large, large.name)))
    assert "ps-panel-result" in answer[1]
    with Image.open(picture[0]) as image:
        assert image.format == "WEBP"
        assert max(image.size) == 1600


def test_a_large_photo_has_a_picture_in_a_gallery(large: Path, door: ModelDoor, visits: Visits) -> None:
    gallery = Gallery(door, visits, RememberedScores(), tastes_of(door, visits))
    assert gallery.preview(str(large), 360)["image"].startswith("data:image/webp")
    usual = ModelDoor(Settings())
    assert Gallery(usual, visits, RememberedScores(), tastes_of(usual, visits)).preview(str(large), 360) == {
        "image": None
    }
    usual.readers.close()


def test_a_preview_that_fails_does_not_cost_the_answer(
    large: Path, door: ModelDoor, visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(door.readers, "preview", fails)
    answers = Answers(door, visits).show_score(NamedPhoto(large, large.name))
    assert "ps-panel-waiting" in next(answers)[1]
    assert "ps-panel-result" in next(answers)[1]  # before the preview, so that even what nobody thought of is too late
    with pytest.raises(MemoryError):
        next(answers)


def test_a_photo_that_cannot_be_read_has_no_preview(tmp_path: Path, door: ModelDoor) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    with pytest.raises(UnreadableImage):
        previews.preview(NamedPhoto(bad, bad.name), 100, ImageLimits())
    assert door.readers.preview(NamedPhoto(bad, bad.name), 100, ImageLimits()) is None
    assert not previews.is_shown_by_browsers(NamedPhoto(bad, bad.name))
    assert not previews.is_shown_by_browsers(NamedPhoto(tmp_path / "missing.jpg", "missing.jpg"))


def test_what_browsers_show_needs_no_preview(cat: Path) -> None:
    assert previews.is_shown_by_browsers(NamedPhoto(cat, cat.name))
    small = previews.preview(NamedPhoto(cat, cat.name), 100, ImageLimits())
    with Image.open(io.BytesIO(small)) as image:
        assert max(image.size) == 100


def test_a_gallery_of_photos_without_pictures_still_has_its_scores(
    large: Path, door: ModelDoor, visits: Visits
) -> None:
    gallery = Gallery(door, visits, RememberedScores(), tastes_of(door, visits))
    assert gallery.score({"id": str(large), "name": "large.tif"})["result"]["file"] == "large.tif"
