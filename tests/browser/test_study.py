"""What a person does on the Study tab."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from contrast import check_contrast
from playwright.sync_api import Browser, Locator, Page, expect
from running_app import running_app
from studies import make_study

from popscore.settings import Settings

pytestmark = pytest.mark.browser

PAIRS, TRAINING = 10, 5


@pytest.fixture(params=["desktop"])
def size(request: pytest.FixtureRequest) -> str:
    """The whole journey is done at both widths, the rest at one."""
    return str(request.param)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the answers go to; beside it pairs.csv and 20 photos."""
    return make_study(tmp_path_factory.mktemp("study"), PAIRS, side=240).with_name("pairs.answers.sqlite")


@pytest.fixture(scope="module")
def app_url(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(study_pairs=answers.with_name("pairs.csv"))
    with running_app(tmp_path_factory.mktemp("uploads"), settings) as url:
        yield url


@pytest.fixture
def study(page: Page, app_url: str) -> Page:
    """The Study tab before the first pair."""
    page.goto("about:blank")
    page.goto(f"{app_url}/#study")
    expect(page.get_by_role("button", name="Begin")).to_be_visible()
    return page


@pytest.fixture
def begun(study: Page) -> Page:
    study.get_by_role("button", name="Begin").click()
    expect_pair(study, "Practice 1 of 5")
    return study


def expect_pair(page: Page, where: str) -> None:
    expect(page.locator(".st-where")).to_have_text(where)
    expect(page.locator(".st-stage")).to_have_attribute("aria-busy", "false")


def side(page: Page, name: str) -> Locator:
    return page.locator(f".st-side[data-side={name}]")


def winner(page: Page) -> str:
    """The side of the brighter picture, which was liked more."""
    return str(
        page.evaluate(
            """() => [...document.querySelectorAll('.st-side')].map((side) => {
                const canvas = document.createElement('canvas');
                canvas.getContext('2d').drawImage(side.querySelector('img'), 0, 0, 1, 1);
                return [canvas.getContext('2d').getImageData(0, 0, 1, 1).data[0], side.dataset.side];
            }).sort((a, b) => b[0] - a[0])[0][1]"""
        )
    )


def press(page: Page, chosen: str) -> None:
    page.keyboard.press("ArrowLeft" if chosen == "left" else "ArrowRight")


def practise(page: Page) -> None:
    """All training pairs, by keyboard alone."""
    for number in range(1, TRAINING + 1):
        expect_pair(page, f"Practice {number} of 5")
        press(page, "left")
        expect(page.get_by_role("button", name="Next")).to_be_enabled()
        page.keyboard.press("Enter")
    expect_pair(page, "1 of 5")


def axe(page: Page, state: str) -> None:
    page.wait_for_timeout(250)
    found = Axe().run(page, context=".st")
    assert found.violations_count == 0, f"{state}: {found.generate_report()}"
    check_contrast(page)


def newest(answers: Path) -> list[bool | None]:
    """Which answers of the newest session are right; None without an answer."""
    with sqlite3.connect(answers) as connection:
        rows = connection.execute(
            "SELECT chose_left = winner_left FROM questions WHERE session = (SELECT max(number) FROM sessions) "
            "ORDER BY place"
        ).fetchall()
    return [None if right is None else bool(right) for (right,) in rows]


def turn_clock(answers: Path, seconds: float) -> None:
    """For the newest session so much time has passed."""
    with sqlite3.connect(answers) as connection:
        connection.execute(
            "UPDATE sessions SET begun_s = begun_s - ? WHERE number = (SELECT max(number) FROM sessions)", (seconds,)
        )


@pytest.mark.parametrize("size", ["desktop", pytest.param("phone", marks=pytest.mark.slow)], indirect=True)
@pytest.mark.dark
def test_a_session_from_its_beginning_to_its_end(study: Page, answers: Path, size: str, browser: Browser) -> None:
    axe(study, "welcome")
    expect(study.locator(".st-how")).to_contain_text("The first 5 pairs are for practice")
    study.get_by_role("button", name="Begin").click()
    # The first pair of practice, by hand: the truth is told, and then the answer stays.
    expect_pair(study, "Practice 1 of 5")
    right = winner(study)
    wrong = "left" if right == "right" else "right"
    side(study, wrong).click()
    place = {"left": "upper", "right": "lower"}[right] if size == "phone" else right
    expect(study.locator(".st-told")).to_have_text(f"No, the {place} picture got more likes.")
    expect(side(study, right).locator(".st-mark")).to_have_text("More likes")
    expect(side(study, wrong).locator(".st-mark")).to_have_text("Your choice")
    side(study, right).click(force=True)
    expect(side(study, right)).to_have_attribute("aria-pressed", "false")
    axe(study, "practice")
    if size == "phone":
        small = study.evaluate(
            "[...document.querySelectorAll('.st button')].filter((one) => one.checkVisibility()).filter((one) => "
            "Math.min(one.offsetHeight, one.offsetWidth) < 44).map((one) => one.outerHTML)"
        )
        assert small == []
        for button in ("Previous", "Next", "Stop here"):
            expect(study.get_by_role("button", name=button)).to_be_in_viewport()
    assert study.evaluate("document.documentElement.scrollWidth") <= study.viewport_size["width"]  # type: ignore[index]
    study.get_by_role("button", name="Next").click()
    # The others by keyboard.
    for number in range(2, 6):
        expect_pair(study, f"Practice {number} of 5")
        press(study, winner(study))
        expect(study.locator(".st-told")).to_contain_text("Yes, the")
        study.keyboard.press("Enter")
    expect_pair(study, "1 of 5")
    expect(study.locator(".st-told")).to_have_text("The practice is over. From here on you are not told.")
    press(study, winner(study))
    expect_pair(study, "2 of 5")
    side(study, winner(study)).click()
    expect_pair(study, "3 of 5")
    # Back, and another answer.
    study.get_by_role("button", name="Previous").click()
    expect_pair(study, "2 of 5")
    right = winner(study)
    expect(side(study, right)).to_have_attribute("aria-pressed", "true")
    press(study, "left" if right == "right" else "right")
    expect(side(study, right)).to_have_attribute("aria-pressed", "false")
    expect_pair(study, "2 of 5")
    study.get_by_role("button", name="Next").click()
    expect_pair(study, "3 of 5")
    before = study.evaluate("[...document.querySelectorAll('.st-side img')].map((one) => one.src)")
    # Loaded again, it goes on where it was.
    study.reload()
    expect_pair(study, "3 of 5")
    assert study.evaluate("[...document.querySelectorAll('.st-side img')].map((one) => one.src)") == before
    assert newest(answers)[:7] == [False, True, True, True, True, True, False]
    # Meanwhile somebody else begins.
    other = browser.new_context()
    theirs = other.new_page()
    theirs.goto(study.url)
    theirs.get_by_role("button", name="Begin").click()
    expect_pair(theirs, "Practice 1 of 5")
    press(theirs, "left")
    expect(theirs.locator(".st-told")).to_contain_text("got more likes")
    other.close()
    for number in (3, 4, 5):
        expect_pair(study, f"{number} of 5")
        press(study, winner(study))
    expect(study.locator(".st-told")).to_have_text("That was the last pair.")
    study.get_by_role("button", name="Finish").click()
    expect(study.get_by_role("heading", name="You chose the picture with more likes in 4 of 5 pairs.")).to_be_visible()
    bars = study.locator(".st-bars li")
    expect(bars).to_have_count(4)
    expect(bars.nth(0)).to_have_text("You80 %")
    expect(bars.nth(1)).to_have_text(re.compile(r"^The model of this app, on the same pairs\d+ %$"))
    expect(bars.nth(2)).to_have_text("One person alone, mean of 3066.6 %")
    expect(bars.nth(3)).to_have_text("Majority of 30 people72.4 %")
    expect(study.locator(".st-source")).to_contain_text("Ding, Ma & Wang 2019, on 1,000 of their own pairs")
    axe(study, "end")
    study.reload()
    expect(study.get_by_role("heading", name="You chose the picture with more likes in 4 of 5 pairs.")).to_be_visible()
    study.get_by_role("button", name="Start a new session").click()
    expect(study.get_by_role("button", name="Begin")).to_be_visible()


def test_a_lost_connection_loses_no_answer(begun: Page, answers: Path) -> None:
    came: list[str] = []
    begun.on("requestfinished", lambda sent: came.append(sent.post_data or ""))
    practise(begun)
    # The pair after this one is there ahead of time.
    while not any('"pair"' in one and f'"place":{TRAINING + 1}' in one for one in came):
        begun.wait_for_timeout(50)
    network = begun.context.new_cdp_session(begun)
    network.send("Network.enable")
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", {"offline": True, **conditions})
    first = winner(begun)
    press(begun, first)
    expect_pair(begun, "2 of 5")
    second = winner(begun)
    press(begun, second)
    expect(begun.locator(".st-stage")).to_have_attribute("aria-busy", "true")
    expect(begun.locator(".st-waiting")).to_have_text("The pictures are on their way.")
    expect(begun.get_by_text("The connection is lost. It goes on by itself")).to_be_visible()
    assert newest(answers)[TRAINING:] == [None, None]
    axe(begun, "without a connection")
    # Slow, but there again.
    slow = {"latency": 400, "downloadThroughput": 100_000, "uploadThroughput": 100_000}
    network.send("Network.emulateNetworkConditions", {"offline": False, **slow})
    expect_pair(begun, "3 of 5")
    expect(begun.get_by_text("The connection is lost")).to_be_hidden()
    assert newest(answers)[TRAINING : TRAINING + 2] == [True, True]
    network.send("Network.emulateNetworkConditions", {"offline": False, **conditions})


@pytest.mark.slow
def test_an_answer_that_did_not_arrive_is_sent_after_a_reload(begun: Page, answers: Path) -> None:
    practise(begun)
    begun.route(re.compile("/component_server"), lambda route: route.abort())
    press(begun, winner(begun))
    expect(begun.get_by_text("The connection is lost")).to_be_visible()
    assert newest(answers)[TRAINING] is None
    begun.unroute_all()
    begun.reload()
    # It may have arrived just before the page was loaded again, which then shows the pair that was answered.
    expect(begun.locator(".st-where")).to_have_text(re.compile("[12] of 5"))
    for _ in range(50):
        if newest(answers)[TRAINING]:
            break
        begun.wait_for_timeout(100)
    assert newest(answers)[TRAINING] is True


@pytest.mark.slow
def test_the_session_ends_by_itself_when_half_an_hour_is_over(begun: Page, answers: Path) -> None:
    practise(begun)
    press(begun, winner(begun))
    expect_pair(begun, "2 of 5")
    turn_clock(answers, 1770)
    begun.reload()
    expect(begun.locator(".st-time")).to_have_text("1 minute left")
    turn_clock(answers, 29)
    press(begun, winner(begun))
    expect(begun.get_by_role("heading", name="You chose the picture with more likes in 2 of 2 pairs.")).to_be_visible()
    expect(begun.locator(".st-note")).to_contain_text("Half an hour is over. With 2 pairs this is rough: anything from")


@pytest.mark.slow
def test_one_can_stop_and_think_again(begun: Page) -> None:
    practise(begun)
    press(begun, winner(begun))
    expect_pair(begun, "2 of 5")
    begun.get_by_role("button", name="Stop here").click()
    dialog = begun.get_by_role("dialog", name="Stop here? The session ends, and your 1 answer is kept.")
    expect(dialog).to_be_visible()
    axe(begun, "stop")
    begun.keyboard.press("ArrowLeft")
    dialog.get_by_role("button", name="Go on").click()
    expect_pair(begun, "2 of 5")
    expect(begun.locator(".st-side[aria-pressed=true]")).to_have_count(0)
    begun.get_by_role("button", name="Stop here").click()
    dialog.get_by_role("button", name="Stop and see the summary").click()
    expect(begun.get_by_role("heading", name="in 1 of 1 pair.")).to_be_visible()


@pytest.mark.slow
def test_a_session_that_is_not_known_begins_anew(study: Page) -> None:
    study.evaluate("localStorage.setItem('popscore study', JSON.stringify({session: 'nobody', place: 7, waiting: []}))")
    study.reload()
    expect(study.get_by_role("button", name="Begin")).to_be_visible()
    study.evaluate("localStorage.setItem('popscore study', '{]')")
    study.reload()
    expect(study.get_by_role("button", name="Begin")).to_be_visible()


@pytest.mark.slow
def test_a_study_that_cannot_be_says_why(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").touch()
    with running_app(tmp_path / "uploads", Settings(study_pairs=tmp_path / "pairs.csv")) as url:
        page = browser.new_page()
        page.goto(f"{url}/#study")
        expect(page.get_by_role("alert").filter(has_text="pairs.csv is empty")).to_be_visible()
        expect(page.get_by_role("button", name="Begin")).to_be_hidden()
        make_study(tmp_path, 4)
        expect(page.get_by_role("button", name="Begin")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("alert").filter(has_text="pairs.csv is empty")).to_be_hidden()
        page.close()


@pytest.mark.slow
def test_pictures_that_vanish_are_replaced_while_one_answers(browser: Browser, tmp_path: Path) -> None:
    with running_app(tmp_path / "uploads", Settings(study_pairs=make_study(tmp_path / "study", 12))) as url:
        page = browser.new_page()
        page.goto(f"{url}/#study")
        page.get_by_role("button", name="Begin").click()
        expect_pair(page, "Practice 1 of 6")
        for number in range(10):
            (tmp_path / "study" / f"w{number}.png").unlink()
        finish = page.get_by_role("button", name="Finish")
        for _ in range(5):
            expect(page.locator(".st-stage")).to_have_attribute("aria-busy", "false")
            place = page.locator(".st-side").first.get_attribute("aria-label")
            press(page, "left")
            forward = page.locator("[data-do=next]")
            expect(forward.or_(page.locator(".st-side").first)).not_to_have_count(0)
            page.wait_for_function(
                "(place) => !document.querySelector('[data-do=next]').disabled "
                "|| document.querySelector('.st-side').getAttribute('aria-label') !== place",
                arg=place,
            )
            if finish.is_visible():
                break
            if page.locator("[data-do=next]").is_enabled():
                page.keyboard.press("Enter")
                page.wait_for_function(
                    "(place) => document.querySelector('.st-side').getAttribute('aria-label') !== place", arg=place
                )
        finish.click()
        expect(page.locator(".st-result")).to_be_visible()
        page.close()
