"""The Rank tab for everybody: what axe finds, what a finger can hit, what stays on the screen."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from choosing import add, cards, press, ranked
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def axe(page: Page, state: str) -> None:
    found = Axe().run(page, context=".pr")
    assert found.violations_count == 0, f"{state}: {found.generate_report()}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(chosen: Page, scheme: str) -> None:
    chosen.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chosen.wait_for_timeout(1000)  # the page takes its colours over one by one
    axe(chosen, "ranked")
    chosen.locator(".pr-menu summary").click()
    axe(chosen, "menu")
    chosen.locator(".pr-menu summary").click()
    cards(chosen).first.locator(".pr-photo").click()
    expect(chosen.locator(".pr-large .ps-number")).to_be_visible()
    axe(chosen, "large")
    chosen.get_by_role("button", name="Compare the scene").click()
    expect(chosen.locator(".pr-verdict")).not_to_be_empty()
    axe(chosen, "side by side")
    press(chosen, "Escape")
    press(chosen, "Escape")
    chosen.locator(".pr-menu summary").click()
    chosen.get_by_role("button", name="Start over").click()
    axe(chosen, "empty")


@pytest.mark.parametrize("tab", ["Score", "Rank", "Video"])
def test_axe_finds_nothing_in_an_empty_tab(desk: Page, tab: str) -> None:
    desk.get_by_role("tab", name=tab).click()
    desk.wait_for_timeout(300)
    found = Axe().run(desk, context={"include": [[".ps-tabs"]]})
    ours = [
        one["id"]
        for one in found.response["violations"]
        if any(".ps-" in str(node["target"]) or ".p" in str(node["target"])[:6] for node in one["nodes"])
    ]
    assert not ours, found.generate_report()


@pytest.mark.slow
def test_the_bar_stays_at_the_top(desk: Page, phone: Page, photos_60: list[Path]) -> None:
    for page in (desk, phone):
        add(page, photos_60[:30])
        ranked(page)
        page.locator(".pr-menu summary").click()
        page.get_by_role("button", name="Unfold similar").click()
        page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        box = page.get_by_role("button", name="Save the best").bounding_box()
        assert box is not None and 0 <= box["y"] < 120, box


def test_what_is_tapped_is_large_enough(phone: Page, photos_60: list[Path]) -> None:
    add(phone, photos_60[:6])
    ranked(phone)
    small = """() => [...document.querySelectorAll('.pr :is(button, summary, input, select), [role=tab], .ps-foot *')]
        .filter((one) => one.checkVisibility() && one.type !== 'file' && one.type !== 'checkbox')
        .map((one) => [one.innerText || one.ariaLabel, one.getBoundingClientRect().height])
        .filter(([, height]) => height > 2 && height < 40)"""
    assert phone.evaluate(small) == []
    phone.locator(".pr-menu summary").tap()
    assert phone.evaluate(small) == []
    phone.locator(".pr-menu summary").tap()
    cards(phone).first.locator(".pr-photo").tap()
    expect(phone.get_by_text("What it means, and what not").last).to_be_visible()
    assert phone.evaluate(small) == []


def test_close_is_on_the_screen_when_a_phone_lies_on_its_side(phone: Page, photos_60: list[Path]) -> None:
    add(phone, photos_60[:6])
    ranked(phone)
    phone.set_viewport_size({"width": 844, "height": 390})
    cards(phone).first.locator(".pr-photo").tap()
    for name in ("Close", "Keep", "Reject"):
        box = phone.get_by_role("dialog").get_by_role("button", name=name).bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 390, name
        assert box["x"] + box["width"] <= 844, name


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_of_ours_jumps_while_the_page_loads(browser: Browser, url: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 850})
    page = context.new_page()
    page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((list) => {
            for (const one of list.getEntries()) {
                // Gradio's own cover over the page, while it loads.
                const ours = one.sources.filter(({node}) => node && !node.closest?.('.wrap.default.full'));
                if (ours.length && !one.hadRecentInput) window.shifts.push(one.value);
            }
        }).observe({type: 'layout-shift', buffered: true});"""
    )
    page.goto(url)
    page.get_by_text("Embedded appeal model").wait_for()
    page.wait_for_timeout(1000)
    shifted = sum(page.evaluate("window.shifts"))
    context.close()
    assert shifted < 0.05


def test_nothing_moves_for_who_asks_for_that(desk: Page) -> None:
    moving = desk.evaluate(
        """() => [...document.querySelectorAll('.contain *')].filter((one) => {
            const style = getComputedStyle(one);
            return style.transition !== 'none' || style.animationName !== 'none';
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert moving == []
