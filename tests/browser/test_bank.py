"""The memory bank of the page: loaded in one place, used by every tab, and put away again."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from bank_posts import write_posts
from contrast import check_contrast
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

import popscore
from popscore.personal.bank import MemoryBank

pytestmark = pytest.mark.browser

WAIT_MS = 30_000  # looking at a photo takes seconds on a machine that has much to do
SAYS = re.compile("People who follow you liked pictures like these|Your posts")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    folder = tmp_path_factory.mktemp("posts")
    posts = write_posts(folder, photos)
    made = MemoryBank.from_posts(
        posts, images=folder / "photos", scorer=popscore.load_scorer(), people=False, previews=True
    )
    made.save(folder / "Ann.bank")
    return folder / "Ann.bank"


def badge(page: Page) -> Locator:
    return page.locator(".pb-badge")


def own(page: Page) -> Locator:
    return page.locator("#answer .ps-own")


def load(page: Page, bank: Path) -> None:
    page.locator(".pb-file").set_input_files(bank)
    expect(badge(page)).to_contain_text("Ann · 4 posts", timeout=WAIT_MS)


def example(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    expect(page.locator("#answer .ps-number")).to_be_visible(timeout=WAIT_MS)


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_bank_is_loaded_in_one_place_and_the_score_says_what_followers_liked(
    page: Page, bank: Path, cat: Path
) -> None:
    example(page, "Cat")
    expect(own(page)).to_be_hidden()
    page.get_by_role("button", name="Use a memory bank").click()
    about = page.get_by_role("group", name="Memory bank")
    expect(about).to_contain_text("stays in this browser until you remove it")
    with page.expect_file_chooser() as chooser:
        about.get_by_role("button", name="Choose a bank file").click()
    chooser.value.set_files(bank)
    expect(badge(page)).to_contain_text("Ann · 4 posts", timeout=WAIT_MS)
    expect(about).to_be_hidden()

    expect(own(page)).to_contain_text("For people who follow you", timeout=WAIT_MS)
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)
    expected = popscore.rank_images([cat], bank=MemoryBank.open(bank)).results[0]
    expect(own(page).locator(".po-score b")).to_have_text(f"{expected.personal_score:.2f}")
    expect(page.locator("#answer .ps-number")).to_have_text(f"{expected.score:.2f}")
    expect(own(page).get_by_role("img", name=re.compile("Your post p"))).to_have_count(3, timeout=WAIT_MS)
    expect(own(page)).to_contain_text("x your usual")
    found = Axe().run(page, context=".ps-top, .ps-own")
    assert found.violations_count == 0, found.generate_report()
    assert fits(page)

    page.reload()
    expect(badge(page)).to_contain_text("Ann · 4 posts", timeout=WAIT_MS)
    example(page, "Coffee")
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)
    page.get_by_role("button", name="Remove the memory bank Ann").click()
    expect(badge(page)).to_be_hidden()
    expect(own(page)).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Use a memory bank")).to_be_visible()


@pytest.mark.slow
def test_rank_and_video_go_by_the_same_bank(page: Page, bank: Path, photos: dict[str, Path], clip: Path) -> None:
    page.get_by_role("tab", name="Rank").click()
    page.locator(".pr .ps-files").first.set_input_files(list(photos.values()))
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=60_000)
    expect(page.locator(".pr-taste")).to_be_hidden()
    load(page, bank)
    line = page.locator(".pr-taste")
    expect(line).to_contain_text("Ordered for people who follow you: Ann.bank (4 posts).")
    page.wait_for_function("document.querySelector('.ps-card .ps-chip')")
    first = popscore.rank_images(list(photos.values()), bank=MemoryBank.open(bank)).best
    page.wait_for_function(
        "(name) => document.querySelector('.ps-card .pr-photo').ariaLabel.includes(name)", arg=Path(first.file).name
    )
    page.locator(".ps-card .pr-photo").first.click()
    says = page.locator(".pr-personal")
    expect(says).to_contain_text(SAYS, timeout=WAIT_MS)
    expect(says).to_contain_text("By the score alone")
    expect(says.get_by_role("img", name=re.compile("Your post p"))).to_have_count(3, timeout=WAIT_MS)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Order by the score").click()
    expect(line).to_contain_text("Your memory bank is set aside")
    page.get_by_role("button", name="Order by my bank").click()
    expect(line).to_contain_text("Ordered for people who follow you")
    assert fits(page)

    page.get_by_role("tab", name="Video").click()
    page.locator(".pv-every").fill("90")
    page.locator(".pv .ps-files").set_input_files(clip)
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done", timeout=90_000)
    expect(page.locator(".pv-bank")).to_have_text("Ordered for people who follow you: Ann.bank (4 posts).")
    card = page.locator(".pv-frames .ps-card").first
    expect(card).to_contain_text(SAYS, timeout=WAIT_MS)
    expect(card).to_contain_text("By the score alone")
    assert fits(page)
    page.get_by_role("button", name=re.compile("Remove the memory bank")).click()
    expect(page.locator(".pv-bank")).to_contain_text("not in use any more. Look again to order them by the score.")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".pv-bank")).to_be_hidden(timeout=90_000)
    expect(page.locator(".pv-frames .po")).to_have_count(0)
    page.get_by_role("tab", name="Rank").click()
    expect(line).to_be_hidden()


@pytest.mark.slow
def test_crops_go_by_the_bank(page: Page, bank: Path) -> None:
    example(page, "Cat")
    page.locator("#answer").get_by_role("button", name="Crop").click()
    line = page.locator(".pl-score")
    expect(line).to_contain_text("against the whole photo", timeout=2 * WAIT_MS)
    plain = line.inner_text()
    load(page, bank)
    page.locator("#answer").get_by_role("button", name="Crop").click()
    expect(page.locator(".pl-words")).to_contain_text("the one by your memory bank", timeout=WAIT_MS)
    expect(line).not_to_have_text(plain, timeout=WAIT_MS)
    page.locator(".pl-crop").press("ArrowRight")
    expect(page.locator(".pl-words .ps-lead")).to_have_text("Your own crop.")
    expect(line).to_contain_text("against the whole photo", timeout=2 * WAIT_MS)


@pytest.mark.slow
def test_what_is_no_bank_is_refused_and_changes_nothing(
    page: Page, bank: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    load(page, bank)
    odd = tmp_path / ("a very long name " * 8 + ".bank")
    odd.write_bytes(b"PK\3\4" + bytes(100))
    damaged = tmp_path / "damaged.bank"
    damaged.write_bytes(bank.read_bytes()[:8000])
    message = page.locator(".pb .ps-message")
    for path, said in ((odd, "is a ZIP, not a memory bank"), (photos["cat"], "no memory bank"), (damaged, "bank add")):
        page.locator(".pb-file").set_input_files(path)
        expect(message).to_contain_text(said, timeout=WAIT_MS)
        expect(badge(page)).to_contain_text("Ann · 4 posts", timeout=WAIT_MS)
        assert fits(page)
    page.keyboard.press("Escape")
    expect(message).to_be_hidden()
    example(page, "Cat")
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)


@pytest.mark.slow
def test_two_tabs_have_the_same_bank_and_another_visitor_has_none(
    page: Page, visitor: BrowserContext, browser: Browser, app_url: str, bank: Path
) -> None:
    second = visitor.new_page()
    second.goto(app_url)
    stranger = browser.new_context()
    third = stranger.new_page()
    third.goto(app_url)
    for other in (second, third):
        other.get_by_role("button", name="Use a memory bank").wait_for()
    load(page, bank)
    expect(badge(second)).to_contain_text("Ann · 4 posts", timeout=WAIT_MS)
    for other in (second, third):
        example(other, "Cat")
    expect(own(second)).to_contain_text(SAYS, timeout=WAIT_MS)
    expect(badge(third)).to_be_hidden()
    expect(own(third)).to_be_hidden()
    third.reload()
    expect(third.get_by_role("button", name="Use a memory bank")).to_be_visible()
    second.get_by_role("button", name=re.compile("Remove the memory bank")).click()
    expect(badge(page)).to_be_hidden()
    second.close()
    stranger.close()


@pytest.mark.slow
def test_a_slow_upload_can_be_stopped_and_a_lost_one_is_told(page: Page, bank: Path) -> None:
    held: list[Route] = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    page.locator(".pb-file").set_input_files(bank)
    expect(badge(page)).to_contain_text("Reading Ann.bank")
    assert fits(page)
    page.get_by_role("button", name="Stop reading Ann.bank").click()
    expect(badge(page)).to_be_hidden()
    for route in held:
        route.abort()
    page.unroute("**/gradio_api/upload*")
    page.route("**/gradio_api/upload*", lambda route: route.abort())
    page.locator(".pb-file").set_input_files(bank)
    expect(page.locator(".pb .ps-message")).to_contain_text("Ann.bank did not arrive. Check the connection")
    page.unroute("**/gradio_api/upload*")
    load(page, bank)


@pytest.mark.slow
def test_a_bank_that_the_server_has_deleted_is_sent_once_more(page: Page, bank: Path) -> None:
    load(page, bank)
    for path in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("Ann.bank"):
        path.unlink()
    example(page, "Cat")
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)
    expect(own(page).get_by_role("img", name=re.compile("Your post p"))).to_have_count(3, timeout=WAIT_MS)


@pytest.mark.slow
def test_without_an_answer_it_can_be_tried_again(page: Page, bank: Path) -> None:
    load(page, bank)
    page.route("**/component_server/**", lambda route: route.abort())
    example(page, "Cat")
    expect(own(page)).to_contain_text("Your memory bank did not answer.")
    page.unroute("**/component_server/**")
    own(page).get_by_role("button", name="Try again").click()
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable(page: Page, bank: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.get_by_role("button", name="Use a memory bank").click()
    check_contrast(page)
    load(page, bank)
    example(page, "Coffee")
    expect(own(page)).to_contain_text(SAYS, timeout=WAIT_MS)
    check_contrast(page)
