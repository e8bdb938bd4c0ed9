"""The model of the app may change while it runs. Scores of two models never meet in one gallery."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx_files import tiny
from tastes import tastes_of

from popscore.gallery.ranking import rank_images
from popscore.photos.sources import NamedPhoto
from popscore.scoring.scorer import Content, Scorer, load_scorer
from popscore.settings import Settings
from popscore.ui.api import Endpoints
from popscore.ui.kit.page_functions import OutOfDate
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.visits import Visits
from popscore.ui.tabs.rank import Gallery


@pytest.fixture
def scorers(tmp_path: Path) -> list[Scorer]:
    """Two models that give every photo different scores."""
    found = []
    for factor in (4.0, 7.0):
        path = tmp_path / f"{factor}.onnx"
        path.write_bytes(tiny(factor=factor))
        found.append(load_scorer(Settings(model_path=path)))
    return found


class Door:
    """A door behind which the model changes."""

    def __init__(self, scorer: Scorer) -> None:
        self.settings, self.now = Settings(), scorer

    def scorer(self) -> Scorer:
        return self.now


def uploads(photos: dict[str, Path]) -> list[NamedPhoto]:
    return [NamedPhoto(path, path.name) for path in photos.values()]


def test_what_is_remembered_is_remembered_for_one_model(scorers: Sequence[Scorer], tmp_path: Path) -> None:
    first, second = scorers[0].model, scorers[1].model
    remembered = RememberedScores(most=2)
    content = Content(1.0, 4, 3, b"", None)
    a, b = tmp_path / "a.jpg", tmp_path / "b.jpg"
    a.write_bytes(b"a")
    b.write_bytes(b"b")
    remembered.of(first).put(a, content)
    assert remembered.of(first).get(a) == content
    assert remembered.of(second).get(a) is None
    remembered.of(second).put(a, content)
    remembered.of(first).get(a)
    remembered.of(first).put(b, content)
    assert remembered.of(second).get(a) is None, "used longest ago"
    assert remembered.of(first).get(a) == content


def test_a_photo_that_changed_where_it_lies_is_another_one(scorers: Sequence[Scorer], tmp_path: Path) -> None:
    model = scorers[0].model
    remembered = RememberedScores()
    photo, copy = tmp_path / "a.jpg", tmp_path / "copy.jpg"
    photo.write_bytes(b"first")
    copy.write_bytes(b"first")
    remembered.of(model).put(photo, Content(1.0, 4, 3, b"", None))
    assert remembered.of(model).get(copy) == Content(1.0, 4, 3, b"", None), "the same content somewhere else"
    photo.write_bytes(b"other")
    assert remembered.of(model).get(photo) is None


def test_the_endpoint_gives_the_scores_of_the_model_that_answers(
    scorers: Sequence[Scorer], photos: dict[str, Path], visits: Visits
) -> None:
    door = Door(scorers[0])
    endpoints = Endpoints(door, visits, RememberedScores())  # type: ignore[arg-type]
    for scorer in (*scorers, scorers[0]):
        door.now = scorer
        answer = endpoints.rank_images(uploads(photos), 0, True)
        assert answer == rank_images(uploads(photos), scorer=scorer, group_similar=True).to_json()


def test_a_gallery_is_of_one_model_and_questions_about_another_are_refused(
    scorers: Sequence[Scorer], photos: dict[str, Path], visits: Visits
) -> None:
    photos = {name: Path(shutil.copy(path, visits.folder.location)) for name, path in photos.items()}
    door = Door(scorers[0])
    gallery = Gallery(door, visits, RememberedScores(), tastes_of(door, visits))  # type: ignore[arg-type]
    sent = [{"id": str(path), "name": path.name} for path in photos.values()]

    first = [gallery.score(one) for one in sent[:3]]
    door.now = scorers[1]
    order = gallery.order(sent, 10, False, False, None)
    second = [gallery.score(one) for one in sent]
    expected = [found.to_json()["score"] for found in scorers[1].score_many(uploads(photos))]
    assert [one["result"]["score"] for one in second] == expected
    assert order["indexes"] == sorted(range(len(sent)), key=lambda index: -expected[index])
    old, new = first[0]["model"]["sha256"], second[0]["model"]["sha256"]
    assert old != new == order["model"]["sha256"]
    result = {**second[0]["result"], "rank": 1, "group": 1, "tier": 1, "gap": None}
    for question in (
        lambda model: gallery.explain(model, result),
        lambda model: gallery.verdict(model, [1.0, 2.0], False),
    ):
        assert question(new)
        with pytest.raises(OutOfDate):
            question(old)
