"""Learn my taste: a person chooses between pairs of photos and gets an order of their own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import opened, reload
from holiday import holiday
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running_app import running_app

from popscore.settings import Settings

pytestmark = pytest.mark.browser

PHOTOS = 6


@pytest.fixture(scope="module")
def shots_6(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> list[Path]:
    return holiday(tmp_path_factory.mktemp("holiday"), list(photos.values()), PHOTOS, 1)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings()) as address:
        yield address


@pytest.fixture(params=["desktop", pytest.param("phone", marks=pytest.mark.slow)])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(browser: Browser, size: str) -> Iterator[BrowserContext]:
    phone = size == "phone"
    context = browser.new_context(
        viewport={"width": 390, "height": 844} if phone else {"width": 1400, "height": 900},
        has_touch=phone,
        is_mobile=phone,
        accept_downloads=True,
        reduced_motion="reduce",
    )
    yield context
    context.close()


def names(page: Page) -> list[str]:
    labels = page.locator(".ps-card .pr-photo").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('aria-label'))"
    )
    return [str(label).split(": ")[1].split(",")[0] for label in labels]


def question(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Learn my taste")


def menu(page: Page, item: str) -> None:
    page.locator(".pr-menu summary").click()
    page.get_by_role("button", name=item).click()


def asked(page: Page, number: int) -> list[str]:
    """The two photos of this question, from left to right."""
    expect(question(page).locator(".ps-lead")).to_have_text(re.compile(rf"better\? {number} of"), timeout=30_000)
    expect(question(page).locator(".pr-choice")).to_have_count(2)
    labels = [str(side.get_attribute("aria-label")) for side in question(page).locator(".pr-choice").all()]
    return [label.split(": ")[1] for label in labels]


def test_a_taste_is_learned_used_kept_saved_and_set_aside(
    context: BrowserContext, browser: Browser, url: str, shots_6: list[Path], size: str, tmp_path: Path
) -> None:
    page = opened(context, url)
    page.locator(".pr .ps-files").first.set_input_files(shots_6)
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(page.locator(".ps-card")).to_have_count(PHOTOS)
    by_score = names(page)
    likes = by_score[::-1]  # a person who likes what the score does not

    menu(page, "Learn my taste")
    asked(page, 1)
    found = Axe().run(page, context=".pr-choose")
    assert found.violations_count == 0, found.generate_report()
    for number in range(1, 11):
        left, right = asked(page, number)
        at = 0 if likes.index(left) < likes.index(right) else 1
        if size == "phone":
            question(page).locator(".pr-choice").nth(at).tap()
        else:
            page.keyboard.press("ArrowLeft" if at == 0 else "ArrowRight")
    expect(question(page).locator(".pr-trust")).to_contain_text("of 10 by your taste")
    question(page).get_by_role("button", name="Back").click()
    asked(page, 10)
    question(page).get_by_role("button", name="Order now (9)").click()

    line = page.locator(".pr-taste")
    expect(line).to_contain_text("Ordered by your taste: 9 choices.")
    page.wait_for_function(
        "(before) => document.querySelector('.ps-card .pr-photo').ariaLabel.indexOf(before) < 0", arg=by_score[0]
    )
    by_taste = names(page)
    assert by_taste.index(by_score[0]) > by_taste.index(by_score[-1])
    page.locator(".ps-card .pr-photo").first.click()
    expect(page.locator(".pr-personal")).to_contain_text("By your taste")
    expect(page.locator(".pr-personal")).to_contain_text("By the score alone")
    page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]

    reload(page)
    page.get_by_role("tab", name="Rank").click()
    expect(line).to_contain_text("Ordered by your taste: 9 choices.")
    assert names(page) == by_taste

    with page.expect_download() as download:
        page.get_by_role("button", name="Save my taste").click()
    bank = tmp_path / download.value.suggested_filename
    download.value.save_as(bank)
    assert bank.name == "popscore taste.bank"
    page.get_by_role("button", name="Order by the score").click()
    expect(line).to_contain_text("set aside")
    page.wait_for_function(
        "(first) => document.querySelector('.ps-card .pr-photo').ariaLabel.includes(first)", arg=by_score[0]
    )
    assert names(page) == by_score
    page.get_by_role("button", name="Forget my choices").click()
    expect(line).to_be_hidden()

    # Somebody else, with the bank on a stick.
    other = browser.new_context()
    second = opened(other, url)
    expect(second.locator(".pr-taste")).to_be_hidden()
    second.locator(".pr .ps-files").first.set_input_files(shots_6)
    expect(second.locator(".pr")).to_have_attribute("data-phase", "done", timeout=60_000)
    assert names(second) == by_score
    second.locator(".pb-file").set_input_files(bank)
    expect(second.locator(".pb-badge")).to_contain_text("popscore taste · 9 choices")
    expect(second.locator(".pr-taste")).to_contain_text("Ordered by your taste: popscore taste.bank (9 choices).")
    second.wait_for_function(
        "(before) => document.querySelector('.ps-card .pr-photo').ariaLabel.indexOf(before) < 0", arg=by_score[0]
    )
    assert names(second) == by_taste
    other.close()


@pytest.mark.parametrize("size", ["desktop"])
@pytest.mark.slow
def test_a_lost_connection_loses_no_choice_and_a_broken_bank_changes_nothing(
    context: BrowserContext, url: str, shots_6: list[Path], tmp_path: Path
) -> None:
    page = opened(context, url)
    page.locator(".pr .ps-files").first.set_input_files(shots_6[:4])
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=60_000)
    before = names(page)
    broken = tmp_path / "broken.bank"
    broken.write_bytes(shots_6[0].read_bytes())
    page.locator(".pb-file").set_input_files(broken)
    expect(page.locator(".pb .ps-message")).to_contain_text("no memory bank of popscore")
    expect(page.locator(".pr-taste")).to_be_hidden()
    assert names(page) == before

    menu(page, "Learn my taste")
    asked(page, 1)
    context.set_offline(True)
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(1500)
    context.set_offline(False)
    asked(page, 2)
    page.keyboard.press("s")
    asked(page, 2)
    page.keyboard.press("Escape")
    expect(page.locator(".pr-taste")).to_contain_text("1 choice.")
