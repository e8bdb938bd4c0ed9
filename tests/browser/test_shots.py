"""What the page knows of its photos: order, scenes, decisions, a first choice. Nothing is drawn here."""

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

DAY = 86_400
# score, group, tier, when it was taken, warning
Photo = tuple[float, int, int, float | None, str | None]


@pytest.fixture
def size() -> str:
    return "desktop"


def with_shots(page: Page, photos: list[Photo], script: str) -> Any:
    """What a script gives that gets `shots`, filled with these photos, best first; their ids are a, b, c …"""
    return page.evaluate(
        """([photos, script]) => {
            const shots = popscore.shots();
            const sent = photos.map(([score, group, tier, taken_s, warning], at) => {
                const id = String.fromCharCode(97 + at), result = {score, warning, taken_s};
                const photo = {id, name: `${at}.jpg`, decision: null, by: null, error: null, result};
                shots.put(photo);
                return photo;
            });
            const indexes = photos.map((_, at) => at);
            const of = (value) => photos.map(value);
            shots.take(sent, {indexes, ranks: of((_, at) => at + 1), groups: of((one) => one[1]),
                tiers: of((one) => one[2]), gaps: of(() => null), too_close: of(() => false)});
            return new Function('shots', script)(shots);
        }""",
        [photos, script],
    )


IDS = ".map((photo) => photo.id).join('')"


def test_the_first_choice_is_the_best_of_each_scene_in_the_order_of_the_tiers(page: Page) -> None:
    photos: list[Photo] = [
        (5.0, 1, 1, None, None),
        (4.9, 1, 1, None, None),
        (4.0, 2, 2, None, None),
        (3.9, 3, 2, None, None),
        (2.0, 2, 3, None, None),
        (1.0, 4, 4, None, "almost_black"),
    ]
    assert with_shots(page, photos, f"return shots.firstChoice(2){IDS}") == "ac"
    assert with_shots(page, photos, f"return shots.firstChoice(20){IDS}") == "acd"


def test_a_rejected_best_gives_way_to_the_next_of_its_scene(page: Page) -> None:
    photos: list[Photo] = [(5.0, 1, 1, None, None), (4.9, 1, 1, None, None), (4.0, 2, 2, None, None)]
    script = f"shots.decide('a', 'reject'); return shots.firstChoice(5){IDS}"
    assert with_shots(page, photos, script) == "bc"


def test_what_is_kept_counts_and_its_scene_is_left_alone(page: Page) -> None:
    photos: list[Photo] = [
        (5.0, 1, 1, None, None),
        (4.9, 1, 1, None, None),
        (4.0, 2, 2, None, None),
        (3.0, 3, 3, None, None),
    ]
    script = f"shots.decide('b', 'keep'); return shots.firstChoice(2){IDS}"
    assert with_shots(page, photos, script) == "bc"


def test_within_a_tier_the_days_take_turns(page: Page) -> None:
    first, second = 10.0 * DAY, 11.0 * DAY
    photos: list[Photo] = [
        (5.0, 1, 1, first, None),
        (4.9, 2, 1, first + 60, None),
        (4.8, 3, 1, first + 120, None),
        (4.7, 4, 1, second, None),
        (2.0, 5, 2, second + 60, None),
    ]
    assert with_shots(page, photos, f"return shots.firstChoice(2){IDS}") == "ad"
    assert with_shots(page, photos, f"return shots.firstChoice(4){IDS}") == "abcd", "no day goes before a better tier"


def test_one_press_keeps_the_best_of_each_group_and_is_taken_back_at_once(page: Page) -> None:
    photos: list[Photo] = [
        (5.0, 1, 1, None, None),
        (4.9, 1, 1, None, None),
        (4.0, 2, 2, None, None),
        (3.0, 3, 3, None, None),
        (2.9, 3, 3, None, None),
    ]
    decided = "return shots.placed().map((photo) => photo.decision?.[0] || '-').join('')"
    assert with_shots(page, photos, f"shots.keepBestOfScenes(); {decided}") == "kr-kr"
    assert with_shots(page, photos, f"shots.keepBestOfScenes(); shots.undo(); {decided}") == "-----"
    assert with_shots(page, photos, f"shots.decide('c', 'keep'); shots.decide('c', 'keep'); {decided}") == "-----"
    assert with_shots(page, photos, "shots.decide('c', 'keep'); shots.undo(); return shots.undoable") is None


def test_photos_are_put_into_a_scene_and_taken_out_by_hand(page: Page) -> None:
    photos: list[Photo] = [(5.0, 1, 1, None, None), (4.9, 1, 1, None, None), (4.0, 2, 2, None, None)]
    script = "shots.change('apart', [['b', {by: 'own b'}]]); return shots.scenes().size"
    assert with_shots(page, photos, script) == 3
    script = "shots.change('join', [['b', {by: 'x'}], ['c', {by: 'x'}]]); shots.undo(); return shots.scenes().size"
    assert with_shots(page, photos, script) == 2


def test_before_the_server_has_put_them_in_order_they_go_by_score_and_warning(page: Page) -> None:
    photos: list[Photo] = [(1.0, 1, 1, None, None), (6.0, 2, 1, None, "not_a_photo"), (3.0, 3, 1, None, None)]
    script = "shots.order(); return shots.placed().map((photo) => `${photo.id}${photo.result.rank}`).join()"
    assert with_shots(page, photos, script) == "c1,a2,b3"
    photos = [(3.0, 1, 1, None, None), (3.0, 2, 1, None, None), (1.0, 3, 1, None, None)]
    assert with_shots(page, photos, script) == "a1,b1,c3", "equal scores share a rank"


def test_rows_say_the_size_of_the_original_and_what_was_decided(page: Page) -> None:
    script = (
        "const photo = shots.get('a'); Object.assign(photo, {width: 4000, height: 3000});"
        "photo.result.width = 1120; photo.result.height = 840; shots.decide('a', 'reject'); return shots.rows()[0]"
    )
    row = with_shots(page, [(5.0, 1, 1, None, None)], script)
    assert (row["file"], row["width"], row["height"], row["decision"]) == ("0.jpg", 4000, 3000, "reject")
