"""Photos to scores: sources, order, laziness, threads."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from commands import environment
from onnx_files import METADATA, tiny
from PIL import Image

import popscore
from popscore import FailedPhoto, ScoredPhoto, Scorer, Settings, UnreadableImage
from popscore.cpus import usable_cpus
from popscore.errors import ImageTooLarge, ScoringFailed
from popscore.results import report


def grey_score(number: int) -> float:
    return 4 * number * 20 / 255


# --- one photo ---------------------------------------------------------------------------------------


def test_score(scorer: Scorer, greys: list[Path]) -> None:
    scored = scorer.score(greys[9])
    assert scored == ScoredPhoto(
        file=str(greys[9]),
        score=pytest.approx(grey_score(9), abs=1e-3),
        percentile=popscore.scale.percentile(scored.score),
        label="Good",
        color="#3B82F6",
        width=40,
        height=30,
        warning="one_color",
    )
    assert scored.rank == 1  # a photo alone


def test_scale_of_the_model_is_used(tmp_path: Path, greys: list[Path]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny(size=(32, 48), metadata={**METADATA, "popscore.mean": "[0,0,0]", "popscore.std": "[1,1,1]"}))
    scored = popscore.load_scorer(Settings(model_path=path)).score(greys[9])
    assert scored.percentile == pytest.approx(popscore.scale.percentile(scored.score, mean=1.5, std=0.5))


@pytest.mark.parametrize("name", ["cat", "rocket"])
def test_every_source_scores_the_same(scorer: Scorer, photos: dict[str, Path], name: str) -> None:
    path = photos[name]
    expected = scorer.score(path).score
    content = path.read_bytes()
    with path.open("rb") as file, Image.open(path) as image:
        sources = [str(path), content, bytearray(content), memoryview(content), BytesIO(content), file, image]
        for source in sources:
            assert scorer.score(source).score == expected, type(source)


def test_what_a_photo_is_called(scorer: Scorer, greys: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(greys[0].parent)
    content = greys[0].read_bytes()
    assert scorer.score("0.png").file == "0.png"
    assert scorer.score(Path("./0.png")).file == "0.png"
    assert scorer.score("./0.png").file == "./0.png"
    assert scorer.score(content).file == "the photo"
    assert scorer.score(content, name="holiday.png").file == "holiday.png"
    with greys[0].open("rb") as file:
        assert scorer.score(file).file == "0.png"


def test_failures_are_raised(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match=r"missing\.jpg"):
        scorer.score(tmp_path / "missing.jpg")
    with pytest.raises(UnreadableImage, match=r"holiday\.jpg"):
        scorer.score(b"no photo", name="holiday.jpg")


def test_limits_come_from_the_settings(tiny_model: Path, cat: Path) -> None:
    scorer = popscore.load_scorer(Settings(model_path=tiny_model, max_image_bytes=1000))
    with pytest.raises(ImageTooLarge, match="POPSCORE_MAX_IMAGE_MB"):
        scorer.score(cat)


def test_score_that_is_not_a_number(tmp_path: Path, greys: list[Path]) -> None:
    path = tmp_path / "nan.onnx"
    path.write_bytes(tiny(factor=float("nan")))
    scorer = popscore.load_scorer(Settings(model_path=path))
    with pytest.raises(ScoringFailed):
        scorer.score(greys[0])
    (failed,) = scorer.score_many([greys[0]])
    assert isinstance(failed, FailedPhoto) and isinstance(failed.error, ScoringFailed)


def test_exact_decodes_in_full(tiny_model: Path, tmp_path: Path, photos: dict[str, Path]) -> None:
    path = tmp_path / "large.jpg"
    with Image.open(photos["coffee"]) as photo:
        photo.convert("RGB").resize((2000, 1500)).save(path, quality=90)
    quick = popscore.load_scorer(Settings(model_path=tiny_model)).score(path)
    exact = popscore.load_scorer(Settings(model_path=tiny_model), exact=True).score(path)
    assert (quick.width, quick.height) == (exact.width, exact.height) == (2000, 1500)
    assert quick.score == pytest.approx(exact.score, abs=0.01)


# --- many photos -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 1, 2, 5])
def test_order_and_scores_do_not_depend_on_the_workers(scorer: Scorer, greys: list[Path], workers: int | None) -> None:
    shuffled = [greys[number] for number in (3, 11, 0, 7, 7, 5, 1, 10, 2)]
    found = list(scorer.score_many(shuffled, workers=workers))
    assert [outcome.file for outcome in found] == [str(path) for path in shuffled]
    assert found == [scorer.score(path) for path in shuffled]


def test_no_photos(scorer: Scorer) -> None:
    assert list(scorer.score_many([])) == []


def test_one_bad_photo_among_good(scorer: Scorer, greys: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    first, failed, last = scorer.score_many([greys[1], bad, greys[2]])
    assert isinstance(first, ScoredPhoto) and isinstance(last, ScoredPhoto)
    assert isinstance(failed, FailedPhoto) and failed.file == str(bad)
    assert failed.to_json() == {"file": str(bad), "error": "UnreadableImage", "message": str(failed.error)}


def test_photos_are_taken_only_as_needed(scorer: Scorer, greys: list[Path]) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield greys[0]

    outcomes = scorer.score_many(endless(), workers=2)
    assert taken == 0
    for _ in range(3):
        next(outcomes)
    assert 3 <= taken <= 3 + 2 * 2
    outcomes.close()
    before = taken
    time.sleep(0.05)
    assert taken == before


def test_closing_leaves_no_threads(scorer: Scorer, greys: list[Path]) -> None:
    before = set(threading.enumerate())  # an app of another test may still run
    outcomes = scorer.score_many(greys * 10, workers=3)
    next(outcomes)
    outcomes.close()
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("popscore")]


def test_failure_of_the_iterable_reaches_the_caller(scorer: Scorer, greys: list[Path]) -> None:
    def broken() -> Iterator[Path]:
        yield greys[0]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(scorer.score_many(broken()))


def test_a_bug_is_not_hidden(scorer: Scorer, greys: list[Path]) -> None:
    with pytest.raises(TypeError, match="a photo is"):
        list(scorer.score_many([greys[0], 42]))  # type: ignore[list-item]


def test_threads_share_a_scorer(scorer: Scorer, greys: list[Path]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(scorer.score, greys * 8))
    assert found == [scorer.score(path) for path in greys] * 8


def test_report_ranks_with_ties(scorer: Scorer, greys: list[Path]) -> None:
    order = [greys[number] for number in (1, 5, 1, 0, 5, 3)]
    answer = report(scorer.model, scorer.score_many(order))
    assert [photo.file for photo in answer.results] == [str(path) for path in order]
    assert [photo.rank for photo in answer.results] == [4, 1, 4, 6, 1, 3]


# --- CPUs --------------------------------------------------------------------------------------------


def test_usable_cpus() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
def test_usable_cpus_of_a_process_that_may_use_one(tmp_path: Path) -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from popscore.cpus import usable_cpus; print(usable_cpus())"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


# --- the embedded model ------------------------------------------------------------------------------


def test_embedded_scores_are_sensible(embedded_model: Path, photos: dict[str, Path]) -> None:
    scorer = popscore.load_scorer(Settings())
    scores = {name: scorer.score(path).score for name, path in photos.items()}
    assert len({round(score, 4) for score in scores.values()}) == 4
    # Within four standard deviations of the reference population.
    assert all(2.96 - 4 * 1.55 < score < 2.96 + 4 * 1.55 for score in scores.values())


def test_embedded_likes_damaged_photos_less(embedded_model: Path, photos: dict[str, Path]) -> None:
    """A strong blur, and JPEG quality 5, cost at least three of four photos points."""
    from PIL import ImageFilter

    scorer = popscore.load_scorer(Settings())
    blurred_lower = coarse_lower = 0
    for path in photos.values():
        with Image.open(path) as image:
            photo = image.convert("RGB")
        blurred = photo.filter(ImageFilter.GaussianBlur(min(photo.size) / 40))
        coarse = BytesIO()
        photo.save(coarse, "JPEG", quality=5)
        score = scorer.score(path).score
        blurred_lower += scorer.score(blurred).score < score
        coarse_lower += scorer.score(coarse.getvalue()).score < score
    assert blurred_lower >= 3 and coarse_lower >= 3


# --- pixels that are decoded already ----------------------------------------------------------------


def test_a_part_scores_as_the_same_pixels_cut_out(cat: Path) -> None:
    scorer = popscore.load_scorer(Settings())
    with Image.open(cat) as photo:
        pixels = photo.convert("RGB")
    for box in ((0, 0, pixels.width, pixels.height), (100, 40, 340, 280), (7, 3, 207, 300)):
        left, top, right, bottom = box
        cut_out = scorer.predict(pixels.crop((left, top, right, bottom))).score
        assert scorer.predict(pixels, box=box).score == cut_out


def test_a_prediction_of_the_whole_photo_is_its_score(cat: Path) -> None:
    scorer = popscore.load_scorer(Settings(), exact=True)
    with Image.open(cat) as photo:
        found = scorer.predict(photo.convert("RGB"), activation_map=True, embedding=True)
    assert found.score == scorer.score(cat).score
    assert found.activation_map is not None and found.embedding is not None


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (0, 0, 10_000, 10), (10, 10, 5, 20)])
def test_a_part_outside_of_the_photo_is_refused(cat: Path, box: tuple[int, int, int, int]) -> None:
    with Image.open(cat) as photo, pytest.raises(ValueError, match="does not lie in a photo"):
        popscore.load_scorer(Settings()).predict(photo.convert("RGB"), box=box)
