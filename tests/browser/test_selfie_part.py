"""What is said about a photo as a selfie is asked for a second time where the first answer does not come."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("size", ["desktop"])]

_TOO_MUCH = {"message": "The server has too much to do. Try again in a minute.", "busy": True}
FAILURES: dict[str, Callable[[Route], None]] = {
    "the answer is lost": lambda route: route.abort(),
    "the server is busy": lambda route: route.fulfill(json=_TOO_MUCH),
}


def failing(page: Page, fails: Callable[[Route], None], times: int) -> list[str]:
    """The first of the page's questions about a selfie fail; the list has all of them."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        question = route.request.post_data or ""
        if not re.search(r'"fn_name":\s*"selfie"', question):
            route.continue_()
            return
        asked.append(question)
        if len(asked) > times:
            route.continue_()
        else:
            fails(route)

    page.route(re.compile("/component_server"), answer)
    return asked


def scored(page: Page, photo: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#answer .ps-looks").wait_for(timeout=60_000)


@pytest.mark.parametrize("fails", ["the answer is lost", pytest.param("the server is busy", marks=pytest.mark.slow)])
def test_it_is_asked_for_again(page: Page, photos: dict[str, Path], fails: str) -> None:
    asked = failing(page, FAILURES[fails], times=1)
    scored(page, photos["astronaut"])
    expect(page.get_by_role("region", name="As a selfie")).to_contain_text("Happy", timeout=60_000)
    assert len(asked) == 2
    page.unroute_all()


@pytest.mark.slow
def test_after_the_second_time_it_is_left_alone(page: Page, photos: dict[str, Path]) -> None:
    asked = failing(page, FAILURES["the answer is lost"], times=9)
    scored(page, photos["astronaut"])
    page.wait_for_timeout(6000)  # three times as long as until the second question
    assert len(asked) == 2
    expect(page.locator(".ps-selfie")).to_be_hidden()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
    page.unroute_all()
