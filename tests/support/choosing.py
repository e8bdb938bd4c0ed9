"""What a person does on the Rank tab, in the words of the tests."""

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from popscore.scoring.scorer import Content
from popscore.workers.readers import IsolatedScorer


def opened(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(url)
    page.get_by_text("Embedded appeal model").wait_for()
    page.get_by_role("tab", name="Rank").click()
    return page


def reload(page: Page) -> None:
    """Load the page again, when a view that was closed has gone back in the history: that ends a reload under way."""
    page.wait_for_function("history.state?.popscore !== 'view'")
    page.reload()


def ranked(page: Page, timeout_s: float = 120) -> None:
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=1000 * timeout_s)


def add(page: Page, files: list[Path]) -> None:
    page.locator(".pr .ps-files").set_input_files(files)


def cards(page: Page) -> Locator:
    return page.get_by_role("list", name="Photos, best first").get_by_role("listitem")


def summary(page: Page) -> Locator:
    return page.locator(".pr .ps-summary")


def focused(page: Page) -> str:
    return str(
        page.evaluate("document.activeElement.closest('.ps-card')?.dataset.id || document.activeElement.tagName")
    )


def press(page: Page, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def saved_zip(page: Page, button: str) -> zipfile.ZipFile:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))


def from_menu(page: Page, name: str) -> bytes:
    with page.expect_download() as download:
        page.locator(".pr-menu summary").click()
        page.locator(".pr-menu").get_by_role("button", name=name).click()
    return Path(download.value.path()).read_bytes()


def slowly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    at_full_speed = IsolatedScorer.content

    def content(scorer: IsolatedScorer, *photo: Any) -> Content:
        time.sleep(seconds)
        return at_full_speed(scorer, *photo)

    monkeypatch.setattr(IsolatedScorer, "content", content)
