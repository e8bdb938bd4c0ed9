"""The scripts that the tabs share: there once, and with the same arithmetic as the server."""

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page
from rankings import MODEL

from popscore.gallery.ranking import rank
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.results import scored_photo
from popscore.scoring.scorer import Candidate
from popscore.ui.kit.band_chart import Axis, spans
from popscore.ui.kit.gallery_updates import GalleryUpdates

pytestmark = pytest.mark.browser


@pytest.fixture
def size() -> str:
    return "desktop"


def test_the_page_draws_over_the_same_bands_as_the_server(page: Page) -> None:
    for low, high in ((-1.2, 6.7), (2.5, 3.5), (-9.0, -1.0), (4.0, 5.0), (0.0, 2.0), (-40.0, 40.0)):
        axis = Axis(low, high)
        drawn = page.evaluate("([low, high]) => popscore.axis(low, high).spans", [low, high])
        assert [(span["label"], span["css"]) for span in drawn] == [(s.label, s.css_class) for s in spans(axis)]
        for mine, its in zip(spans(axis), drawn, strict=True):
            ends = axis.across(mine.lower), axis.across(mine.upper)
            assert (its["start"], its["start"] + its["size"]) == pytest.approx(ends)


def test_a_gallery_on_the_page_is_what_rank_gives_even_if_updates_are_missed(page: Page) -> None:
    random = np.random.default_rng(6)
    looks = [random.integers(0, 256, SIGNATURE_BYTES, dtype=np.uint8).tobytes() for _ in range(12)]
    found = [
        Candidate(
            scored_photo(f"{index}.jpg", round(float(random.normal(3, 1)), 1), (64, 48), MODEL.spec),
            looks[int(random.integers(len(looks)))],
            None,
        )
        for index in range(40)
    ]
    updates = GalleryUpdates(MODEL, len(found), run=1)
    steps = [json.loads(updates.next(found[:done])) for done in range(1, len(found) + 1)]
    last = json.loads(updates.last(found))

    def shown(heard: list[Any]) -> list[tuple[Any, ...]]:
        ranked = page.evaluate(
            "(heard) => { const gallery = popscore.gallery(); heard.forEach((one) => gallery.take(one)); "
            "return gallery.ranked; }",
            heard,
        )
        return [
            (one["index"], one["file"], one["rank"], one["group"], one["group_best"], one["too_close"])
            for one in ranked
        ]

    def expected(done: int) -> list[tuple[Any, ...]]:
        ranking = rank(found[:done], MODEL, group_similar=True)
        return [
            (photo.index, photo.file, photo.rank, photo.group, photo.group_best, photo.too_close)
            for photo in ranking.results
        ]

    for done in (1, 2, 7, 20):
        assert shown(steps[:done]) == expected(done)
    for heard in (steps, steps[::3], steps[5:9], []):
        assert shown([*heard, last]) == expected(len(found))


def test_the_shared_script_runs_once(page: Page) -> None:
    page.evaluate("popscore.first = true")
    for tab in ("Rank", "Video", "Score"):
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("tabpanel").first.wait_for()
    scripts = page.evaluate("[...document.scripts].filter((one) => one.text.startsWith('window.popscore =')).length")
    assert (scripts, page.evaluate("popscore.first")) == (1, True)
