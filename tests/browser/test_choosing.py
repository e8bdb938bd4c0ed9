"""Whole jobs on the Rank tab: photos in, some chosen, a ZIP out, with what goes wrong on the way."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from choosing import add, cards, focused, from_menu, opened, press, ranked, reload, saved_zip, slowly, summary
from playwright.sync_api import BrowserContext, Page, expect
from sidecars import rating_of

pytestmark = pytest.mark.browser


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
    reload(phone)
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


@pytest.mark.slow
def test_a_sample_gallery_is_one_press_away(desk: Page) -> None:
    desk.get_by_role("button", name="Try sample photos").click()
    ranked(desk)
    expect(summary(desk)).to_contain_text("12 photos")
    expect(cards(desk).last).to_contain_text("almost black")


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
