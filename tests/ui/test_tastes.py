"""A person's taste, asked by a page that sends what it likes."""

import shutil
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from tastes import tastes_of

from popscore.personal.bank import MemoryBank
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.tastes import Tastes
from popscore.ui.kit.visits import Visits
from popscore.ui.tabs.rank import Gallery


@pytest.fixture
def tastes(door: ModelDoor, visits: Visits) -> Tastes:
    return tastes_of(door, visits)


@pytest.fixture
def gallery(door: ModelDoor, visits: Visits, tastes: Tastes) -> Gallery:
    return Gallery(door, visits, RememberedScores(), tastes)


def sent(visits: Visits, *paths: Path) -> list[dict[str, Any]]:
    copies = [Path(shutil.copy(path, visits.folder.location)) for path in paths]
    return [{"id": str(path), "name": path.name} for path in copies]


@pytest.fixture
def uploads(visits: Visits, photos: dict[str, Path]) -> list[dict[str, Any]]:
    return sent(visits, *photos.values())


def test_choices_move_the_order_and_stay_out_of_it_where_they_are_not_sent(
    gallery: Gallery, uploads: list[dict[str, Any]]
) -> None:
    plain = gallery.order(uploads, 10, False, False, None)
    assert plain["personal"] == [None] * 4
    last, first = plain["indexes"][-1], plain["indexes"][0]
    choices = [[last, first]] * 30
    own = gallery.order(uploads, 10, False, False, {"choices": choices, "bank": ""})
    by_index = dict(zip(own["indexes"], own["personal"], strict=True))
    before = gallery.score(uploads[last])["result"]["score"]
    assert by_index[last]["score"] > before
    assert (by_index[last]["lead"], by_index[last]["words"]) == ("By your taste", "Learned from what you chose.")
    assert by_index[last]["trust"].startswith("Your 30 choices")
    assert own["indexes"].index(last) < plain["indexes"].index(last)
    assert gallery.order(uploads, 10, False, False, None)["indexes"] == plain["indexes"]


def test_what_was_learned_is_saved_as_a_bank_and_used_from_there(
    gallery: Gallery, tastes: Tastes, uploads: list[dict[str, Any]], visits: Visits, door: ModelDoor
) -> None:
    choices = [[0, 3], [0, 2]]
    saved = tastes.save_taste({"photos": uploads, "choices": choices, "bank": ""})
    assert saved["missing"] == []
    assert len(MemoryBank.open(saved["file"], scorer=door.scorer()).stored.choices) == 2
    (bank,) = sent(visits, Path(saved["file"]))
    by_bank = gallery.order(uploads, 10, False, False, {"choices": [], "bank": bank["id"]})
    by_page = gallery.order(uploads, 10, False, False, {"choices": choices, "bank": ""})
    assert [one["score"] for one in by_bank["personal"]] == pytest.approx(
        [one["score"] for one in by_page["personal"]], abs=5e-3
    )


def test_a_question_comes_and_what_is_gone_has_to_be_sent_again(tastes: Tastes, uploads: list[dict[str, Any]]) -> None:
    assert tastes.seen({"photos": uploads}) == {"missing": []}
    found = tastes.choose({"photos": uploads, "choices": [], "skipped": [], "bank": ""})
    assert len(set(found["pair"])) == 2
    assert found["words"] == ""
    again = tastes.choose({"photos": uploads, "choices": [found["pair"]], "skipped": [], "bank": ""})
    assert set(again["pair"]) != set(found["pair"])
    assert "9 more choices" in again["words"]
    Path(uploads[1]["id"]).unlink()
    fresh = tastes_of(tastes._door, tastes._visits)
    assert fresh.seen({"photos": uploads}) == {"missing": [1]}
    assert fresh.choose({"photos": uploads, "choices": [], "skipped": [], "bank": ""}) == {"missing": [1]}
    assert fresh.save_taste({"photos": uploads, "choices": [], "bank": ""}) == {"missing": [1]}


@pytest.mark.parametrize(
    "choices",
    ["all", [[0]], [[0, 0]], [[0, 9]], [[-1, 0]], [[True, 0]], [[0.5, 1]], [["0", 1]], [[0, 1]] * 401, {"0": 1}],
)
def test_choices_that_are_none_are_refused(tastes: Tastes, uploads: list[dict[str, Any]], choices: object) -> None:
    with pytest.raises(gr.Error):
        tastes.choose({"photos": uploads, "choices": choices, "skipped": [], "bank": ""})
