"""A Chromium to drive, and a place for its screenshots."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from running_app import running_app

from popscore.settings import Settings

SCREENSHOTS = Path(__file__).parent / "screenshots"
SIZES = {"desktop": {"width": 1400, "height": 900}, "phone": {"width": 390, "height": 844}}
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_GET_IT = "There is no Chromium. Get it with: apt-get install chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_GET_IT)
        pytest.skip(_GET_IT)
    # Without these, Chromium looks for updates and accounts on other servers.
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=[*quiet, *camera])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings(max_image_bytes=2_000_000, max_files=40)) as url:
        yield url


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser. What it has loaded of the app it keeps, so that each page is there in a moment."""
    context = browser.new_context(permissions=["camera"])
    yield context
    context.close()


def forget(page: Page) -> None:
    """Nothing that a page keeps in the browser is left to the next one."""
    page.evaluate(
        """() => {
            localStorage.clear();
            sessionStorage.clear();
            const cleared = (name) => new Promise((done) => {
                const asked = indexedDB.open(name, 1);
                asked.onupgradeneeded = () => asked.transaction.abort();
                asked.onerror = done;
                asked.onsuccess = () => {
                    const stores = [...asked.result.objectStoreNames];
                    if (!stores.length) return done();
                    const going = asked.result.transaction(stores, 'readwrite');
                    for (const store of stores) going.objectStore(store).clear();
                    going.oncomplete = () => { asked.result.close(); done(); };
                };
            });
            return Promise.all([cleared('popscore'), cleared('popscore bank')]);
        }"""
    )


@pytest.fixture
def page(visitor: BrowserContext, app_url: str, size: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The open app; a screenshot of how the test left it is kept. The page must not have failed meanwhile."""
    page = visitor.new_page()
    page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark" if "dark" in request.keywords else "light")
    page.set_default_timeout(15_000)
    failures: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(app_url)
    page.get_by_text("Embedded appeal model").wait_for()
    yield page
    SCREENSHOTS.mkdir(exist_ok=True)
    name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=size == "phone")
    forget(page)
    page.close()
    assert not failures
    assert [url for url in asked if not url.startswith((app_url, "data:", "blob:"))] == []
