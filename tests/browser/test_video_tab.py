"""What a person does on the Video tab."""

import io
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from contrast import check_contrast
from PIL import Image
from playwright.sync_api import Page, expect
from widths import DESKTOP_FIRST, PHONE_FIRST

import popscore

pytestmark = pytest.mark.browser


def find_moments(page: Page, video: Path) -> None:
    page.get_by_role("tab", name="Video").click()
    page.locator(".pv .ps-files").set_input_files(video)
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done", timeout=60_000)


def test_a_clip_is_uploaded_and_a_frame_downloaded(page: Page, clip: Path) -> None:
    find_moments(page, clip)
    frames = page.get_by_role("list", name="Best frames, best first").get_by_role("listitem")
    expect(frames.first).to_be_visible()
    expect(page.locator(".pv .ps-summary")).to_have_text(re.compile(r"^\d+ frames scored · best at 0:\d\d\.\d$"))
    with page.expect_download() as download:
        frames.first.get_by_role("link", name="Save the frame at").click()
    frame = Image.open(Path(download.value.path()))
    assert frame.format == "JPEG"
    assert download.value.suggested_filename.endswith(".jpg")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save all as ZIP").click()
    packed = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert len(packed.namelist()) == frames.count()
    check_contrast(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]


@pytest.mark.slow
def test_a_place_on_the_line_shows_its_frame(page: Page, clip: Path) -> None:
    find_moments(page, clip)
    page.locator(".pv-line svg").click(position={"x": 40, "y": 10})
    expect(page.locator(".pv-look img")).to_have_attribute("src", re.compile("^data:image/webp"))
    page.get_by_role("button", name=re.compile("^Rank 1 at")).click()
    expect(page.locator(".pv-look figcaption")).to_have_text(re.compile(r"^\d:\d\d\.\d: -?\d\.\d\d$"))


@DESKTOP_FIRST
def test_the_frame_under_the_line_is_saved_in_full_size(page: Page, clip: Path) -> None:
    find_moments(page, clip)
    page.locator(".pv-plot svg").click(position={"x": 100, "y": 140})
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this frame").click()
    name = re.fullmatch(r"world_(\d+)m([\d.]+)s\.jpg", download.value.suggested_filename)
    assert name
    minutes, seconds = divmod(float(name[1]) * 60 + float(name[2]), 60)
    expect(page.locator(".pv-look figcaption")).to_contain_text(f"{minutes:.0f}:{seconds:04.1f}: ")
    index = int(page.evaluate("document.querySelector('.pv-look').dataset.index"))
    ((_, expected),) = popscore.frame_images(clip, [index])
    with Image.open(Path(download.value.path())) as saved:
        assert (saved.format, saved.size) == ("JPEG", expected.size)
        assert np.abs(np.asarray(saved, int) - np.asarray(expected, int)).mean() < 3


@pytest.mark.slow
def test_it_is_said_which_frame_could_not_be_had(page: Page, clip: Path) -> None:
    find_moments(page, clip)
    page.get_by_role("button", name=re.compile("^Rank 1 at")).click()
    save = page.get_by_role("button", name="Save this frame")
    expect(save).to_be_enabled()
    page.route(re.compile("/component_server"), lambda route: route.abort())
    save.click()
    said = page.locator(".pv-look").get_by_role("alert")
    expect(said).to_have_text(re.compile(r"^The frame at \d:\d\d\.\d was not saved\. It did not arrive\. Try again\.$"))
    page.locator(".pv-plot svg").click(position={"x": 30, "y": 140})
    expect(said).to_have_text(re.compile(r"^The frame at \d:\d\d\.\d is not shown\. It did not arrive\. Try again\.$"))
    expect(save).to_be_disabled()
    page.unroute_all()


@pytest.mark.dark
@PHONE_FIRST
def test_the_same_clip_is_looked_at_again_without_another_upload(page: Page, clip: Path) -> None:
    uploads: list[str] = []
    page.on("request", lambda sent: uploads.append(sent.url) if "/upload" in sent.url else None)
    find_moments(page, clip)
    summary = page.locator(".pv .ps-summary")
    first = summary.inner_text()
    sent = len(uploads)
    page.get_by_label("Look at every").fill("0")
    again = page.get_by_role("button", name="Look again")
    again.click()
    alert = page.get_by_role("alert").filter(has_text="whole number")
    expect(alert).to_have_text("Write a whole number from 1, which is every frame, to 1000.")
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done")
    check_contrast(page)
    page.get_by_label("Look at every").fill("3")
    expect(alert).to_be_hidden()
    expect(page.locator(".pv-nth")).to_have_text("rd frame")
    again.click()
    expect(page.locator(".pv")).to_have_attribute("data-phase", "busy")
    expect(summary).to_have_text(first)
    expect(page.locator(".pv-frames .ps-card img").first).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_in_viewport()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done")
    expect(summary).to_have_text(first)
    page.get_by_label("Look at every").fill("100")
    again.click()
    expect(summary).not_to_have_text(first, timeout=60_000)
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done")
    even = summary.inner_text()
    page.get_by_role("radio", name="Quick").check()
    again.click()
    expect(summary).not_to_have_text(even, timeout=60_000)
    assert int(summary.inner_text().split()[0]) < int(first.split()[0])
    assert len(uploads) == sent


@pytest.mark.slow
def test_a_number_that_cannot_be_used_is_said_before_anything_is_sent(page: Page, clip: Path) -> None:
    page.get_by_role("tab", name="Video").click()
    page.get_by_role("radio", name="Quick").check()
    page.get_by_label("Look at every").fill("1001")
    expect(page.get_by_role("radio", name="Thorough")).to_be_checked()
    expect(page.get_by_role("alert").filter(has_text="to 1000.")).to_be_visible()
    page.locator(".pv .ps-files").set_input_files(clip)
    expect(page.get_by_role("alert").filter(has_text=clip.name)).to_contain_text("correct the number under Thorough")
    expect(page.locator(".pv")).to_have_attribute("data-phase", "empty")
    assert "key frame" not in page.locator(".pv").inner_text().lower()


@DESKTOP_FIRST
def test_bands_are_named_and_the_axis_ends_where_the_clip_ends(page: Page, clip: Path, size: str) -> None:
    find_moments(page, clip)
    names = page.locator(".pv-ground .ps-band")
    assert names.all_inner_texts() == ["Excellent", "Good", "Fair", "Poor"]
    for name in names.all():
        # All of the word is in sight, and beside the line with its marks.
        room = name.evaluate(
            "(e) => { const range = document.createRange(); range.selectNodeContents(e); "
            "const [word, band] = [range.getBoundingClientRect(), e.getBoundingClientRect()]; "
            "const line = document.querySelector('.pv-plot').getBoundingClientRect(); "
            "return Math.min(word.top - band.top, band.bottom - word.bottom, line.left - 14 - word.right); }"
        )
        assert room >= 0
    video = popscore.rank_video(clip, every=300)
    end = f"{int(video.duration_s // 60)}:{video.duration_s % 60:04.1f}".removesuffix(".0")
    times = page.locator(".pv-times span")
    assert times.first.inner_text() == "0:00"
    assert times.last.inner_text() == end
    boxes = [box for time in times.all() if (box := time.bounding_box())]
    plot = page.locator(".pv-plot").bounding_box()
    assert plot and len(boxes) >= 3
    assert boxes[-1]["x"] + boxes[-1]["width"] == pytest.approx(plot["x"] + plot["width"], abs=1)
    for one, next_one in pairwise(boxes):
        assert one["x"] + one["width"] < next_one["x"], "times lie over each other"
    last_frame = video.points[-1].time_s / video.duration_s
    drawn = page.locator(".pv-line polyline").get_attribute("points")
    assert drawn and last_frame <= float(drawn.split()[-1].split(",")[0]) / 1000 < 1
    if size == "phone":
        low = page.evaluate(
            "[...document.querySelectorAll('.pv :is(button, a, label, input[type=number])')]"
            ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 40).map((e) => e.outerHTML)"
        )
        assert low == []


@PHONE_FIRST
def test_a_clip_is_recorded_with_the_camera(page: Page) -> None:
    page.get_by_role("tab", name="Video").click()
    page.get_by_role("button", name="Record one").click()
    seen = page.get_by_label("What the camera sees")
    expect(seen).to_be_visible()
    # Two seconds of the camera, however long a slow machine takes to show them.
    expect(seen).to_have_js_property("paused", False)
    page.wait_for_function("(video) => video.currentTime >= 2", arg=seen.element_handle(), timeout=60_000)
    page.get_by_role("button", name="Stop recording").click()
    expect(page.locator(".pv")).to_have_attribute("data-phase", "done", timeout=60_000)
    # A machine that is busy may encode one frame of them.
    summary = page.locator(".pv .ps-summary")
    expect(summary).to_have_text(re.compile(r"^(1 frame|\d+ frames) scored · best at 0:\d\d\.\d$"))
    expect(page.get_by_role("list", name="Best frames, best first").get_by_role("listitem").first).to_be_visible()


@pytest.mark.dark
@PHONE_FIRST
def test_a_file_that_is_no_video_says_so(page: Page, cat: Path, tmp_path: Path) -> None:
    named = tmp_path / "clip.mp4"
    named.write_bytes(cat.read_bytes())
    page.get_by_role("tab", name="Video").click()
    page.locator(".pv .ps-files").set_input_files(named)
    expect(page.get_by_role("alert").filter(has_text="clip.mp4")).to_contain_text("is a photo, not a video")
    check_contrast(page)
