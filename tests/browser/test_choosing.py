"""Whole jobs on the Rank tab: photos in, some chosen, a ZIP out, with what goes wrong on the way."""

import csv
import io
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from holiday import holiday
from PIL import ExifTags, Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running_app import running_app
from shots import blinking, shake
from sidecars import rating_of

from popscore.scoring.scorer import Content
from popscore.settings import Settings
from popscore.workers.readers import IsolatedScorer

pytestmark = pytest.mark.browser

SCENES, SHOTS = 20, 3


@pytest.fixture(scope="module")
def photos_60(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> list[Path]:
    return holiday(tmp_path_factory.mktemp("holiday"), list(photos.values()), SCENES, SHOTS)


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


def opened(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(url)
    page.get_by_text("Embedded appeal model").wait_for()
    page.get_by_role("tab", name="Rank").click()
    return page


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


# --- the whole job ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sixty_photos_are_chosen_from_by_keyboard_alone(desk: Page, photos_60: list[Path]) -> None:
    add(desk, photos_60)
    ranked(desk)
    expect(summary(desk)).to_contain_text("60 photos")
    # Into the grid by Tab, then along it.
    desk.get_by_role("button", name="Not rejected").focus()
    for _ in range(12):
        desk.keyboard.press("Tab")
        if focused(desk).startswith("p"):
            break
    first = focused(desk)
    assert first.startswith("p"), "Tab does not lead into the grid"
    for number in range(1, 13):
        press(desk, "k")
        assert focused(desk).startswith("p"), "the focus is lost after a decision"
        expect(summary(desk)).to_contain_text(f"{number} kept" if number >= 10 else f"{number} of 10 kept")
        press(desk, "ArrowRight")
    press(desk, "x")
    expect(summary(desk)).to_contain_text("12 kept")
    desk.keyboard.press("Control+z")
    expect(cards(desk).locator('[aria-pressed="true"]', has_text="Reject")).to_have_count(0)
    # Reload in the middle: the tab, the photos and the decisions are there, the originals are asked for.
    desk.reload()
    expect(summary(desk)).to_contain_text("12 kept", timeout=30_000)
    expect(desk.get_by_role("tab", name="Rank")).to_have_attribute("aria-selected", "true")
    desk.get_by_role("button", name="Save 12 kept as ZIP").focus()
    press(desk, "Enter")
    expect(desk.locator(".pr-needs")).to_contain_text("12 originals are needed")
    add(desk, photos_60)
    expect(desk.get_by_text("60 originals are here again")).to_be_visible()
    ranked(desk)
    expect(summary(desk)).to_contain_text("60 photos")
    packed = saved_zip(desk, "Save 12 kept as ZIP")
    originals = {path.name: path.read_bytes() for path in photos_60}
    assert len(packed.namelist()) == 12
    ranks = []
    for name in packed.namelist():
        rank, _, original = name.partition("_")
        ranks.append(int(rank))
        assert packed.read(name) == originals[original], "the original, not the copy"
    assert ranks == sorted(ranks)
    assert packed.testzip() is None
    rows = list(csv.DictReader(io.StringIO(from_menu(desk, "Table of all 60").decode("utf-8-sig"))))
    kept = {row["file"]: int(row["rank"]) for row in rows if row["decision"] == "keep"}
    assert len(rows) == 60 and len(kept) == 12
    assert sorted(kept.values()) == ranks
    assert {name.partition("_")[2] for name in packed.namelist()} == set(kept)
    assert all((row["width"], row["height"]) == ("1582", "1188") for row in rows), "the size of the original"
    assert sorted(int(row["tier"]) for row in rows) == [int(row["tier"]) for row in rows]


def test_sixty_photos_are_chosen_from_by_touch(phone: Page, photos_60: list[Path]) -> None:
    add(phone, photos_60)
    ranked(phone)
    first = cards(phone).first.bounding_box()
    assert first is not None and first["y"] + first["height"] < 844, "the first photo is not on the first screen"
    phone.get_by_label("How many do you want?").fill("12")
    phone.get_by_role("button", name="Choose", exact=True).tap()
    expect(summary(phone)).to_contain_text("12 kept")
    expect(cards(phone).first).to_be_visible()
    # A swipe leads to the next photo; a decision too.
    cards(phone).first.locator(".pr-photo").tap()
    large = phone.get_by_role("dialog")
    expect(large).to_be_visible()
    place = large.locator(".pr-place")
    before = place.inner_text()
    swipe(phone)
    expect(place).not_to_have_text(before)
    large.get_by_role("button", name="Reject").tap()
    expect(summary(phone)).to_contain_text("11 of 12 kept")
    phone.go_back()
    expect(large).to_be_hidden()
    expect(phone.locator(".pr")).to_be_visible()
    phone.get_by_role("button", name="Undo").tap()
    expect(summary(phone)).to_contain_text("12 kept")
    phone.reload()
    expect(summary(phone)).to_contain_text("12 kept", timeout=30_000)
    add(phone, photos_60)
    expect(phone.get_by_text("60 originals are here again")).to_be_visible()
    ranked(phone)
    assert len(saved_zip(phone, "Save 12 kept as ZIP").namelist()) == 12
    with zipfile.ZipFile(io.BytesIO(from_menu(phone, "Star ratings of all 60"))) as stars:
        assert len(stars.namelist()) == 120
        assert all(rating_of(stars.read(name))[0] in "12345" for name in stars.namelist())
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def swipe(page: Page) -> None:
    """From right to left over the photo, as a finger does."""
    page.evaluate(
        """() => {
            const stage = document.querySelector('.pr-large .pr-stage');
            const at = (type, x) => stage.dispatchEvent(new PointerEvent(type, {
                pointerId: 7, pointerType: 'touch', clientX: x, clientY: 200, bubbles: true, isPrimary: true}));
            stage.setPointerCapture = () => {};
            at('pointerdown', 320); at('pointermove', 200); at('pointermove', 90); at('pointerup', 80);
        }"""
    )


# --- what goes wrong on the way -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_gap_of_the_connection_is_waited_for(desk: Page, context: BrowserContext, photos_60: list[Path]) -> None:
    desk.evaluate("window.stillHere = true")
    add(desk, photos_60[:20])
    expect(cards(desk).locator(".ps-rank:visible").first).to_be_visible(timeout=60_000)
    context.set_offline(True)
    expect(desk.get_by_text("The connection is gone. Going on as soon as it is back")).to_be_visible()
    desk.wait_for_timeout(5000)
    context.set_offline(False)
    ranked(desk)
    expect(summary(desk)).to_contain_text("20 photos")
    assert desk.evaluate("window.stillHere"), "the page was loaded again"
    assert desk.locator(".pr-failed li").count() == 0


def test_start_over_stops_and_can_be_taken_back(
    desk: Page, photos_60: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 0.3)
    add(desk, photos_60[:24])
    expect(cards(desk).locator(".ps-rank:visible").first).to_be_visible(timeout=60_000)
    desk.locator(".pr-menu summary").click()
    desk.get_by_role("button", name="Start over").click()
    expect(desk.get_by_text("Drop all the photos you choose from")).to_be_visible()
    desk.wait_for_timeout(2500)
    expect(cards(desk)).to_have_count(0)
    expect(desk.locator(".pr > .ps-message")).to_be_hidden()
    desk.get_by_role("button", name="Bring the photos back").click()
    expect(cards(desk).first).to_be_visible()
    expect(summary(desk)).to_contain_text("not scored")
    desk.get_by_role("button", name="Score the rest").click()
    ranked(desk)
    expect(summary(desk)).to_contain_text("24 photos")


def test_a_stop_forgets_nothing(desk: Page, photos_60: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(monkeypatch, 0.3)
    add(desk, photos_60[24:44])
    desk.get_by_role("button", name="Stop").click()
    expect(summary(desk)).to_contain_text(re.compile(r"stopped: \d+ not scored"))
    expect(desk.locator(".ps-busy")).to_be_hidden()
    desk.get_by_role("button", name="Score the rest").click()
    ranked(desk)
    expect(summary(desk)).to_contain_text("20 photos")


def test_two_visitors_do_not_see_each_other(desk: Page, phone: Page, photos_60: list[Path]) -> None:
    add(desk, photos_60[:6])
    add(phone, photos_60[6:10])
    ranked(desk)
    ranked(phone)
    expect(summary(desk)).to_contain_text("6 photos")
    expect(summary(phone)).to_contain_text("4 photos")


def test_another_tab_of_the_same_browser_does_not_write_over_the_gallery(
    desk: Page, context: BrowserContext, url: str, photos_60: list[Path]
) -> None:
    add(desk, photos_60[:6])
    ranked(desk)
    other = opened(context, url)
    expect(other.get_by_text("Drop all the photos you choose from")).to_be_visible()
    add(other, photos_60[30:33])
    ranked(other)
    other.close()
    desk.reload()
    expect(summary(desk)).to_contain_text("6 photos")


def test_what_is_no_photo_is_left_out_with_one_count(desk: Page, photos_60: list[Path], tmp_path: Path) -> None:
    others = []
    for name in ("a.jpg.xmp", "a.xmp", "notes.txt", "raw.cr2", "clip.mp4", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"<x/>")
        others.append(tmp_path / name)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos_60[0].read_bytes()[:20_000])
    add(desk, [*photos_60[:3], *others, broken])
    ranked(desk)
    expect(desk.get_by_text("5 files that are no photos were left out. 1 raw file was left out")).to_be_visible()
    expect(summary(desk)).to_contain_text("3 photos")
    expect(summary(desk)).to_contain_text("1 could not be read")
    add(desk, photos_60[:4])
    ranked(desk)
    expect(desk.get_by_text("3 photos were there already.")).to_be_visible()
    expect(summary(desk)).to_contain_text("4 photos")


def test_a_photo_that_is_too_large_is_not_sent(desk: Page, tmp_path: Path) -> None:
    sent: list[int] = []
    desk.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    large = tmp_path / "large.heic"
    large.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 6_000_000)
    add(desk, [large])
    expect(desk.get_by_text("large.heic is too large: the limit is 5 MB")).to_be_visible()
    assert max(sent, default=0) < 100_000


def test_little_is_sent(desk: Page, photos_60: list[Path]) -> None:
    sent: list[int] = []
    desk.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    add(desk, photos_60[:12])
    ranked(desk)
    whole = sum(path.stat().st_size for path in photos_60[:12])
    assert sum(sent) < whole, (sum(sent), whole)


# --- keys, views, groups ------------------------------------------------------------------------------


@pytest.fixture
def chosen(desk: Page, photos_60: list[Path]) -> Page:
    """Twelve photos of four scenes, ranked."""
    add(desk, photos_60[:12])
    ranked(desk)
    return desk


def test_the_focus_stays_and_arrows_go_in_two_dimensions(chosen: Page) -> None:
    chosen.locator(".pr-menu summary").click()
    chosen.get_by_role("button", name="Unfold similar").click()
    cards(chosen).first.locator(".pr-photo").focus()
    first = focused(chosen)
    press(chosen, "x")
    assert focused(chosen) == first
    press(chosen, "ArrowDown")
    below = focused(chosen)
    boxes = [chosen.locator(f'.ps-card[data-id="{id}"]').bounding_box() for id in (first, below)]
    assert boxes[0] and boxes[1] and boxes[1]["y"] > boxes[0]["y"]
    press(chosen, "ArrowUp")
    assert focused(chosen) == first
    press(chosen, "End")
    press(chosen, "Home")
    assert focused(chosen) == first
    # What leaves the list gives the focus to the one in its place.
    chosen.get_by_role("button", name="Not rejected").click()
    cards(chosen).first.locator(".pr-photo").focus()
    press(chosen, "x")
    assert focused(chosen).startswith("p")
    # After Escape one is where one was.
    here = focused(chosen)
    press(chosen, "Enter")
    expect(chosen.get_by_role("dialog")).to_be_visible()
    press(chosen, "Escape")
    expect(chosen.get_by_role("dialog")).to_be_hidden()
    assert focused(chosen) == here


def test_a_card_keeps_its_picture_when_something_changes(chosen: Page) -> None:
    card = cards(chosen).first
    card.evaluate("(one) => { one.marked = true; one.querySelector('img').marked = true; }")
    card.get_by_role("button", name="Keep").click()
    assert card.evaluate("(one) => one.marked && one.querySelector('img').marked")
    expect(card.get_by_role("button", name="Keep")).to_be_focused()


def test_zoom_stays_while_one_flips(chosen: Page) -> None:
    cards(chosen).first.locator(".pr-photo").click()
    press(chosen, "z")
    image = chosen.locator(".pr-large .pr-pane img")
    transform = image.evaluate("(one) => one.style.transform")
    assert "scale(3)" in transform
    press(chosen, "ArrowRight")
    assert image.evaluate("(one) => one.style.transform") == transform
    press(chosen, "z")
    assert image.evaluate("(one) => one.style.transform") == ""


def test_photos_of_a_scene_are_compared_until_one_is_left(chosen: Page) -> None:
    cards(chosen).first.locator(".pr-photo").click()
    chosen.get_by_role("button", name="Compare the scene").click()
    versus = chosen.get_by_role("dialog", name="Photos side by side")
    expect(versus.get_by_role("img")).to_have_count(2)
    expect(versus).to_contain_text("1 more to come")
    expect(versus.locator(".pr-verdict")).to_contain_text(re.compile("Left|Right"))
    winner = versus.locator("figure").nth(1).get_attribute("data-id")
    press(chosen, "2")
    expect(versus.locator("figure").nth(1)).to_have_attribute("data-id", winner or "")
    press(chosen, "2")
    expect(versus.get_by_role("img")).to_have_count(1)
    versus.get_by_role("button", name="Keep it, reject the others").click()
    expect(versus).to_be_hidden()
    expect(summary(chosen)).to_contain_text("1 of 10 kept")
    press(chosen, "Escape")
    chosen.get_by_role("button", name="Undo").click()
    expect(summary(chosen)).to_contain_text("0 kept")


def test_photos_side_by_side_are_zoomed_together(chosen: Page) -> None:
    cards(chosen).first.locator(".pr-photo").click()
    chosen.get_by_role("button", name="Compare the scene").click()
    press(chosen, "z")
    transforms = chosen.locator(".pr-sides img").evaluate_all("(all) => all.map((one) => one.style.transform)")
    assert len(transforms) == 2 and len(set(transforms)) == 1 and "scale(3)" in transforms[0]


def test_photos_are_put_into_and_taken_out_of_a_scene(chosen: Page) -> None:
    scenes = int(re.findall(r"(\d+) scene", summary(chosen).inner_text())[0])
    cards(chosen).first.locator(".pr-photo").click()
    chosen.get_by_role("button", name="A scene of its own").click()
    expect(summary(chosen)).to_contain_text(f"{scenes + 1} scenes")
    expect(chosen.locator(".pr-others")).to_be_hidden()
    press(chosen, "ArrowRight")
    chosen.get_by_role("button", name="Join the scene before").click()
    expect(chosen.locator(".pr-others button")).to_have_count(2)
    press(chosen, "Escape")
    chosen.reload()
    expect(summary(chosen)).to_contain_text(f"{scenes + 1} scenes", timeout=30_000)
    expect(cards(chosen).first.get_by_role("button", name="best of 2")).to_be_visible()


def test_one_press_keeps_the_best_of_each_group(chosen: Page) -> None:
    chosen.locator(".pr-menu summary").click()
    chosen.get_by_role("button", name="Keep the best of each group").click()
    expect(summary(chosen)).to_contain_text(re.compile(r"[34] of 10 kept"))
    chosen.get_by_role("button", name="Undo").click()
    expect(summary(chosen)).to_contain_text("0 kept")


def test_a_shaken_shot_and_closed_eyes_give_way_in_their_scenes(
    desk: Page, photos: dict[str, Path], tmp_path: Path
) -> None:
    """The scores hardly differ; the cards say why, and one press goes back to the order by score."""
    portrait, cup = (Image.open(photos[name]).convert("RGB") for name in ("astronaut", "coffee"))
    files = []
    for minute, name, shot in (
        (1, "blink.jpg", blinking(portrait)),
        (1, "open.jpg", portrait),
        (20, "shaken.jpg", shake(cup, 8, 0.3)),
        (20, "steady.jpg", cup),
    ):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"2026:07:01 09:{minute:02}:00"
        files.append(tmp_path / name)
        shot.save(files[-1], quality=92, exif=exif)
    add(desk, files)
    ranked(desk)
    expect(summary(desk)).to_contain_text("4 photos · 2 scenes")
    desk.locator(".pr-menu summary").click()
    desk.get_by_role("button", name="Unfold similar").click()
    notes = {
        str(card.locator(".pr-photo").get_attribute("aria-label")).split(": ")[1].split(",")[0]: card.locator(
            ".pr-note"
        ).inner_text()
        for card in cards(desk).all()
    }
    assert list(notes).index("open.jpg") < list(notes).index("blink.jpg")
    assert list(notes).index("steady.jpg") < list(notes).index("shaken.jpg")
    assert notes == {
        "open.jpg": "eyes open",
        "blink.jpg": "eyes closed: 1 of 1",
        "steady.jpg": "sharpest of 2",
        "shaken.jpg": "less sharp",
    }
    cards(desk).first.locator(".pr-photo").click()
    expect(desk.locator(".pr-reason")).to_be_visible()
    press(desk, "Escape")
    who = desk.get_by_label("People on the photos")
    who.select_option("closed")
    expect(cards(desk)).to_have_count(1)
    expect(cards(desk).locator(".pr-note")).to_have_text("eyes closed: 1 of 1")
    who.select_option("none")
    expect(cards(desk)).to_have_count(2)
    who.select_option("all")
    for button in ("In a scene, the better shots", "Look for people"):
        desk.locator(".pr-menu summary").click()
        desk.get_by_role("button", name=button).click()
    expect(who).to_be_hidden()
    for card in cards(desk).all():
        expect(card.locator(".pr-note")).to_have_text("")


def test_people_are_looked_for_on_photos_of_one_shot_and_known_after_a_reload(
    desk: Page, photos: dict[str, Path]
) -> None:
    """Nothing waits for it, it is off as long as somebody turned it off, and it is not done twice."""
    asked: list[str] = []
    desk.on("request", lambda request: asked.extend(['"people"'] * ('"people"' in (request.post_data or ""))))
    add(desk, [photos["astronaut"], photos["coffee"]])
    ranked(desk)
    person = cards(desk).filter(has=desk.locator('[aria-label*="astronaut"]'))
    cup = cards(desk).filter(has=desk.locator('[aria-label*="coffee"]'))
    expect(person.locator(".pr-note")).to_have_text("1 face")
    expect(cup.locator(".pr-note")).to_have_text("")
    expect(desk.get_by_label("People on the photos")).to_be_visible()
    assert asked
    asked.clear()
    desk.reload()
    desk.get_by_role("tab", name="Rank").click()
    expect(person.locator(".pr-note")).to_have_text("1 face")
    desk.wait_for_timeout(500)
    assert not asked


# --- access, size --------------------------------------------------------------------------------------


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


def test_only_what_is_near_the_screen_is_in_the_page(desk: Page) -> None:
    """A thousand photos, of which none is scored: the grid alone."""
    counts = desk.evaluate(
        """async () => {
            const list = document.createElement('ol');
            list.style.width = '1000px';
            document.querySelector('.pr').append(list);
            list.className = 'pr-grid';
            const photos = Array.from({length: 1000}, (_, at) => ({
                id: `t${at}`, name: `${at}.jpg`, width: 3000 + 100 * (at % 20), height: 3000,
                result: {rank: at + 1, score: 3, label: 'Good'},
            }));
            const card = {sceneSize: 1, leads: true, tier: null};
            const grid = popscore.grid({list, pictureOf: () => {}, of: () => card});
            const began = performance.now();
            grid.show(photos);
            const shown = performance.now() - began;
            const pause = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            const counts = [list.children.length];
            for (const share of [0.25, 0.5, 1]) {
                window.scrollTo(0, share * document.documentElement.scrollHeight);
                await pause();
                counts.push(list.children.length);
            }
            grid.focus('t500');
            const there = document.activeElement.closest('.ps-card').dataset.id;
            list.remove();
            return {counts, shown, there};
        }"""
    )
    assert max(counts["counts"]) < 120, counts
    assert counts["there"] == "t500"


def test_a_sample_gallery_is_one_press_away(desk: Page) -> None:
    desk.get_by_role("button", name="Try sample photos").click()
    ranked(desk)
    expect(summary(desk)).to_contain_text("12 photos")
    expect(cards(desk).last).to_contain_text("almost black")


def test_photos_added_while_others_are_scored_are_scored_once(
    desk: Page, photos_60: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 0.2)
    asked: list[str] = []
    desk.on(
        "request", lambda request: asked.append(request.url) if '"score"' in (request.post_data or "")[:300] else None
    )
    add(desk, photos_60[:6])
    desk.wait_for_timeout(500)
    add(desk, photos_60[6:12])
    ranked(desk)
    expect(summary(desk)).to_contain_text("12 photos")
    assert len(asked) == 12
    # And nothing comes back after it was started over and the page is loaded again.
    desk.locator(".pr-menu summary").click()
    desk.get_by_role("button", name="Start over").click()
    desk.wait_for_timeout(500)
    desk.reload()
    expect(desk.get_by_text("Drop all the photos you choose from")).to_be_visible()


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


def test_a_picture_that_failed_once_is_asked_for_again(desk: Page) -> None:
    answers = desk.evaluate(
        """async () => {
            let asked = 0;
            const pictures = popscore.pictures(async () => {
                asked += 1;
                if (asked === 1) throw new Error('no connection');
                return {image: asked === 2 ? null : 'data:,x'};
            });
            const found = [];
            for (let turn = 0; turn < 4; turn += 1) found.push(await pictures.get('a', 1));
            return [...found, asked];
        }"""
    )
    assert answers == [None, None, "data:,x", "data:,x", 3]


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
