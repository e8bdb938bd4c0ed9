"""What a person does on the Score tab."""

import base64
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from contrast import check_contrast
from PIL import Image
from playwright.sync_api import JSHandle, Locator, Page, expect
from widths import DESKTOP_FIRST, PHONE_FIRST

import popscore
from popscore.settings import Settings

pytestmark = pytest.mark.browser


def answer(page: Page) -> Locator:
    return page.get_by_role("region", name="Result")


def carried(page: Page, photo: Path, mime: str = "image/png") -> JSHandle:
    """What the mouse or the clipboard carries: one file."""
    packed = base64.b64encode(photo.read_bytes()).decode()
    return page.evaluate_handle(
        """([packed, name, type]) => {
            const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type}));
            return transfer;
        }""",
        [packed, photo.name, mime],
    )


def drop(page: Page, photo: Path, onto: Locator | None = None) -> None:
    """Drop a file onto the photo area, as the mouse does."""
    area = onto or page.get_by_role("button", name=re.compile("Drop an image"))
    for event in ("dragenter", "dragover", "drop"):
        area.dispatch_event(event, {"dataTransfer": carried(page, photo)})


def test_a_dropped_photo_is_answered_without_another_click(page: Page, cat: Path, size: str) -> None:
    drop(page, cat)
    expected = popscore.load_scorer(Settings()).score(cat)
    expect(answer(page)).to_contain_text(f"{expected.score:.2f}")
    expect(answer(page).locator(".ps-chip")).to_have_text(expected.label)
    expect(answer(page)).to_contain_text(f"ore appealing than {expected.percentile:.0f} of 100")
    expect(answer(page)).to_contain_text("not from likes")
    expect(answer(page)).to_contain_text("451 x 300")
    expect(page.get_by_role("img", name="Your photo")).to_be_visible()
    box = answer(page).locator(".ps-score").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < page.viewport_size["height"], "the score is below the fold"  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], size  # type: ignore[index]


@DESKTOP_FIRST
def test_a_second_photo_is_dropped_onto_the_first(page: Page, photos: dict[str, Path]) -> None:
    drop(page, photos["cat"])
    expect(answer(page)).to_contain_text("chelsea.png")
    drop(page, photos["coffee"], onto=page.get_by_role("img", name="Your photo"))
    expect(answer(page)).to_contain_text("coffee.png")


@pytest.mark.slow
def test_a_face_that_fills_much_of_the_photo_is_looked_at_as_a_selfie(
    page: Page, photos: dict[str, Path], size: str
) -> None:
    part = page.get_by_role("region", name="As a selfie")
    drop(page, photos["astronaut"])
    expected = popscore.score_selfie(photos["astronaut"], scorer=popscore.load_scorer(Settings()))
    expect(part).to_contain_text("Happy, eyes open")
    expect(part).to_contain_text(expected.seen)
    expect(part).to_contain_text(expected.meaning)
    expect(part.locator(".pf-bars .pf-row")).to_have_count(7)
    expect(part.locator("canvas")).to_be_visible()
    width = part.locator(".pf-head .pf-bar i").evaluate("(bar) => bar.clientWidth / bar.parentElement.clientWidth")
    assert width == pytest.approx(expected.probability, abs=0.02)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], size  # type: ignore[index]
    assert Axe().run(page, context=".ps-selfie").violations_count == 0
    drop(page, photos["coffee"], onto=page.get_by_role("img", name="Your photo"))
    expect(answer(page)).to_contain_text("coffee.png")
    expect(part).to_be_hidden()


@DESKTOP_FIRST
def test_a_pasted_photo_is_answered(page: Page, photos: dict[str, Path]) -> None:
    for name, file in (("cat", "chelsea.png"), ("coffee", "coffee.png")):
        page.evaluate(
            """(transfer) => document.body.dispatchEvent(
                new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true}))""",
            carried(page, photos[name]),
        )
        expect(answer(page)).to_contain_text(file)


@PHONE_FIRST
def test_a_photo_is_taken_with_the_camera(page: Page) -> None:
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_role("button", name="Click to Access Webcam").click()
    # The browser starts a process for its camera, which on a busy machine was seen to take more than 15 s.
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0", timeout=60_000)
    page.get_by_role("button", name="capture photo").click()
    expect(answer(page).locator(".ps-number")).to_be_visible()


@pytest.mark.dark
@PHONE_FIRST
def test_dark_is_readable(page: Page, cat: Path) -> None:
    drop(page, cat)
    expect(answer(page).locator(".ps-chip")).to_be_visible()
    check_contrast(page)


@DESKTOP_FIRST
def test_light_is_readable(page: Page, cat: Path) -> None:
    drop(page, cat)
    expect(answer(page).locator(".ps-chip")).to_be_visible()
    answer(page).get_by_text("What it means").click()
    check_contrast(page)


@PHONE_FIRST
def test_an_example_is_one_key_away(page: Page) -> None:
    page.get_by_role("button", name="Coffee").focus()
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("coffee.png")
    expect(answer(page).locator(".ps-number")).to_have_text(re.compile(r"^-?\d\.\d\d$"))


@PHONE_FIRST
def test_a_broken_photo_says_why_beside_it_and_the_next_one_works(page: Page, cat: Path, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.png"
    broken.write_bytes(cat.read_bytes()[:30_000])
    page.locator("#photo input[type=file]").set_input_files(broken)
    expect(answer(page)).to_contain_text("holiday.png could not be read: the file ends early")
    page.locator("#photo input[type=file]").set_input_files(cat)
    expect(answer(page).locator(".ps-number")).to_be_visible()


@DESKTOP_FIRST
def test_a_photo_over_the_limit_says_so(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2_100_000))
    page.locator("#photo input[type=file]").set_input_files(large)
    expect(answer(page)).to_contain_text("the limit is 2 MB")


@PHONE_FIRST
def test_a_heic_photo_is_scored_and_shown(page: Page, cat: Path, tmp_path: Path) -> None:
    import pillow_heif

    heic = tmp_path / "IMG_0042.heic"
    pillow_heif.from_pillow(Image.open(cat).convert("RGB")).save(heic, quality=90)
    page.locator("#photo input[type=file]").set_input_files(heic)
    expect(answer(page)).to_contain_text("IMG_0042.heic")
    shown = page.get_by_role("img", name="Your photo")
    expect(shown).to_be_visible()
    page.wait_for_function("document.querySelector('#photo img')?.naturalWidth > 0")


@PHONE_FIRST
def test_a_removed_photo_clears_the_answer(page: Page, cat: Path) -> None:
    drop(page, cat)
    expect(answer(page).locator(".ps-number")).to_be_visible()
    page.get_by_role("button", name="Remove Image").click()
    expect(answer(page)).to_contain_text("Drop a photo to see its score")


@DESKTOP_FIRST
def test_names_from_outside_are_text_and_never_markup(page: Page, cat: Path, tmp_path: Path) -> None:
    named = tmp_path / "<img src=x onerror=document.title='owned'>.png"
    named.write_bytes(cat.read_bytes())
    page.locator("#photo input[type=file]").set_input_files(named)
    expect(answer(page).locator(".ps-number")).to_be_visible()
    assert page.title() == "popscore"
    expect(answer(page).locator("img")).to_have_count(0)


@DESKTOP_FIRST
def test_the_page_about_the_api_opens(page: Page) -> None:
    page.get_by_role("button", name="Use it from code").click()
    expect(page.get_by_text("score_image").first).to_be_visible()
    expect(page.get_by_text("rank_images").first).to_be_visible()


@DESKTOP_FIRST
def test_everything_can_be_reached_with_the_keyboard(page: Page) -> None:
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText.trim()"))
    for name in ("Upload file", "Capture from camera", "Paste from clipboard", "Cat", "Rocket", "Use it from code"):
        assert name in reached, reached


# --- what Gradio's own area would not take -------------------------------------------------------------


def let_fall(page: Page, files: list[tuple[Path, str]]) -> None:
    """Drop files of these types onto the photo area."""
    packed = [[base64.b64encode(path.read_bytes()).decode(), path.name, kind] for path, kind in files]
    page.evaluate(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [packed, name, type] of files) {
                const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, {type}));
            }
            const area = document.querySelector('#photo');
            area.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        packed,
    )


@pytest.mark.slow
def test_heic_without_a_type_is_scored(page: Page, cat: Path, tmp_path: Path) -> None:
    import pillow_heif

    photo = tmp_path / "IMG_0001.HEIC"
    pillow_heif.from_pillow(Image.open(cat).convert("RGB")).save(photo)
    let_fall(page, [(photo, "")])
    expect(answer(page)).to_contain_text("IMG_0001.HEIC", timeout=20_000)
    expect(answer(page).locator(".ps-number")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "kind", "content", "words"),
    [
        ("letter.pdf", "application/pdf", b"%PDF-1.7", "letter.pdf could not be read: it is not a photo"),
        ("notes.txt", "text/plain", b"notes", "notes.txt could not be read: it is not a photo"),
        ("large.jpg", "image/jpeg", b"\xff\xd8\xff" + b"\0" * 2_100_000, "large.jpg is too large: the limit is 2 MB"),
    ],
)
@PHONE_FIRST
def test_what_cannot_be_scored_takes_the_place_of_the_old_answer(
    page: Page, cat: Path, tmp_path: Path, name: str, kind: str, content: bytes, words: str
) -> None:
    drop(page, cat)
    expect(answer(page).locator(".ps-number")).to_be_visible()
    (tmp_path / name).write_bytes(content)
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    let_fall(page, [(tmp_path / name, kind)])
    expect(answer(page)).to_contain_text(words)
    expect(answer(page).locator(".ps-number")).to_have_count(0)
    expect(page.get_by_role("img", name="Your photo")).to_have_count(0)
    assert max(sent, default=0) < 100_000, "it was sent all the same"


@DESKTOP_FIRST
def test_several_photos_open_in_rank(page: Page, photos: dict[str, Path]) -> None:
    let_fall(page, [(photos["rocket"], "image/jpeg"), (photos["cat"], "image/png")])
    expect(page.get_by_role("tab", name="Rank")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".pr .ps-summary")).to_contain_text("2 photos", timeout=30_000)


@DESKTOP_FIRST
def test_a_video_opens_in_video(page: Page, clip: Path) -> None:
    let_fall(page, [(clip, "video/mp4")])
    expect(page.get_by_role("tab", name="Video")).to_have_attribute("aria-selected", "true")


@DESKTOP_FIRST
def test_arrow_keys_lead_from_tab_to_tab(page: Page) -> None:
    page.get_by_role("tab", name="Score").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Rank")).to_be_focused()
    expect(page.get_by_role("tab", name="Rank")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Video")).to_be_focused()
