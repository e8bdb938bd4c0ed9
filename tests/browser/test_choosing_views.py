"""The views of the Rank tab: keys, zoom, photos side by side, scenes and what is said of their shots."""

import re
from pathlib import Path

import pytest
from choosing import add, cards, focused, press, ranked, reload, summary
from PIL import ExifTags, Image
from playwright.sync_api import Page, expect
from shots import blinking, shake

pytestmark = pytest.mark.browser


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


@pytest.mark.slow
def test_a_card_keeps_its_picture_when_something_changes(chosen: Page) -> None:
    card = cards(chosen).first
    card.evaluate("(one) => { one.marked = true; one.querySelector('img').marked = true; }")
    card.get_by_role("button", name="Keep").click()
    assert card.evaluate("(one) => one.marked && one.querySelector('img').marked")
    expect(card.get_by_role("button", name="Keep")).to_be_focused()


@pytest.mark.slow
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


@pytest.mark.slow
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
    reload(chosen)
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
