"""The scripts that the tabs share: there once, and with the same arithmetic as the server."""

import pytest
from playwright.sync_api import Page

from popscore.ui.kit.band_chart import Axis, spans

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


def test_the_shared_script_runs_once(page: Page) -> None:
    page.evaluate("popscore.first = true")
    for tab in ("Rank", "Video", "Score"):
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("tabpanel").first.wait_for()
    scripts = page.evaluate("[...document.scripts].filter((one) => one.text.startsWith('window.popscore =')).length")
    assert (scripts, page.evaluate("popscore.first")) == (1, True)
