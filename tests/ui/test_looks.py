"""A closer look, asked by a page that sends what it likes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_loop import run_async
from PIL import Image

import popscore
from popscore.settings import Settings
from popscore.ui.kit.asked_photo import example_id
from popscore.ui.kit.banks import Banks
from popscore.ui.kit.looks import Looks
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.visits import Visits

NAN, INFINITE = float("nan"), float("inf")
WHOLE = [0, 0, 1, 1]


@pytest.fixture(scope="module")
def door() -> Iterator[ModelDoor]:
    door = ModelDoor(Settings(max_image_bytes=3_000_000))
    door.scorer()
    yield door
    door.readers.close()


@pytest.fixture
def looks(door: ModelDoor, visits: Visits) -> Looks:
    return Looks(door, visits, Banks(door, visits))


@pytest.fixture
def sent(visits: Visits, cat: Path, tmp_path: Path) -> dict[str, str]:
    """The cat, as an upload."""
    folder = visits.folder.location / "upload"
    folder.mkdir()
    return {"id": str(shutil.copy(cat, folder / "cat.png")), "name": "cat.png"}


def asked(looks: Looks, name: str, *arguments: Any) -> dict[str, Any]:
    """What the page gets when its script calls the function."""
    (function,) = [one for one in looks.page_functions() if one.__name__ == name]
    return dict(run_async(lambda: function(list(arguments))))


def test_the_answers_are_those_of_the_package(looks: Looks, sent: dict[str, str], door: ModelDoor, cat: Path) -> None:
    scorer = popscore.load_scorer(Settings())
    why = asked(looks, "why", sent)
    expected = popscore.explain(cat, scorer=scorer)
    assert why["grid"] == expected.to_json()["grid"]
    assert len(why["colors"]) == len(why["signs"]) == len(why["grid"])
    crops = asked(looks, "crops", sent)["crops"]
    boxes = [[round(edge * side) for edge, side in zip(crop["box"], (451, 300) * 2, strict=True)] for crop in crops]
    assert boxes == [list(crop.box) for crop in popscore.best_crops(cat, scorer=scorer).results]
    score = asked(looks, "crop_score", sent, [0.25, 0, 0.75, 1])["result"]["score"]
    pixels = Image.open(cat).convert("RGB")
    assert score == pytest.approx(scorer.predict(pixels, box=(113, 0, 338, 300)).score, abs=1e-3)
    assert dict(asked(looks, "facts", sent)["rows"])["Size"].startswith("451 x 300 pixels")
    compared = asked(looks, "compare", sent, sent)
    assert compared["words"].startswith("Too close to call")
    assert compared["maps"][0]["grid"] == compared["maps"][1]["grid"] == why["grid"]


def selfie(looks: Looks, photo: dict[str, str]) -> dict[str, Any]:
    return dict(run_async(lambda: looks.selfie_function()([photo])))


def test_a_selfie_is_told_with_its_faces_and_another_photo_is_not(
    looks: Looks, sent: dict[str, str], photos: dict[str, Path]
) -> None:
    found = selfie(looks, {"id": example_id("astronaut.png"), "name": "x"})
    expected = popscore.score_selfie(photos["astronaut"], scorer=popscore.load_scorer(Settings()))
    assert found["probability"] == pytest.approx(expected.probability, abs=1e-3)
    assert (found["seen"], found["name"], found["more"]) == (expected.seen, "Ahead of", "")
    (face,) = found["faces"]
    assert face["words"] == "Happy, eyes open"
    assert [edge * 512 for edge in face["box"]] == pytest.approx(expected.faces[0].box)
    assert sum(value for _, value in face["expressions"]) == pytest.approx(1, abs=1e-3)
    assert selfie(looks, sent) == {"is_selfie": False}, "a cat"
    assert "not an uploaded photo" in selfie(looks, {"id": "/etc/passwd", "name": "x"})["message"]
    Path(sent["id"]).unlink()
    assert selfie(looks, sent) == {"is_selfie": False}


def test_an_example_can_be_looked_at_and_nothing_beside_it(looks: Looks) -> None:
    assert asked(looks, "facts", {"id": example_id("rocket.jpg"), "name": "x"})["rows"]
    for name in ("../NOTICE", "NOTICE", "", "/etc/passwd"):
        assert "not an uploaded photo" in asked(looks, "facts", {"id": example_id(name), "name": "x"})["message"]


@pytest.mark.parametrize("where", ["/etc/passwd", "", "../../etc/passwd", "\0", "x" * 5000])
def test_only_uploads_are_opened(looks: Looks, where: str) -> None:
    for name, more in (("why", []), ("save_crop", [WHOLE, "1:1", False]), ("edited", ["sharpen", 1.0])):
        assert asked(looks, name, {"id": where, "name": "x.jpg"}, *more).keys() <= {"message", "missing"}


@pytest.mark.parametrize("photo", [None, 3, [], "cat.png", {}])
def test_what_is_no_photo_is_told(looks: Looks, photo: object) -> None:
    assert asked(looks, "crops", [photo] if isinstance(photo, dict) else photo)["message"]


@pytest.mark.parametrize(
    "box",
    [None, [], [0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [0, 0, NAN, 1], [0, 0, INFINITE, 1], ["a", 0, 1, 1], [True] * 4],
)
def test_a_box_that_is_none_is_refused(looks: Looks, sent: dict[str, str], box: object) -> None:
    assert asked(looks, "crop_score", sent, box)["message"]
    assert asked(looks, "save_crop", sent, box, "1:1", False)["message"]


def test_a_tiny_box_is_one_pixel(looks: Looks, sent: dict[str, str]) -> None:
    assert "result" in asked(looks, "crop_score", sent, [0.9999999, 0.9999999, 1, 1])


@pytest.mark.parametrize("shape", ["../../x", "0:1", "abc", "", "1:1/../../x"])
def test_a_shape_gets_into_no_path(looks: Looks, sent: dict[str, str], shape: str, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*.jpg"))
    assert asked(looks, "save_crop", sent, WHOLE, shape, False)["message"]
    assert set(tmp_path.rglob("*.jpg")) == before


@pytest.mark.parametrize("edit", [("exposure", 99), ("exposure", NAN), ("nothing", 0.5), ("../x", 0.5), (None, None)])
def test_an_edit_that_is_none_is_refused(looks: Looks, sent: dict[str, str], edit: tuple[Any, Any]) -> None:
    assert asked(looks, "edited", sent, *edit)["message"]
    assert asked(looks, "save_edit", sent, *edit, False)["message"]


def test_saved_files_are_among_the_downloads(looks: Looks, sent: dict[str, str], tmp_path: Path) -> None:
    crop = asked(looks, "save_crop", sent, [0, 0, 0.5, 1], "free", False)
    edit = asked(looks, "save_edit", sent, "black_and_white", 1.0, False)
    card = asked(looks, "card", sent)
    with Image.open(crop["file"]) as one, Image.open(edit["file"]) as two, Image.open(card["file"]) as three:
        assert (one.size, two.size, three.size) == ((226, 300), (451, 300), (1080, 1350))
    for answer in (crop, edit, card):
        assert Path(answer["file"]).is_relative_to(tmp_path)


def test_an_upload_that_is_gone_is_asked_for_again(looks: Looks, sent: dict[str, str]) -> None:
    Path(sent["id"]).unlink()
    for name in ("why", "crops", "what_if", "facts", "card"):
        assert asked(looks, name, sent)["missing"] is True, name
    assert asked(looks, "compare", sent, sent) == {"missing": True}


def test_a_broken_photo_is_told_by_its_name(looks: Looks, sent: dict[str, str]) -> None:
    Path(sent["id"]).write_bytes(Path(sent["id"]).read_bytes()[:4000])
    for name in ("why", "crops", "what_if", "facts", "card"):
        assert "cat.png could not be read" in asked(looks, name, sent)["message"], name


@pytest.mark.slow
def test_strips_and_specks_can_be_looked_at(looks: Looks, sent: dict[str, str]) -> None:
    for size in ((1, 2000), (2000, 1), (1, 1), (40, 40)):
        Image.linear_gradient("L").resize(size).convert("RGB").save(sent["id"])
        for name in ("why", "crops", "what_if", "facts", "card"):
            answer = asked(looks, name, sent)
            assert "message" not in answer or "has no" in answer["message"], (size, name, answer)
