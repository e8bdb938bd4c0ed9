"""A Chromium to drive, and a place for its screenshots."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from choosing import add, opened, ranked
from holiday import holiday
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from running_app import running_app

from popscore.settings import Settings

SCREENSHOTS = Path(__file__).parent / "screenshots"
SIZES = {"desktop": {"width": 1400, "height": 900}, "phone": {"width": 390, "height": 844}}
# The first one has no window to draw: a page costs it half the time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# For one step of a page: it asks the server, and three tests share two cores.
PATIENCE_MS = 20_000
_GET_IT = "There is no Chromium. Get it with: apt-get install chromium-headless-shell, or chromium"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=None)


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
    context = browser.new_context(permissions=["camera"], reduced_motion="reduce")
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
    page.set_default_timeout(PATIENCE_MS)
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


# --- the Rank tab with many photos ------------------------------------------------------------------


@pytest.fixture(scope="session")
def photos_60(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> list[Path]:
    return holiday(tmp_path_factory.mktemp("holiday"), list(photos.values()), scenes=20, shots=3)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings(max_image_bytes=5_000_000)) as address:
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor of his own, who has been nowhere yet."""
    context = browser.new_context(
        # No transitions: what is measured in the middle of one is nothing that stays.
        viewport={"width": 1400, "height": 900},
        accept_downloads=True,
        reduced_motion="reduce",
    )
    yield context
    context.close()


@pytest.fixture
def desk(context: BrowserContext, url: str) -> Page:
    return opened(context, url)


@pytest.fixture
def phone(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    yield opened(context, url)
    context.close()


@pytest.fixture
def chosen(desk: Page, photos_60: list[Path]) -> Page:
    """Twelve photos of four scenes, ranked."""
    add(desk, photos_60[:12])
    ranked(desk)
    return desk
