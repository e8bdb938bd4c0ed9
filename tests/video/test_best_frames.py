"""The best frames of a video: which are chosen, which never are, and what is written."""

import io
import math
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from video_clips import RATE, Clip, make_clip, number_of, numbered

import popscore
from popscore import InvalidSetting, NothingToRank, Scorer, Settings, UnreadableVideo, VideoLimits, VideoTooLarge
from popscore.errors import ExportFailed
from popscore.video.best_frames import save_frame
from popscore.video.moments import blur, quality
from popscore.words import every_nth

SIZE = (320, 240)
FINE = {"crf": "14", "x264-params": "keyint=50:bframes=3"}


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Scorer:
    """Scores 4 times the mean brightness."""
    return popscore.load_scorer(Settings(model_path=tiny_model))


@pytest.fixture(scope="module")
def scenes(photos: dict[str, Path]) -> dict[str, Image.Image]:
    return {name: Image.open(path).convert("RGB").resize(SIZE) for name, path in photos.items()}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, scenes: dict[str, Image.Image]) -> Path:
    """Two seconds each: black, cat, coffee, white, a blurred cat that is brighter, astronaut, grey, rocket."""
    brighter = scenes["cat"].point(lambda value: min(255, value + 60)).filter(ImageFilter.GaussianBlur(6))
    order = [
        Image.new("RGB", SIZE, (4, 4, 4)),
        scenes["cat"],
        scenes["coffee"],
        Image.new("RGB", SIZE, (252, 252, 252)),
        brighter,
        scenes["astronaut"],
        Image.new("RGB", SIZE, (180, 180, 180)),
        scenes["rocket"],
    ]
    clip = Clip(frames=len(order) * 50, size=SIZE, options=FINE, tags={"creation_time": "2024-06-01T12:30:05.000000Z"})
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_clip(path, clip, lambda index: order[index // 50])


def test_the_best_moments_are_different_and_none_is_black_white_flat_or_blurred(film: Path, scorer: Scorer) -> None:
    ranking = popscore.rank_video(film, scorer=scorer, top=8)
    scene_of = [result.frame_index // 50 for result in ranking.results]
    assert sorted(scene_of) == [1, 2, 5, 7]
    scores = [result.score for result in ranking.results]
    assert scores == sorted(scores, reverse=True)
    assert [result.rank for result in ranking.results] == [1, 2, 3, 4]
    faults = {point.frame_index // 50: point.fault for point in ranking.points}
    assert faults == {
        0: "almost black",
        1: None,
        2: None,
        3: "almost white",
        4: "blurred",
        5: None,
        6: "one colour",
        7: None,
    }
    # They would have won.
    assert max(point.score for point in ranking.points if point.fault) > max(scores)
    assert ranking.notices == [
        "Only 4 different moments were found among 16 frames. Looking at every 12th frame may find more."
    ]


def test_six_scenes_of_two_seconds_are_six_moments(
    tmp_path: Path, scorer: Scorer, scenes: dict[str, Image.Image]
) -> None:
    """Wherever in a scene the best frame lies: often nearer than a moment to the best one of the next scene."""
    pictures = [*scenes.values(), ImageOps.mirror(scenes["cat"]), ImageOps.mirror(scenes["coffee"])]
    second_is_better = [True, True, False, True, False, False]

    def draw(index: int) -> Image.Image:
        scene, second = divmod(index // RATE, 2)
        brighter = 30 if second == second_is_better[scene] else 0
        return pictures[scene].point(lambda value: min(255, value + brighter))

    path = make_clip(tmp_path / "six.mp4", Clip(frames=12 * RATE, size=SIZE, options=FINE), draw)
    for every in (RATE, 5):
        ranking = popscore.rank_video(path, scorer=scorer, every=every, top=6)
        assert sorted(result.frame_index // (2 * RATE) for result in ranking.results) == list(range(6))
        scores = [result.score for result in ranking.results]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == max(point.score for point in ranking.points if point.fault is None)
        times_s = sorted(result.time_s for result in ranking.results)
        assert all(later - earlier >= 1.5 for earlier, later in pairwise(times_s))
        assert not ranking.notices


def test_where_nothing_more_can_be_looked_at_no_advice_is_given(film: Path, scorer: Scorer, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "short.mp4", Clip(frames=3, size=SIZE), lambda index: numbered(index, SIZE))
    (notice,) = popscore.rank_video(path, scorer=scorer, every=1).notices
    assert notice == "Only 1 moment was found among 3 frames."
    (notice,) = popscore.rank_video(path, scorer=scorer).notices
    assert notice == "Only 1 moment was found among 1 frame. Looking at every frame may find more."
    assert [every_nth(number, "frame") for number in (1, 2, 3, 11, 12, 13, 21, 112)] == [
        "every frame",
        *(f"every {word} frame" for word in ("2nd", "3rd", "11th", "12th", "13th", "21st", "112th")),
    ]


def test_every_point_of_the_timeline(film: Path, scorer: Scorer) -> None:
    ranking = popscore.rank_video(film, scorer=scorer, every=30, top=1)
    assert [point.frame_index for point in ranking.points] == list(range(0, 400, 30))
    assert [point.time_s for point in ranking.points] == pytest.approx([index / RATE for index in range(0, 400, 30)])
    assert (ranking.frame_count, ranking.duration_s) == (400, pytest.approx(16))
    assert len(ranking.results) == 1
    assert ranking.best is ranking.results[0]
    assert not ranking.errors
    assert not ranking.notices


def test_scores_are_those_of_the_frames_as_photos(film: Path, scorer: Scorer) -> None:
    ranking = popscore.rank_video(film, scorer=scorer, every=60)
    pictures = dict(popscore.frame_images(film, [point.frame_index for point in ranking.points]))
    assert list(pictures) == [point.frame_index for point in ranking.points]
    for point in ranking.points:
        assert point.score == pytest.approx(scorer.score(pictures[point.frame_index]).score, abs=0.02)


def test_the_json_document(film: Path, scorer: Scorer) -> None:
    document = popscore.rank_video(film, scorer=scorer, top=2, name="my film.mp4").to_json()
    assert set(document) >= {"model", "results", "errors"}
    result = document["results"][0]
    assert list(result) == [
        *("file", "rank", "score", "percentile", "label", "color", "width", "height"),
        *("frame_index", "time_s", "image", "warning"),
    ]
    assert (result["file"], result["image"], result["width"], result["height"]) == ("my film.mp4", None, *SIZE)


# --- files --------------------------------------------------------------------------------------------


def test_the_frames_are_written(film: Path, scorer: Scorer, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    ranking = popscore.rank_video(film, scorer=scorer, top=3, out=out)
    names = [result.image.name for result in ranking.results]
    assert names == [
        f"film_{result.rank:02d}_0m{result.time_s:06.3f}s_{result.score:.2f}.jpg" for result in ranking.results
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "film_contact_sheet.jpg"])
    everything = dict(popscore.frame_images(film, range(400)))
    for result in ranking.results:
        with Image.open(result.image) as image:
            assert image.size == SIZE
            difference = np.abs(np.asarray(image, int) - np.asarray(everything[result.frame_index], int)).mean()
            assert difference < 3, "another frame was written"
            tags = image.getexif().get_ifd(0x8769)
            assert tags[0x9003] == f"2024:06:01 12:30:{5 + math.floor(result.time_s):02d}"
            assert tags[0x9011] == "+00:00"
            quality_95 = io.BytesIO()
            Image.new("RGB", (8, 8)).save(quality_95, "JPEG", quality=95)
            assert image.quantization == Image.open(quality_95).quantization
    with Image.open(ranking.contact_sheet) as sheet:
        assert sheet.width > SIZE[0]
        assert sheet.height > SIZE[1]


def test_one_frame_is_saved_by_itself(film: Path, tmp_path: Path) -> None:
    path = save_frame(film, 333, tmp_path)
    assert path == tmp_path / "film_0m13.320s.jpg"
    ((_, expected),) = popscore.frame_images(film, [333])
    with Image.open(path) as image:
        assert image.size == SIZE
        assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 3
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2024:06:01 12:30:18"
    assert save_frame(film, 400, tmp_path, name="other.mp4") is None
    assert save_frame(film, -1, tmp_path) is None
    with pytest.raises(ExportFailed):
        save_frame(film, 1, tmp_path / "missing" / "folder")


def test_a_second_run_replaces_its_own_files(film: Path, scorer: Scorer, tmp_path: Path) -> None:
    first = popscore.rank_video(film, scorer=scorer, top=2, out=tmp_path)
    second = popscore.rank_video(film, scorer=scorer, top=2, out=tmp_path)
    assert [result.image for result in first.results] == [result.image for result in second.results]
    assert not second.errors
    assert len(list(tmp_path.iterdir())) == 3


def test_a_frame_that_cannot_be_written_is_an_error_beside_the_others(
    film: Path, scorer: Scorer, tmp_path: Path
) -> None:
    best = popscore.rank_video(film, scorer=scorer, top=2, out=tmp_path).best.image
    best.unlink()
    best.mkdir()
    ranking = popscore.rank_video(film, scorer=scorer, top=2, out=tmp_path)
    assert [result.image is None for result in ranking.results] == [True, False]
    (failed,) = ranking.errors
    assert isinstance(failed.error, ExportFailed)
    assert failed.file == str(best)


def test_a_folder_that_cannot_be_made(film: Path, scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportFailed, match="was not written"):
        popscore.rank_video(film, scorer=scorer, out=tmp_path / "file")


def test_a_turned_video_is_written_upright(scorer: Scorer, scenes: dict[str, Image.Image], tmp_path: Path) -> None:
    path = make_clip(tmp_path / "turned.mov", Clip(frames=3, size=SIZE, rotation=90), lambda _: scenes["cat"])
    ranking = popscore.rank_video(path, scorer=scorer, out=tmp_path / "out")
    assert (ranking.best.width, ranking.best.height) == SIZE[::-1]
    with Image.open(ranking.best.image) as image:
        expected = scenes["cat"].transpose(Image.Transpose.ROTATE_90)
        assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 8


# --- sources ------------------------------------------------------------------------------------------


def test_path_bytes_and_file_give_the_same(film: Path, scorer: Scorer) -> None:
    with open(film, "rb") as file:
        rankings = [
            popscore.rank_video(source, scorer=scorer, top=2) for source in (film, str(film), film.read_bytes(), file)
        ]
    assert len({tuple((point.frame_index, point.score) for point in ranking.points) for ranking in rankings}) == 1
    assert [ranking.file for ranking in rankings] == [str(film), str(film), "the video", "film.mp4"]


def test_bytes_are_limited_too(film: Path, scorer: Scorer) -> None:
    with pytest.raises(VideoTooLarge):
        popscore.rank_video(film.read_bytes(), scorer=scorer, limits=VideoLimits(max_bytes=1000))


def test_the_limit_of_the_environment_holds(film: Path, scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPSCORE_MAX_VIDEO_MB", "0.001")
    with pytest.raises(VideoTooLarge, match=r"the limit is 0.001 MB"):
        popscore.rank_video(film, scorer=scorer)


@pytest.mark.parametrize("option", ["every", "top"])
def test_numbers_below_one_are_refused(film: Path, scorer: Scorer, option: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{option}=0 cannot be used"):
        popscore.rank_video(film, scorer=scorer, **{option: 0})


# --- odd videos ---------------------------------------------------------------------------------------


def ranked(tmp_path: Path, scorer: Scorer, frames: int, draw: Callable[[int], Image.Image]) -> popscore.VideoRanking:
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=frames, size=SIZE, options=FINE), draw)
    return popscore.rank_video(path, scorer=scorer, out=tmp_path / "out")


def test_a_black_video_has_no_best_frame(tmp_path: Path, scorer: Scorer) -> None:
    ranking = ranked(tmp_path, scorer, 60, lambda _: Image.new("RGB", SIZE, (9, 9, 9)))
    assert not ranking.results
    assert ranking.notices == ["No frame is good enough: all 3 are almost black."]
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(NothingToRank, match="No frame is good enough"):
        _ = ranking.best


def test_one_frame(tmp_path: Path, scorer: Scorer, scenes: dict[str, Image.Image]) -> None:
    ranking = ranked(tmp_path, scorer, 1, lambda _: scenes["coffee"])
    assert [result.frame_index for result in ranking.results] == [0]
    assert ranking.notices == ["Only 1 moment was found among 1 frame."]


def test_a_video_that_is_soft_throughout_still_has_a_best_frame(
    tmp_path: Path, scorer: Scorer, scenes: dict[str, Image.Image]
) -> None:
    soft = scenes["cat"].filter(ImageFilter.GaussianBlur(3))
    assert ranked(tmp_path, scorer, 60, lambda _: soft).results


@pytest.mark.slow
def test_a_still_video_is_one_moment(tmp_path: Path, scorer: Scorer, scenes: dict[str, Image.Image]) -> None:
    assert len(ranked(tmp_path, scorer, 250, lambda _: scenes["cat"]).results) == 1


def test_frames_close_in_time_are_one_moment(tmp_path: Path, scorer: Scorer) -> None:
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=100, size=SIZE), lambda index: numbered(index * 37 % 256, SIZE))
    times_s = sorted(result.time_s for result in popscore.rank_video(path, scorer=scorer, every=2, top=9).results)
    assert len(times_s) >= 2
    assert all(later - earlier >= 1.5 for earlier, later in pairwise(times_s))


@pytest.mark.slow
def test_high_dynamic_range_is_told(tmp_path: Path, scorer: Scorer, scenes: dict[str, Image.Image]) -> None:
    options = {"x265-params": "log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer=arib-std-b67"}
    clip = Clip(codec="libx265", pix_fmt="yuv420p10le", frames=3, size=SIZE, colors=(9, 18, 9), options=options)
    ranking = popscore.rank_video(make_clip(tmp_path / "hdr.mp4", clip, lambda _: scenes["cat"]), scorer=scorer)
    assert any("high dynamic range (HDR)" in notice for notice in ranking.notices)


def test_a_damaged_part_is_an_error_beside_the_results(film: Path, tmp_path: Path, scorer: Scorer) -> None:
    content = bytearray(film.read_bytes())
    begins = content.index(b"mdat") + 4
    middle = begins + (content.index(b"moov") - begins) // 2
    content[middle : middle + 3000] = np.random.default_rng(3).bytes(3000)
    (tmp_path / "film.mp4").write_bytes(content)
    ranking = popscore.rank_video(tmp_path / "film.mp4", scorer=scorer)
    assert ranking.results
    (failed,) = ranking.errors
    assert isinstance(failed.error, UnreadableVideo)
    assert str(failed.error) == "film.mp4 is damaged: what could be decoded was used."
    shown = {result.frame_index for result in ranking.results}
    assert not shown & {point.frame_index for point in ranking.points if point.fault == "damaged"}


# --- progress and budgets -----------------------------------------------------------------------------


def test_progress_counts_up_to_all(film: Path, scorer: Scorer) -> None:
    seen: list[tuple[int, int]] = []
    popscore.rank_video(film, scorer=scorer, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 16) for done in range(1, 17)]


def test_cancelling_ranks_what_is_there(film: Path, scorer: Scorer) -> None:
    done = 0

    def progress(now: int, _total: int) -> None:
        nonlocal done
        done = now

    ranking = popscore.rank_video(film, scorer=scorer, every=5, on_progress=progress, cancelled=lambda: done >= 10)
    assert ranking.stopped
    assert 10 <= len(ranking.points) < 40
    assert not ranking.errors
    at_once = popscore.rank_video(film, scorer=scorer, cancelled=lambda: True)
    assert (at_once.stopped, len(at_once.results), len(at_once.errors)) == (True, 0, 0)


def test_an_error_of_the_caller_leaves_no_thread(film: Path, scorer: Scorer) -> None:
    def progress(_done: int, _total: int) -> None:
        raise ZeroDivisionError

    before = set(threading.enumerate())  # an app of another test may still run
    with pytest.raises(ZeroDivisionError):
        popscore.rank_video(film, scorer=scorer, on_progress=progress)
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("popscore")]


def test_the_budget_of_time_holds(film: Path, scorer: Scorer) -> None:
    started_s = time.monotonic()
    ranking = popscore.rank_video(film, scorer=scorer, every=1, limits=VideoLimits(max_seconds=0.3))
    assert time.monotonic() - started_s < 5
    assert len(ranking.points) < 400
    assert any(notice.startswith("The time was over after") for notice in ranking.notices)
    assert not ranking.stopped


# --- fast ---------------------------------------------------------------------------------------------


def test_fast_looks_at_few_frames_and_finds_the_same_scene(film: Path, scorer: Scorer) -> None:
    exact = popscore.rank_video(film, scorer=scorer, every=5)
    fast = popscore.rank_video(film, scorer=scorer, every=5, fast=True)
    assert len(fast.points) < 0.5 * len(exact.points)
    assert fast.best.frame_index // 50 == exact.best.frame_index // 50
    assert fast.best.score == pytest.approx(exact.best.score, abs=0.02)
    indexes = [point.frame_index for point in fast.points]
    assert indexes == sorted(set(indexes))


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("one_key.mp4", Clip(frames=100)),
        ("all_keys.mov", Clip(codec="mjpeg", pix_fmt="yuvj420p", frames=100)),
        ("open.mkv", Clip(frames=100, options={"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3"})),
        ("unknown.avi", Clip(frames=100)),
        ("short.mp4", Clip(frames=3)),
    ],
)
def test_fast_works_on_every_kind(tmp_path: Path, scorer: Scorer, name: str, clip: Clip) -> None:
    ranking = popscore.rank_video(make_clip(tmp_path / name, clip), scorer=scorer, every=5, fast=True)
    assert ranking.results
    for index, picture in popscore.frame_images(tmp_path / name, [ranking.best.frame_index]):
        assert number_of(picture) == index


# --- quality ------------------------------------------------------------------------------------------


def test_blur_grows_with_blurring(scenes: dict[str, Image.Image]) -> None:
    for name, scene in scenes.items():
        grey = scene.convert("L")
        found = [blur(grey.filter(ImageFilter.GaussianBlur(sigma)))[0] for sigma in (0, 1, 2, 4)]
        assert found == sorted(found), name
        assert found[0] < 0.55 < found[3], name


def test_a_portrait_before_a_blurred_background_is_not_blurred(scenes: dict[str, Image.Image]) -> None:
    portrait = scenes["astronaut"].filter(ImageFilter.GaussianBlur(5))
    assert quality(portrait).tile_blur > 0.42
    portrait.paste(scenes["cat"].crop((100, 60, 240, 200)), (90, 50))
    assert quality(portrait).tile_blur < 0.42


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (4, 400), (400, 4)])
def test_tiny_pictures_have_a_quality(size: tuple[int, int]) -> None:
    found = quality(Image.new("RGB", size, (100, 150, 200)))
    assert found.spread == 0
    assert 0 <= found.blur <= 1
