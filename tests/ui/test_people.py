"""People on the photos of a gallery, asked by a page that sends what it likes."""

import shutil
from pathlib import Path

import gradio as gr
import pytest
from tastes import tastes_of

import popscore
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.visits import Visits
from popscore.ui.tabs.rank import Gallery


@pytest.fixture
def gallery(door: ModelDoor, visits: Visits) -> Gallery:
    return Gallery(door, visits, RememberedScores(), tastes_of(door, visits))


def sent(visits: Visits, *paths: Path) -> list[dict[str, str]]:
    copies = [Path(shutil.copy(path, visits.folder.location)) for path in paths]
    return [{"id": str(path), "name": path.name} for path in copies]


def test_the_page_hears_what_the_package_finds(gallery: Gallery, visits: Visits, photos: dict[str, Path]) -> None:
    uploads = sent(visits, photos["astronaut"], photos["coffee"])
    answer = gallery.people({"photos": uploads})
    found = popscore.rank_images([photos["astronaut"], photos["coffee"]], people=True)
    (person,) = [photo.people for photo in found.results if "astronaut" in photo.file]
    assert person
    assert person.face_sharpness
    assert answer["missing"] == []
    assert answer["people"] == [
        {
            "faces": 1,
            "eyes_closed": 0,
            "face_sharpness": pytest.approx(person.face_sharpness, abs=1e-3),
            "words": "1 face",
        },
        {"faces": 0, "eyes_closed": 0, "face_sharpness": None, "words": ""},
    ]


def test_a_photo_that_is_gone_has_to_be_sent_again_and_a_broken_one_does_not(
    gallery: Gallery, visits: Visits, photos: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    uploads = sent(visits, photos["coffee"], broken)
    Path(uploads[0]["id"]).unlink()
    assert gallery.people({"photos": uploads}) == {"people": [None, None], "missing": [0]}


@pytest.mark.parametrize(
    "asked",
    [
        None,
        3,
        [],
        {},
        {"photos": None},
        {"photos": [3]},
        {"photos": [{"id": "/etc/passwd", "name": "x.jpg"}]},
        {"photos": [{}] * 5},
    ],
)
def test_what_the_page_must_not_send_is_refused(gallery: Gallery, asked: object) -> None:
    with pytest.raises(gr.Error):
        gallery.people(asked)
