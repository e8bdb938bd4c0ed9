"""A closer look at one photo, from the Score tab and from the large view of Rank: as a person does it."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, Image, ImageEnhance
from playwright.sync_api import Browser, Locator, Page, expect
from running_app import running_app

import popscore
from popscore.insight.trials import what_if
from popscore.settings import Settings

pytestmark = pytest.mark.browser

VIEWS = ("why", "crop", "try", "compare", "facts", "share")


@pytest.fixture(params=["desktop", pytest.param("phone", marks=pytest.mark.slow)])
def size(request: pytest.FixtureRequest) -> str:
    """Both widths; that of a phone, but for the tests below that name it, among the slow ones."""
    return str(request.param)


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer(Settings())


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings(max_image_bytes=8_000_000)) as url:
        yield url


@pytest.fixture(scope="module")
def phone_photo(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """As a phone writes it: 12 megapixels, upright by its orientation tag, with the place and the camera."""
    upright = Image.open(photos["coffee"]).convert("RGB").rotate(90, expand=True).resize((3000, 4000))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Model] = "Phone 9"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:07:01 09:30:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0)})
    path = tmp_path_factory.mktemp("phone") / "IMG_0001.jpg"
    upright.transpose(Image.Transpose.ROTATE_90).save(path, quality=88, exif=exif)
    return path


@pytest.fixture(scope="module")
def flat_photo(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """Without contrast: something for an edit to mend."""
    path = tmp_path_factory.mktemp("flat") / "flat.png"
    ImageEnhance.Contrast(Image.open(photos["rocket"]).convert("RGB")).enhance(0.4).save(path)
    return path


def scored(page: Page, photo: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#answer .ps-looks").wait_for()
    expect(page.get_by_role("region", name="Result")).to_contain_text(photo.name)


def look(page: Page) -> Locator:
    return page.locator("#look .ps-look")


def opened(page: Page, view: str) -> Locator:
    page.locator(f"#answer [data-view={view}]").click()
    return settled(look(page))


def settled(box: Locator) -> Locator:
    expect(box).to_be_visible()
    expect(box).not_to_have_attribute("data-busy", "", timeout=30_000)
    return box


def number(text: str) -> float:
    found = re.search(r"[+\N{MINUS SIGN}]?\d+\.\d+", text)
    assert found is not None, text
    return float(found[0].replace("\N{MINUS SIGN}", "-"))


def downloaded(page: Page, button: Locator) -> tuple[str, Image.Image]:
    with page.expect_download(timeout=30_000) as download:
        button.click()
    content = Path(download.value.path()).read_bytes()
    return download.value.suggested_filename, Image.open(io.BytesIO(content))


def functions_asked(page: Page) -> list[str]:
    """The names of the server functions that the page asks from now on."""
    asked: list[str] = []

    def note(request: object) -> None:
        body = getattr(request, "post_data", None) or ""
        found = re.search(r'"fn_name":\s*"(\w+)"', body)
        if found:
            asked.append(found[1])

    page.on("request", note)
    return asked


# --- why -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_is_computed_before_it_is_asked_for(page: Page, cat: Path) -> None:
    """But whether the photo is a selfie, which nobody would ask for."""
    asked = functions_asked(page)
    scored(page, cat)
    page.wait_for_timeout(500)
    assert asked == ["selfie"]
    opened(page, "why")
    opened(page, "facts")
    opened(page, "why")
    assert sorted(asked) == ["facts", "selfie", "why"]


def test_why_shows_the_numbers_of_the_model_by_keyboard(page: Page, cat: Path, scorer: popscore.Scorer) -> None:
    scored(page, cat)
    box = opened(page, "why")
    expected = popscore.explain(cat, scorer=scorer).grid
    cells = box.get_by_role("gridcell")
    expect(cells).to_have_count(len(expected) * len(expected[0]))
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(box.locator(".pl-read")).to_contain_text("Row 2, column 2")
    assert number(box.locator(".pl-read").inner_text().partition(":")[2]) == pytest.approx(expected[1][1], abs=0.006)
    box.get_by_role("button", name="Show the map").click()
    expect(box.locator(".pl-cells")).to_be_hidden()


@pytest.mark.slow
def test_the_tabs_of_the_look_go_by_arrow_key(page: Page, cat: Path) -> None:
    scored(page, cat)
    box = opened(page, "why")
    expect(box.get_by_role("tab", name="Why")).to_be_focused()
    page.keyboard.press("ArrowRight")
    settled(box)
    expect(box.get_by_role("tab", name="Crop")).to_be_focused()
    expect(box.get_by_role("tab", name="Crop")).to_have_attribute("aria-selected", "true")
    expect(box.locator(".pl-crop")).to_be_visible()


@pytest.mark.slow
def test_another_photo_closes_the_look(page: Page, cat: Path, photos: dict[str, Path]) -> None:
    scored(page, cat)
    opened(page, "why")
    page.get_by_role("button", name="Rocket").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("rocket.jpg")
    expect(look(page)).to_be_hidden()
    opened(page, "why")
    expect(look(page).get_by_role("gridcell").first).to_be_visible()


def drag_by_finger(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A touch as the browser gets it from a screen, which pans the page where nothing holds it."""
    session = page.context.new_cdp_session(page)
    for step in range(6):
        x, y = (a + (b - a) * step / 5 for a, b in zip(start, end, strict=True))
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": max(y, 1)}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# --- crop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_crop_is_moved_by_hand_scored_and_saved_in_full_size(
    page: Page, phone_photo: Path, scorer: popscore.Scorer, size: str
) -> None:
    scored(page, phone_photo)
    box = opened(page, "crop")
    box.locator("[data-shape='4:5']").click()
    (suggested,) = popscore.best_crops(phone_photo, aspects=["4:5"], scorer=scorer).results
    left, top, right, bottom = suggested.box
    expect(box).to_contain_text(f"{right - left} x {bottom - top} pixels")
    expect(box.locator(".pl-score .ps-chip")).to_contain_text(suggested.label)
    cut = box.locator(".pl-crop")
    before = cut.bounding_box()
    assert before is not None
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    if size == "phone":
        drag_by_finger(page, (x, y), (x, y - 400))
    else:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 400, steps=4)
        page.mouse.up()
    expect(box).to_contain_text("Your own crop.")
    expect(box.get_by_role("button", name="Back to the suggestion")).to_be_visible()
    name, saved = downloaded(page, box.get_by_role("button", name="Save this crop"))
    assert name == "IMG_0001_crop_4x5.jpg"
    assert saved.size == (right - left, bottom - top)
    exif = saved.getexif()
    assert exif.get(ExifTags.Base.Model) == "Phone 9"
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)
    whole = Image.open(phone_photo).transpose(Image.Transpose.ROTATE_270)
    wanted = whole.crop((0, 0, right - left, bottom - top))
    difference = np.abs(np.asarray(saved.convert("RGB"), np.int16) - np.asarray(wanted, np.int16))
    assert difference.mean() < 2


def test_a_crop_is_moved_by_key_and_its_score_follows(page: Page, cat: Path, scorer: popscore.Scorer) -> None:
    scored(page, cat)
    box = opened(page, "crop")
    box.locator("[data-shape='1:1']").click()
    cut = box.locator(".pl-crop")
    cut.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    pixels = Image.open(cat).convert("RGB")
    side = min(pixels.size)
    score = scorer.predict(pixels, box=(pixels.width - side, 0, pixels.width, side)).score
    whole = scorer.predict(pixels).score
    line = box.locator(".pl-score")
    expect(line).to_contain_text(re.compile(re.escape(f"{abs(score - whole):.2f}") + " against the whole photo"))
    cut.press("-")
    expect(box).to_contain_text(re.compile(r"\d+ x \d+ pixels, \d+ % of the photo"))


@pytest.mark.slow
def test_a_place_is_kept_only_if_asked(page: Page, phone_photo: Path) -> None:
    scored(page, phone_photo)
    box = opened(page, "crop")
    box.get_by_label("Keep the place where it was taken").check()
    _, saved = downloaded(page, box.get_by_role("button", name="Save this crop"))
    assert saved.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


# --- what if, compare, facts, card ------------------------------------------------------------------------


def test_an_edit_that_gains_is_shown_and_saved(page: Page, flat_photo: Path, scorer: popscore.Scorer) -> None:
    scored(page, flat_photo)
    box = opened(page, "try")
    found = what_if(flat_photo, scorer=scorer)
    assert found.better, "the photo was made for it"
    best = found.better[0]
    first = box.locator(".pl-edits button").first
    assert number(first.inner_text()) == pytest.approx(best.gain, abs=0.006)
    expect(box.locator(".pl-after")).to_have_attribute("src", re.compile("^data:image/webp"))
    slider = box.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_value("100")
    _, saved = downloaded(page, box.get_by_role("button", name="Save this edit"))
    assert scorer.predict(saved.convert("RGB")).score == pytest.approx(best.score, abs=1e-3)


def test_two_photos_are_compared_with_both_maps(page: Page, photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    scored(page, photos["coffee"])
    box = opened(page, "compare")
    box.get_by_label("The other photo").set_input_files(photos["rocket"])
    expect(box.locator(".pl-sides")).to_be_visible(timeout=30_000)
    expect(box.locator(".pl-cells")).to_have_count(2)
    answer = popscore.compare_images(photos["coffee"], photos["rocket"], scorer=scorer)
    for result in answer.results:
        expect(box.locator(".pl-sides")).to_contain_text(result.label)
    expect(box).to_contain_text("times in 10")


@pytest.mark.slow
def test_a_second_photo_that_cannot_be_read_is_told(page: Page, cat: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(cat.read_bytes()[:900])
    scored(page, cat)
    box = opened(page, "compare")
    box.get_by_label("The other photo").set_input_files(broken)
    expect(box.get_by_role("alert")).to_contain_text("broken.jpg could not be read")
    opened(page, "why")
    expect(box.get_by_role("gridcell").first).to_be_visible()


def test_facts_are_those_of_the_file(page: Page, phone_photo: Path) -> None:
    scored(page, phone_photo)
    box = opened(page, "facts")
    expect(box).to_contain_text("3000 x 4000")
    expect(box).to_contain_text("Phone 9")


def test_the_card_can_be_saved(page: Page, phone_photo: Path) -> None:
    scored(page, phone_photo)
    box = opened(page, "share")
    name, card = downloaded(page, box.get_by_role("button", name="Save the card"))
    assert (name, card.size) == ("popscore card.png", (1080, 1350))
    assert not card.getexif() and set(card.info) <= {"dpi"}


# --- what goes wrong ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_photo_that_is_gone_from_the_server_is_told(page: Page, cat: Path, app_url: str) -> None:
    scored(page, cat)
    page.route("**/component_server*", lambda route: route.fulfill(json={"missing": True}))
    page.route("**/component_server/**", lambda route: route.fulfill(json={"missing": True}))
    box = opened(page, "why")
    expect(box.get_by_role("alert")).to_contain_text("not on the server any more")
    page.unroute_all()
    box.get_by_role("tab", name="Crop").click()
    expect(settled(box).locator(".pl-crop")).to_be_visible()


def test_a_lost_connection_is_told_and_the_next_try_works(page: Page, cat: Path) -> None:
    scored(page, cat)
    page.route("**/component_server*", lambda route: route.abort())
    page.route("**/component_server/**", lambda route: route.abort())
    box = opened(page, "why")
    expect(box.get_by_role("alert")).to_contain_text("Check the connection")
    page.unroute_all()
    opened(page, "why")
    expect(box.get_by_role("gridcell").first).to_be_visible()


@pytest.mark.slow
def test_a_very_narrow_photo_can_be_looked_at(page: Page, tmp_path: Path, photos: dict[str, Path]) -> None:
    narrow = tmp_path / "narrow.png"
    Image.open(photos["rocket"]).convert("RGB").resize((24, 900)).save(narrow)
    scored(page, narrow)
    for view in VIEWS:
        box = opened(page, view)
        expect(box.locator(".ps-message[role=alert]")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


# --- from the large view of Rank ------------------------------------------------------------------------------


@pytest.fixture
def large(page: Page, phone_photo: Path, photos: dict[str, Path]) -> Page:
    """Two photos are ranked, and the large one is looked at."""
    page.get_by_role("tab", name="Rank").click()
    page.locator(".pr .ps-files").set_input_files([phone_photo, photos["cat"]])
    expect(page.locator(".pr")).to_have_attribute("data-phase", "done", timeout=60_000)
    page.locator(f".ps-card [aria-label*='{phone_photo.name}']").first.click()
    expect(page.locator(".pr-large .ps-number")).to_be_visible()
    return page


def test_from_rank_a_crop_is_saved_from_the_original(large: Page) -> None:
    large.locator(".pr-large [data-view=crop]").click()
    box = settled(large.locator(".pr-look .ps-look"))
    box.locator("[data-shape='1:1']").click()
    _, saved = downloaded(large, box.get_by_role("button", name="Save this crop"))
    assert saved.size == (3000, 3000)
    large.keyboard.press("Escape")
    expect(large.locator(".pr-look")).to_be_hidden()
    expect(large.locator(".pr-large")).to_be_visible()
    large.locator(".pr-large [data-view=facts]").click()
    expect(settled(box)).to_contain_text("Phone 9")
    large.go_back()
    expect(large.locator(".pr-look")).to_be_hidden()
    expect(large.locator(".pr-large")).to_be_visible()
    large.go_back()
    expect(large.locator(".pr-large")).to_be_hidden()


def test_side_by_side_shows_both_maps(large: Page, size: str) -> None:
    large.locator(".pr-large [data-do=pick]").click()
    large.locator(".ps-card [aria-label*='chelsea.png']").first.click()
    large.locator(".pr-large [data-do=pick]").click()
    large.keyboard.press("Escape")
    large.locator(".pr-compare-bar [data-do=compare]").click()
    large.get_by_role("button", name="Show the maps").click()
    expect(large.locator(".pr-versus .pl-cells")).to_have_count(2, timeout=30_000)
    for fit in large.locator(".pr-versus .pl-fit > div").all():
        pane = fit.locator("xpath=ancestor::div[contains(@class, 'pr-pane')]").bounding_box()
        inside = fit.bounding_box()
        assert pane is not None and inside is not None
        assert inside["width"] <= pane["width"] + 1 and inside["height"] <= pane["height"] + 1


# --- access --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_any_view(browser: Browser, app_url: str, flat_photo: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(app_url)
    page.get_by_text("Embedded appeal model").wait_for()
    scored(page, flat_photo)
    for view in VIEWS:
        opened(page, view)
        found = Axe().run(page, context="#look .ps-look")
        assert found.violations_count == 0, f"{view}: {found.generate_report()}"
    context.close()


@pytest.mark.parametrize("size", ["phone"])
@pytest.mark.slow
def test_what_is_tapped_is_large_enough(page: Page, cat: Path) -> None:
    scored(page, cat)
    for view in VIEWS:
        opened(page, view)
        small = page.evaluate(
            """() => [...document.querySelectorAll('#look :is(button, summary, label), #answer :is(button, summary)')]
                .filter((one) => one.checkVisibility())
                .map((one) => [one.innerText, one.getBoundingClientRect().height])
                .filter(([, height]) => height < 40)"""
        )
        assert small == [], view
