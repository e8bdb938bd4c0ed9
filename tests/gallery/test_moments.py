"""The order within a group of similar shots: the rule on plain numbers, and on real photos that are read once more."""

import csv
import io
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from caches import opener
from PIL import Image
from shots import blinking, exposed, noisy, shake

import popscore
from popscore.cpus import usable_cpus
from popscore.gallery import moments
from popscore.gallery.export import write_csv
from popscore.gallery.moments import common_side, moment_order
from popscore.gallery.ranking import rank, rank_images
from popscore.people.shots import ShotMeasure, measure_shot, measured
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.results import Fault, Ranking, ScoredPhoto
from popscore.scoring.scorer import Candidate, Scorer
from tests.gallery.test_ranking import MODEL, candidate

GOOD = ShotMeasure(tiles=(0.3,) * 16, noise=2.0, tones=7.0, blown=0.01, blocked=0.0)
SHAKEN = replace(GOOD, tiles=(0.19,) * 16)


def photo(score: float = 3.0, *, warning: Fault | None = None, size: tuple[int, int] = (400, 300)) -> ScoredPhoto:
    width, height = size
    return ScoredPhoto(
        file="p", score=score, percentile=50, label="Good", color="#3B82F6", width=width, height=height, warning=warning
    )


def people(measure: ShotMeasure, faces: int, closed: int, sharpness: float | None = 4.0) -> ShotMeasure:
    return replace(
        measure,
        faces=faces,
        eyes_closed=closed,
        eyes_open=faces - closed,
        face_sharpness=sharpness if faces else None,
    )


def ordered(*shots: tuple[ShotMeasure | None, float]) -> tuple[list[int], list[str]]:
    return moment_order([measure for measure, _ in shots], [photo(score) for _, score in shots], noise=0.25)


# --- the rule ----------------------------------------------------------------------------------------


def test_a_shaken_shot_gives_way_in_spite_of_its_score() -> None:
    order, reasons = ordered((SHAKEN, 3.4), (GOOD, 3.0), (SHAKEN, 3.1))
    assert order[0] == 1
    assert reasons == ["less sharp", "sharpest of 3", "less sharp"]


def test_a_score_that_is_far_higher_decides_all_the_same() -> None:
    order, reasons = ordered((GOOD, 3.0), (replace(GOOD, tiles=(0.29,) * 16), 4.0))
    assert (order, reasons) == ([1, 0], ["lower score", "higher score"])


def test_light_and_noise_decide() -> None:
    order, reasons = ordered((replace(GOOD, tones=6.0), 3.1), (GOOD, 3.0))
    assert (order, reasons) == ([1, 0], ["worse light", "better light"])
    order, reasons = ordered((replace(GOOD, blown=0.3), 3.1), (GOOD, 3.0))
    assert (order, reasons) == ([1, 0], ["worse light", "better light"])
    order, reasons = ordered((replace(GOOD, noise=12.0), 3.1), (GOOD, 3.0))
    assert (order, reasons) == ([1, 0], ["more noise", "less noise"])


def test_who_blinks_does_not_lead() -> None:
    order, reasons = ordered((people(GOOD, 4, 1), 5.0), (people(SHAKEN, 4, 0), 2.0))
    assert (order, reasons) == ([1, 0], ["eyes closed: 1 of 4", "eyes open"])


def test_where_somebody_blinks_in_all_the_fewest_and_then_the_rest_decide() -> None:
    order, reasons = ordered((people(GOOD, 4, 3), 5.0), (people(SHAKEN, 4, 1), 2.0))
    assert (order, reasons) == ([1, 0], ["eyes closed: 3 of 4", "fewer eyes closed"])
    order, reasons = ordered((people(SHAKEN, 1, 1), 3.0), (people(GOOD, 1, 1), 3.0))
    assert (order, reasons) == ([1, 0], ["less sharp", "sharpest of 2"])


def test_a_shot_without_a_face_does_not_win_by_having_no_eyes() -> None:
    order, reasons = ordered((people(GOOD, 0, 0), 3.0), (people(GOOD, 2, 0), 3.0))
    assert (order, reasons) == ([1, 0], ["no face found", "eyes open"])
    assert ordered((people(SHAKEN, 0, 0), 3.0), (people(GOOD, 1, 1), 3.0))[0] == [1, 0]
    unseen = replace(people(SHAKEN, 1, 0), eyes_open=0)
    assert ordered((unseen, 3.0), (people(GOOD, 1, 1), 3.0)) == ([1, 0], ["less sharp", "sharpest of 2"])
    assert ordered((people(SHAKEN, 0, 0), 3.0), (people(GOOD, 0, 0), 3.0))[0] == [1, 0]


def test_the_sharpness_of_faces_counts_against_that_of_the_background() -> None:
    background, face = people(GOOD, 1, 0, 1.0), people(replace(GOOD, tiles=(0.27,) * 16), 1, 0, 4.0)
    order, reasons = ordered((background, 3.0), (face, 3.0))
    assert (order, reasons) == ([1, 0], ["less sharp", "sharpest of 2"])
    assert moments.face_not_sharp(background, [background, face]) and not moments.face_not_sharp(face, [face, None])


def test_shots_without_a_difference_stay_in_the_order_given() -> None:
    assert ordered((GOOD, 3.0), (GOOD, 3.0), (GOOD, 3.0)) == ([0, 1, 2], ["cannot be told apart"] * 3)
    assert ordered((None, 3.0), (None, 2.9))[1] == ["cannot be told apart"] * 2


def test_what_was_blurred_away_altogether_is_not_sharp() -> None:
    gone = replace(GOOD, tiles=(None,) * 16)
    assert ordered((gone, 3.0), (GOOD, 3.0)) == ([1, 0], ["less sharp", "sharpest of 2"])
    assert ordered((gone, 3.0), (gone, 3.0))[1] == ["cannot be told apart"] * 2


def test_a_shot_that_could_not_be_measured_stands_by_its_score() -> None:
    order, reasons = ordered((GOOD, 3.0), (None, 5.0))
    assert (order, reasons) == ([1, 0], ["lower score", "higher score"])


def test_grids_of_two_shapes_are_not_compared() -> None:
    assert ordered((replace(GOOD, tiles=(0.1,) * 12), 3.0), (GOOD, 3.0))[1] == ["cannot be told apart"] * 2


def test_a_warning_comes_last() -> None:
    order, reasons = moment_order([GOOD, SHAKEN], [photo(5, warning="almost_black"), photo(1)], noise=0.25)
    assert (order, reasons) == ([1, 0], ["almost black", "no warning"])


def test_numbers_at_the_ends() -> None:
    worst = ShotMeasure(tiles=(0.0,) * 16, noise=255.0, tones=0.0, blown=1.0, blocked=1.0)
    for noise in (0.0, 1e-300, 0.25):
        order, _ = moment_order([worst, GOOD], [photo(1e300), photo(-1e300)], noise=noise)
        assert sorted(order) == [0, 1]
    with pytest.raises(ValueError, match="1 measures for 2 photos"):
        moment_order([GOOD], [photo(), photo()], noise=0.25)


def test_a_thumbnail_is_enlarged_and_not_its_originals_made_small() -> None:
    assert common_side([photo(size=(4000, 3000)), photo(size=(3000, 4000))]) == 4000
    assert common_side([photo(size=(4000, 3000)), photo(size=(3000, 2000))]) == 3000
    assert common_side([photo(size=(4000, 3000)), photo(size=(300, 200))]) == 2000


# --- measures ----------------------------------------------------------------------------------------


def test_a_measure_becomes_json_and_comes_back(photos: dict[str, Path]) -> None:
    found = measure_shot(NamedPhoto(photos["astronaut"], "a"), ImageLimits(), side=None, people=True)
    again = ShotMeasure.from_json(json.loads(json.dumps(found.to_json())))
    assert again.to_json() == found.to_json()
    assert (again.faces, again.eyes_closed) == (1, 0) and again.face_sharpness


@pytest.mark.parametrize(
    "change",
    [
        {"tiles": None}, {"tiles": [0.1] * 65}, {"tiles": ["0.1"]}, {"tiles": [math.nan]}, {"tiles": [-1.0]},
        {"noise": math.inf}, {"noise": None}, {"noise": True}, {"tones": 9}, {"blown": 2}, {"blocked": -1},
        {"faces": 1}, {"faces": 1, "eyes_closed": 1, "eyes_open": 1}, {"faces": 1.5, "eyes_closed": 0, "eyes_open": 0},
        {"faces": -1, "eyes_closed": 0, "eyes_open": 0},
        {"face_sharpness": -1.0}, {"face_sharpness": "4"},
    ],
)  # fmt: skip
def test_what_is_no_measure_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"measure|faces"):
        ShotMeasure.from_json({**GOOD.to_json(), **change})
    with pytest.raises(ValueError, match="measure"):
        ShotMeasure.from_json([])


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 3), (40, 40)])
def test_tiny_and_plain_pictures_have_a_measure(size: tuple[int, int]) -> None:
    found = measured(Image.new("RGB", size, "white"), people=True)
    assert found.to_json() == ShotMeasure.from_json(found.to_json()).to_json()
    assert (found.faces, found.eyes_closed, found.face_sharpness, found.tones) == (0, 0, None, 0.0)


def test_a_smaller_copy_is_compared_at_one_size(photos: dict[str, Path], tmp_path: Path) -> None:
    with Image.open(photos["coffee"]) as image:
        image.convert("RGB").resize((300, 200), Image.Resampling.LANCZOS).save(tmp_path / "small.png")
    pair = [NamedPhoto(photos["coffee"], "large"), NamedPhoto(tmp_path / "small.png", "small")]
    at_one_size = [measure_shot(one, ImageLimits(), side=600, people=False) for one in pair]
    assert moment_order(at_one_size, [photo(), photo()], noise=0.25) == ([0, 1], ["sharpest of 2", "less sharp"])


# --- the ranking -------------------------------------------------------------------------------------


def three() -> list[Candidate]:
    return [candidate("shaken", 4.0, looks=1), candidate("alone", 3.5, looks=2), candidate("sharp", 3.2, looks=1)]


def files(ranking: Ranking) -> list[str]:
    return [one.file for one in ranking.results]


def test_shots_share_the_places_of_their_group_and_keep_their_ranks() -> None:
    ranking = rank(three(), MODEL, group_similar=True, measures={0: SHAKEN, 2: GOOD})
    assert files(ranking) == ["sharp", "alone", "shaken"]
    assert [one.rank for one in ranking.results] == [3, 2, 1], "a rank is that of the score"
    assert [one.tier for one in ranking.results] == [3, 2, 1]
    assert [(one.group, one.group_best) for one in ranking.results] == [(1, True), (2, True), (1, False)]
    assert [one.gap for one in ranking.results] == [0, 0, None], "never below 0"
    assert [one.group_reason for one in ranking.results] == ["sharpest of 2", "", "less sharp"]
    assert [one.to_json()["group_reason"] for one in ranking.results] == ["sharpest of 2", None, "less sharp"]
    assert ranking.best.file == "sharp" and ranking.scenes == 2


def test_top_shows_the_leaders() -> None:
    ranking = rank(three(), MODEL, top=1, group_similar=True, measures={0: SHAKEN, 2: GOOD})
    assert (files(ranking), ranking.cut_gap) == (["sharp"], 0)


def test_without_measures_nothing_changes() -> None:
    ranking = rank(three(), MODEL, group_similar=True)
    assert files(ranking) == ["shaken", "alone", "sharp"]
    assert not {"group_reason", "faces"} & set(ranking.results[0].to_json())


# --- photos that are read once more ------------------------------------------------------------------


class Watched(Scorer):
    """Notes which photos are looked at once more, and how many at one time."""

    seen: list[str]
    before: Callable[[NamedPhoto], None] | None = None
    at_once = most = 0

    def look(self, photo: NamedPhoto, *rest: Any, **more: Any) -> Any:
        with _LOCK:
            self.seen.append(Path(photo.name).name)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            if self.before:
                self.before(photo)
            return super().look(photo, *rest, **more)
        finally:
            with _LOCK:
                self.at_once -= 1


_LOCK = threading.Lock()


@pytest.fixture
def watched(scorer: Scorer) -> Watched:
    found = object.__new__(Watched)
    found.__dict__.update(scorer.__dict__)
    found.seen = []
    return found


@pytest.fixture
def shots(photos: dict[str, Path], tmp_path: Path) -> list[Path]:
    """A cup, shaken and brighter, still, and noisy; and a cat."""
    with Image.open(photos["coffee"]) as image:
        cup = image.convert("RGB")
    made = {
        "shaken.png": shake(cup, 6, 0.5).point(lambda value: min(255, value + 6)),
        "still.png": cup,
        "noisy.png": noisy(cup, 12, np.random.default_rng(1)),
    }
    for name, picture in made.items():
        picture.save(tmp_path / name)
    return [*(tmp_path / name for name in made), photos["cat"]]


def test_the_sharp_shot_leads_and_only_shots_of_a_group_are_read_again(watched: Watched, shots: list[Path]) -> None:
    ranking = rank_images(shots, scorer=watched, group_similar=True)
    reasons = {Path(one.file).name: one.group_reason for one in ranking.results}
    assert reasons == {
        "still.png": "sharpest of 3",
        "shaken.png": "less sharp",
        "noisy.png": "more noise",
        "chelsea.png": "",
    }
    assert [Path(one.file).name for one in ranking.results if one.group_best] in (
        ["still.png", "chelsea.png"],
        ["chelsea.png", "still.png"],
    )
    assert sorted(watched.seen) == ["noisy.png", "shaken.png", "still.png"]
    assert all(one.people is None for one in ranking.results)


def test_nothing_is_read_again_where_nobody_asked(watched: Watched, shots: list[Path]) -> None:
    rank_images(shots, scorer=watched)
    rank_images([shots[0], shots[3]], scorer=watched, group_similar=True)
    assert watched.seen == []


def test_one_decoded_photo_for_each_worker(watched: Watched, shots: list[Path]) -> None:
    watched.before = lambda _: time.sleep(0.02)
    rank_images(shots * 3, scorer=watched, group_similar=True)
    assert len(watched.seen) == 12 and watched.most <= usable_cpus()


def test_bytes_files_and_pictures_are_read_again_too(scorer: Scorer, shots: list[Path]) -> None:
    content = shots[0].read_bytes()
    with io.BytesIO(b"before" + shots[1].read_bytes()) as file, Image.open(shots[2]) as image:
        file.seek(6)
        ranking = rank_images([content, file, image], scorer=scorer, group_similar=True)
        assert ranking.best.index == 1
        file.seek(6)
        # Of a generator only paths are kept: the others stand by their scores.
        ranking = rank_images((one for one in (content, file, image)), scorer=scorer, group_similar=True)
    assert {one.group_reason for one in ranking.results} <= {"higher score", "lower score", "cannot be told apart"}
    assert ranking.errors == []


def test_a_photo_that_vanished_meanwhile_keeps_its_place(watched: Watched, shots: list[Path]) -> None:
    def vanish(photo: NamedPhoto) -> None:
        if Path(photo.name).name in ("still.png", "chelsea.png"):
            raise popscore.UnreadableImage("gone")

    watched.before = vanish
    ranking = rank_images(shots, scorer=watched, group_similar=True, people=True)
    assert len(ranking.results) == 4 and ranking.errors == []
    gone = next(one for one in ranking.results if one.file.endswith("chelsea.png"))
    assert gone.people == popscore.results.PeopleSeen() and gone.to_json()["faces"] is None


def test_stopping_while_photos_are_read_again(watched: Watched, shots: list[Path]) -> None:
    counts: list[tuple[int, int | None]] = []
    ranking = rank_images(
        shots,
        scorer=watched,
        group_similar=True,
        on_progress=lambda *count: counts.append(count),
        cancelled=lambda: len(counts) == 5,
    )
    assert counts == [(1, 4), (2, 4), (3, 4), (4, 4), (5, 7)]
    assert ranking.stopped and len(ranking.results) == 4


def test_scores_from_the_cache_and_the_same_order(watched: Watched, shots: list[Path], tmp_path: Path) -> None:
    opened = opener(tmp_path / "cache" / "scores.sqlite", watched)
    with opened() as cache:
        first = rank_images(shots, scorer=watched, group_similar=True, cache=cache).to_json()
    with opened() as cache:
        assert rank_images(shots, scorer=watched, group_similar=True, cache=cache).to_json() == first
        assert cache.hits == 4
    assert len(watched.seen) == 6, "measured each time"


# --- people ------------------------------------------------------------------------------------------


def test_closed_eyes_give_way(scorer: Scorer, photos: dict[str, Path], tmp_path: Path) -> None:
    with Image.open(photos["astronaut"]) as image:
        picture = image.convert("RGB")
    # The shot with closed eyes is a little brighter, which the tiny model likes.
    exposed(blinking(picture), 0.1).save(tmp_path / "blink.png")
    shots = [tmp_path / "blink.png", photos["astronaut"], photos["rocket"]]
    by_score = {Path(one.file).name: one.rank for one in rank_images(shots, scorer=scorer).results}
    assert by_score["blink.png"] < by_score["astronaut.png"]
    ranking = rank_images(shots, scorer=scorer, group_similar=True, people=True)
    found = {Path(one.file).name: one.to_json() for one in ranking.results}
    assert (found["astronaut.png"]["group_best"], found["astronaut.png"]["group_reason"]) == (True, "eyes open")
    assert found["blink.png"]["group_reason"] == "eyes closed: 1 of 1" and not found["blink.png"]["group_best"]
    assert [(one["faces"], one["eyes_closed"]) for one in found.values()].count((1, 1)) == 1
    assert (found["rocket.jpg"]["faces"], found["rocket.jpg"]["face_sharpness"]) == (0, None)
    file = io.BytesIO()
    write_csv(ranking, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode("utf-8-sig"))))
    assert [row["group_reason"] for row in rows] == [one.group_reason for one in ranking.results]
    assert {(row["faces"], row["eyes_closed"]) for row in rows} == {("1", "0"), ("1", "1"), ("0", "0")}


def test_where_all_blink_the_sharp_one_leads(scorer: Scorer, photos: dict[str, Path], tmp_path: Path) -> None:
    with Image.open(photos["astronaut"]) as image:
        closed = blinking(image.convert("RGB"))
    closed.save(tmp_path / "still.png")
    shake(closed, 4, 0.0).save(tmp_path / "shaken.png")
    ranking = rank_images(
        [tmp_path / "shaken.png", tmp_path / "still.png"], scorer=scorer, group_similar=True, people=True
    )
    assert [(Path(one.file).name, one.group_reason) for one in ranking.results] == [
        ("still.png", "sharpest of 2"),
        ("shaken.png", "less sharp"),
    ]
    assert [one.people.eyes_closed for one in ranking.results if one.people] == [1, 1]
