"""What a person does on the Rank tab."""

import io
import re
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from contrast import check_contrast
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from widths import DESKTOP_FIRST, PHONE_FIRST

from popscore.scoring.scorer import Content
from popscore.workers.readers import IsolatedScorer

pytestmark = pytest.mark.browser


@pytest.fixture
def gallery(photos: dict[str, Path], tmp_path: Path) -> list[Path]:
    """Six files: four photographs, a near-duplicate of the cat, and a broken one."""
    files = [Path(shutil.copy(path, tmp_path / f"{name}{path.suffix}")) for name, path in photos.items()]
    cat = Image.open(photos["cat"]).convert("RGB")
    cat.crop((4, 3, cat.width - 4, cat.height - 3)).save(tmp_path / "cat again.jpg", quality=85)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((tmp_path / "cat again.jpg").read_bytes()[:9_000])
    return [*files, tmp_path / "cat again.jpg", broken]


def cards(page: Page) -> Locator:
    return page.get_by_role("list", name="Photos, best first").get_by_role("listitem")


def more(page: Page, name: str) -> None:
    """Press a button of the menu."""
    page.locator(".pr-menu summary").click()
    page.locator(".pr-menu").get_by_role("button", name=name).click()


def rank(page: Page, files: list[Path]) -> None:
    page.get_by_role("tab", name="Rank").click()
    page.locator(".pr .ps-files").set_input_files(files)
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=30_000)


def test_six_photos_come_back_as_five_ranked_one_group_one_reason(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    expect(page.get_by_text("5 photos · 4 scenes · 1 could not be read · 0 kept")).to_be_visible()
    expect(cards(page)).to_have_count(4)
    page.get_by_role("button", name="best of 2").click()
    expect(cards(page)).to_have_count(5)
    ranks = [int(text) for text in cards(page).locator(".ps-rank").all_inner_texts()]
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    page.get_by_text("1 could not be read", exact=True).click()
    expect(page.get_by_text("broken.jpg could not be read: the file ends early")).to_be_visible()
    scores = [float(text.split()[0]) for text in cards(page).locator(".ps-chip b").all_inner_texts()]
    assert sorted(scores, reverse=True) == [score for _, score in sorted(zip(ranks, scores, strict=True))]
    expect(cards(page).first.locator("img")).to_have_attribute("src", re.compile("^blob:"))


@PHONE_FIRST
def test_kept_photos_are_saved_as_a_zip_of_the_originals(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    for place in (0, 2):
        cards(page).nth(place).get_by_role("button", name="Keep").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save 2 kept as ZIP").click()
    packed = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert len(packed.namelist()) == 2
    originals = [path.read_bytes() for path in gallery]
    assert all(packed.read(name) in originals for name in packed.namelist())
    assert packed.namelist()[0].startswith("01_")


@DESKTOP_FIRST
def test_the_list_is_saved_as_csv_and_star_ratings(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    with page.expect_download() as download:
        more(page, "Table of all 5 (CSV)")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].startswith('"file","rank","score"')
    assert len(text.splitlines()) == 6
    with page.expect_download() as download:
        more(page, "Star ratings of all 5")
    packed = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert len(packed.namelist()) == 10
    assert all(b"Rating" in packed.read(name) for name in packed.namelist())


@PHONE_FIRST
def test_the_best_ten_are_the_best_of_each_scene_and_none_rejected(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    best = cards(page).filter(has=page.get_by_role("button", name="best of 2"))
    rejected = best.locator(".pr-photo").get_attribute("aria-label") or ""
    best.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Not rejected").click()
    expect(cards(page)).to_have_count(4)
    leads = cards(page).filter(has=page.get_by_role("button", name="one of 2"))
    led = leads.locator(".pr-photo").get_attribute("aria-label") or ""
    assert led != rejected
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the best 4 as ZIP").click()
    names = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()
    assert len(names) == 4
    again = "cat again.jpg" in led
    assert any(name.endswith(("cat again.jpg", "cat_again.jpg")) for name in names) == again


@DESKTOP_FIRST
def test_keys_move_keep_and_reject(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    cards(page).first.locator(".pr-photo").click()
    large = page.get_by_role("dialog")
    expect(large).to_contain_text("1 of 5")
    page.keyboard.press("k")
    expect(large).not_to_contain_text("1 of 5")  # the next one came by itself
    page.get_by_label("Next photo after a decision").uncheck()
    page.keyboard.press("x")
    expect(large.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(page.locator(".pr .ps-summary")).to_contain_text("1 of 10 kept")
    page.get_by_role("button", name="Kept", exact=True).click()
    expect(cards(page)).to_have_count(1)
    page.get_by_role("button", name="Not rejected").click()
    expect(cards(page)).to_have_count(3)


@DESKTOP_FIRST
def test_the_large_view_explains_the_score_as_the_score_tab_does(page: Page, gallery: list[Path]) -> None:
    page.locator("#photo input[type=file]").set_input_files(gallery[0])
    answer = page.get_by_role("region", name="Result")
    expect(answer.locator(".ps-curve")).to_be_visible()
    rank(page, gallery[:4])
    cards(page).locator(".pr-photo").and_(
        page.get_by_role("button", name=re.compile(re.escape(gallery[0].name)))
    ).click()
    large = page.get_by_role("dialog")
    for part in (".ps-score", ".ps-place", ".ps-curve", ".ps-said", ".ps-more"):
        expect(large.locator(part)).to_be_attached()
        assert large.locator(part).evaluate("(one) => one.outerHTML") == page.locator(f"#answer {part}").evaluate(
            "(one) => one.outerHTML"
        )
    expect(large.locator(".ps-curve")).to_be_visible()
    large.get_by_text("What it means").click()
    expect(large.get_by_text("It looks at the picture alone")).to_be_visible()
    box = large.get_by_role("button", name="Keep").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < page.viewport_size["height"], "Keep is below the fold"  # type: ignore[index]


@pytest.mark.slow
def test_the_explanation_follows_the_photo(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery[:4])
    numbers = [text.split()[0] for text in cards(page).locator(".ps-chip b").all_inner_texts()]
    cards(page).first.locator(".pr-photo").click()
    large = page.get_by_role("dialog")
    for number in numbers:
        page.wait_for_function(  # one decimal on the card, two in the large view
            "(number) => Math.abs(Number(document.querySelector('.pr-large .ps-number')?.innerText) - number) <= 0.1",
            arg=float(number),
        )
        expect(large.locator(".ps-number")).to_be_visible()
        page.keyboard.press("ArrowRight")


@PHONE_FIRST
def test_two_photos_side_by_side(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    cards(page).nth(0).locator(".pr-photo").click()
    page.keyboard.press("c")
    expect(page.get_by_text("One photo is picked.")).to_be_visible()
    cards(page).nth(3).locator(".pr-photo").click()
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Compare", exact=True).click()
    versus = page.get_by_role("dialog", name="Photos side by side")
    expect(versus).to_contain_text(
        re.compile(r"(Left|Right|The (upper|lower) one) is the more appealing one with a probability of \d+ %")
    )
    expect(versus.get_by_role("img")).to_have_count(2)


@PHONE_FIRST
def test_nothing_but_broken_files_says_so(page: Page, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no photo")
    rank(page, [tmp_path / "a.jpg", tmp_path / "b.jpg"])
    expect(page.get_by_text("0 photos · 0 scenes · 2 could not be read")).to_be_visible()
    expect(page.get_by_text("a.jpg could not be read: it is not an image")).to_be_visible()


@pytest.mark.slow
def test_too_many_photos_are_refused_before_they_are_sent(page: Page, cat: Path, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Rank").click()
    small = Image.open(cat).convert("RGB").resize((40, 30))
    files = []
    for index in range(41):
        files.append(tmp_path / f"{index}.jpg")
        small.save(files[-1])
    page.locator(".pr .ps-files").set_input_files(files)
    expect(page.get_by_role("alert")).to_have_text("41 photos are too many: the limit is 40. Choose fewer at a time.")


@PHONE_FIRST
def test_start_over_forgets_the_photos(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery[:2])
    more(page, "Start over")
    expect(page.get_by_text("Drop all the photos you choose from")).to_be_visible()
    expect(cards(page)).to_have_count(0)
    rank(page, gallery[2:4])
    expect(cards(page)).to_have_count(2)


@pytest.mark.dark
@PHONE_FIRST
def test_the_dark_look_is_readable(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    check_contrast(page)
    cards(page).first.locator(".pr-photo").click()
    check_contrast(page)


def test_the_light_look_is_readable_and_nothing_is_wider_than_the_page(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery)
    check_contrast(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    cards(page).first.locator(".pr-photo").click()
    check_contrast(page)


@DESKTOP_FIRST
def test_photos_are_added_to_those_that_are_there(page: Page, gallery: list[Path]) -> None:
    rank(page, gallery[:2])
    cards(page).first.get_by_role("button", name="Keep").click()
    page.locator(".pr .ps-files").set_input_files(gallery[2:4])
    expect(cards(page)).to_have_count(4, timeout=20_000)
    expect(page.locator(".pr .ps-summary")).to_contain_text("4 photos · 4 scenes · 1 of 10 kept")


@DESKTOP_FIRST
def test_a_stopped_ranking_says_what_is_left_and_goes_on(
    page: Page, cat: Path, tmp_path: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_full_speed = IsolatedScorer.content

    def slowly(scorer: IsolatedScorer, *photo: Any) -> Content:
        time.sleep(0.2)  # or a quick machine has nothing left to stop
        return at_full_speed(scorer, *photo)

    monkeypatch.setattr(IsolatedScorer, "content", slowly)
    # Other photos at each size, because the app remembers scores.
    turn = 3 if size == "phone" else 2
    photo = Image.open(cat).convert("RGB").resize((300, 200))
    files = []
    for index in range(40):
        files.append(tmp_path / f"{index}.jpg")
        photo.rotate(turn * index).save(files[-1])
    page.get_by_role("tab", name="Rank").click()
    page.locator(".pr .ps-files").set_input_files(files)
    expect(cards(page).first).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".pr .ps-summary")).to_contain_text(re.compile(r"stopped: \d+ not scored"))
    page.get_by_role("button", name="Score the rest").click()
    expect(page.locator(".pr .ps-summary")).to_contain_text("40 photos", timeout=30_000)
    expect(page.get_by_role("button", name="Score the rest")).to_be_hidden()
