"""The order of photos: ranks, ties, gaps, noise, groups, and what `top` leaves out."""

import json
import zlib
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import popscore
from popscore import Candidate, FailedPhoto, NothingToRank, RankedPhoto, Ranking, ScoredPhoto, Scorer, Settings
from popscore.errors import InvalidSetting, UnreadableImage
from popscore.gallery.ranking import rank, rank_images
from popscore.models import ModelInfo, ModelSpec
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.results import Fault

SPEC = ModelSpec(name="made up", kind="appeal", input_size=(32, 32), noise=0.25)
MODEL = ModelInfo(spec=SPEC, source="file", sha256="0" * 64)


def picture(seed: int) -> bytes:
    """A signature; two with different seeds look different."""
    return np.random.default_rng(seed).integers(0, 256, SIGNATURE_BYTES, dtype=np.uint8).tobytes()


def candidate(
    file: str,
    score: float,
    *,
    looks: int | None = None,
    taken_s: float | None = None,
    warning: Fault | None = None,
) -> Candidate:
    photo = ScoredPhoto(
        file=file, score=score, percentile=50, label="Good", color="#3B82F6", width=4, height=3, warning=warning
    )
    return Candidate(photo, picture(zlib.crc32(file.encode()) if looks is None else looks), taken_s)


def failed(file: str) -> FailedPhoto:
    return FailedPhoto(file=file, error=UnreadableImage(f"{file} could not be read: it is empty."))


def ranked(scores: list[float], **options: object) -> Ranking:
    candidates = [candidate(f"{number}", score, looks=number) for number, score in enumerate(scores)]
    return rank(candidates, MODEL, **options)  # type: ignore[arg-type]


# --- order, ties, gaps -------------------------------------------------------------------------------


def test_best_first() -> None:
    ranking = ranked([1.0, 4.0, 2.5])
    assert [photo.file for photo in ranking.results] == ["1", "2", "0"]
    assert [photo.rank for photo in ranking.results] == [1, 2, 3]
    assert [photo.gap for photo in ranking.results] == [1.5, 1.5, None]
    assert [photo.index for photo in ranking.results] == [1, 2, 0]
    assert ranking.best.file == "1"
    assert (ranking.total, ranking.scenes, ranking.cut_gap, ranking.stopped) == (3, None, None, False)
    assert {(photo.group, photo.group_best) for photo in ranking.results} == {(None, None)}


def test_ties_share_a_rank_and_stay_in_the_order_given() -> None:
    ranking = ranked([2.0, 3.0, 2.0, 3.0, 1.0, 3.0])
    assert [photo.file for photo in ranking.results] == ["1", "3", "5", "0", "2", "4"]
    assert [photo.rank for photo in ranking.results] == [1, 1, 1, 4, 4, 6]
    assert [photo.gap for photo in ranking.results] == [0, 0, 1, 0, 1, None]


def test_negative_scores() -> None:
    assert [photo.file for photo in ranked([-3.0, -1.0, -2.0]).results] == ["1", "2", "0"]


def test_too_close_to_call() -> None:
    ranking = ranked([5.0, 4.75, 4.0, 4.0])  # gaps .25, .75, 0; the noise is .25
    assert [photo.too_close for photo in ranking.results] == [True, False, True, False]
    assert ranking.noise == 0.25


def test_noise_of_a_model_that_does_not_state_it() -> None:
    silent = replace(MODEL, spec=replace(SPEC, noise=None, reference_std=2.0))
    assert 0 < silent.spec.likely_noise < 1
    assert replace(SPEC, noise=None, reference_std=4.0).likely_noise == 2 * silent.spec.likely_noise


# --- tiers and warnings ------------------------------------------------------------------------------


def test_a_tier_has_no_two_that_can_be_told_apart() -> None:
    noise = MODEL.spec.likely_noise
    scores = np.random.default_rng(3).normal(3, 1.5, 300)
    ranking = ranked([float(score) for score in scores])
    tiers = [photo.tier for photo in ranking.results]
    assert tiers == sorted(tiers) and set(tiers) == set(range(1, max(tiers) + 1))
    for tier in set(tiers):
        inside = [photo.score for photo in ranking.results if photo.tier == tier]
        assert max(inside) - min(inside) <= noise, "each with each, not as a chain"
    firsts = [next(photo.score for photo in ranking.results if photo.tier == tier) for tier in sorted(set(tiers))]
    assert all(a - b > noise for a, b in pairwise(firsts))


def test_tiers_count_all_photos_also_where_few_are_shown() -> None:
    whole = ranked([5.0, 4.9, 3.0, 1.0])
    assert [photo.tier for photo in whole.results] == [1, 1, 2, 3]
    assert [photo.tier for photo in ranked([5.0, 4.9, 3.0, 1.0], top=3).results] == [1, 1, 2]


def test_photos_with_a_warning_come_after_all_others() -> None:
    ranking = rank(
        [
            candidate("black", 5.0, looks=1, warning="almost_black"),
            candidate("poor", -2.0, looks=2),
            candidate("page", 6.0, looks=3, warning="not_a_photo"),
            candidate("good", 3.0, looks=4),
        ],
        MODEL,
        group_similar=True,
    )
    assert [photo.file for photo in ranking.results] == ["good", "poor", "page", "black"]
    assert [photo.rank for photo in ranking.results] == [1, 2, 3, 4]
    assert [photo.gap for photo in ranking.results] == [5.0, None, 1.0, None]
    assert [photo.too_close for photo in ranking.results] == [False] * 4
    assert [photo.tier for photo in ranking.results] == [1, 2, 3, 4]
    assert [photo.group for photo in ranking.results] == [1, 2, 3, 4]
    assert [photo.to_json()["warning"] for photo in ranking.results] == [None, None, "not_a_photo", "almost_black"]


def test_a_photo_with_a_warning_is_never_the_best_of_its_scene() -> None:
    pair = [candidate("black", 5.0, looks=1, warning="almost_black"), candidate("seen", 1.0, looks=1)]
    ranking = rank(pair, MODEL, group_similar=True)
    assert [(photo.file, photo.group_best) for photo in ranking.results] == [("seen", True), ("black", False)]


def test_failures_beside_results() -> None:
    ranking = rank([failed("a"), candidate("b", 1), failed("c"), candidate("d", 2)], MODEL)
    assert [photo.file for photo in ranking.results] == ["d", "b"]
    assert [photo.index for photo in ranking.results] == [3, 1]
    assert [photo.file for photo in ranking.errors] == ["a", "c"]
    assert ranking.total == 2


def test_same_name_twice() -> None:
    ranking = rank([candidate("a.jpg", 1, looks=1), candidate("a.jpg", 2, looks=2)], MODEL)
    assert [(photo.file, photo.index) for photo in ranking.results] == [("a.jpg", 1), ("a.jpg", 0)]


def test_no_photo() -> None:
    ranking = rank([], MODEL, group_similar=True, top=3)
    assert (list(ranking.results), ranking.total, ranking.scenes) == ([], 0, 0)
    with pytest.raises(NothingToRank, match="no photo was given"):
        _ = ranking.best
    with pytest.raises(LookupError):
        _ = ranking.best


def test_all_failed() -> None:
    ranking = rank([failed("a"), failed("b")], MODEL)
    with pytest.raises(NothingToRank, match="a could not be read"):
        _ = ranking.best


# --- groups ------------------------------------------------------------------------------------------


def test_groups_are_numbered_by_their_best() -> None:
    ranking = rank(
        [
            candidate("lake 1", 1.0, looks=1),
            candidate("hill 1", 3.0, looks=2),
            candidate("alone", 2.0, looks=3),
            candidate("lake 2", 4.0, looks=1),
            candidate("hill 2", 3.5, looks=2),
        ],
        MODEL,
        group_similar=True,
    )
    assert [(photo.file, photo.group, photo.group_best) for photo in ranking.results] == [
        ("lake 2", 1, True),
        ("hill 2", 2, True),
        ("hill 1", 2, False),
        ("alone", 3, True),  # a photo without near-duplicates is a group of its own
        ("lake 1", 1, False),
    ]
    assert (ranking.total, ranking.scenes) == (5, 3)


def test_a_tie_within_a_group_has_one_best() -> None:
    ranking = rank([candidate(name, 2.0, looks=1) for name in "abc"], MODEL, group_similar=True)
    assert [(photo.file, photo.group_best) for photo in ranking.results] == [("a", True), ("b", False), ("c", False)]


def test_groups_do_not_depend_on_the_order_given() -> None:
    photos = [candidate(f"{number}", float(number % 4), looks=number % 7) for number in range(40)]

    def group_members(order: list[Candidate]) -> set[frozenset[str]]:
        results = rank(order, MODEL, group_similar=True).results
        numbers = {photo.group for photo in results}
        return {frozenset(photo.file for photo in results if photo.group == number) for number in numbers}

    expected = group_members(photos)
    assert len(expected) == 7
    for seed in range(5):
        shuffled = [photos[at] for at in np.random.default_rng(seed).permutation(len(photos))]
        assert group_members(shuffled) == expected


# --- top ---------------------------------------------------------------------------------------------


def test_top() -> None:
    ranking = ranked([1.0, 5.0, 4.0, 4.0, 3.9], top=3)
    assert [photo.file for photo in ranking.results] == ["1", "2", "3"]
    assert [photo.rank for photo in ranking.results] == [1, 2, 2]
    assert [photo.gap for photo in ranking.results] == [1, 0, None]  # of the results that are shown
    assert ranking.cut_gap == pytest.approx(0.1)  # how close the first photo left out comes
    assert ranking.total == 5


@pytest.mark.parametrize("top", [3, 4, 1000])
def test_top_of_all(top: int) -> None:
    ranking = ranked([1.0, 2.0, 3.0], top=top)
    assert len(ranking.results) == 3 and ranking.cut_gap is None


def test_top_of_groups_gives_the_best_of_each() -> None:
    ranking = rank(
        [
            candidate("lake 1", 5.0, looks=1),
            candidate("lake 2", 4.5, looks=1),
            candidate("hill 1", 4.0, looks=2),
            candidate("hill 2", 3.0, looks=2),
            candidate("alone", 2.5, looks=3),
        ],
        MODEL,
        top=2,
        group_similar=True,
    )
    assert [(photo.file, photo.rank, photo.group, photo.gap) for photo in ranking.results] == [
        ("lake 1", 1, 1, 1.0),
        ("hill 1", 3, 2, None),
    ]
    assert (ranking.total, ranking.scenes, ranking.cut_gap) == (5, 3, 1.5)


def test_top_of_groups_that_lie_within_each_other() -> None:
    photos = [candidate("lake 1", 5.0, looks=1), candidate("hill", 4.0, looks=2), candidate("lake 2", 3.0, looks=1)]
    ranking = rank(photos, MODEL, top=1, group_similar=True)
    assert ([photo.file for photo in ranking.results], ranking.cut_gap) == (["lake 1"], 1.0)


@pytest.mark.parametrize("top", [0, -1])
def test_top_must_be_above_0(top: int, tiny_model: Path) -> None:
    with pytest.raises(InvalidSetting, match=f"top={top}"):
        ranked([1.0], top=top)
    with pytest.raises(ValueError, match="above 0"):
        rank_images([], scorer=popscore.load_scorer(Settings(model_path=tiny_model)), top=top)


# --- JSON --------------------------------------------------------------------------------------------


def test_json() -> None:
    document = rank([candidate("a", 1.23456, looks=1), candidate("b", 3, looks=2), failed("c")], MODEL).to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["results"][0] == {
        "file": "b",
        "rank": 1,
        "score": 3,
        "percentile": 50,
        "label": "Good",
        "color": "#3B82F6",
        "width": 4,
        "height": 3,
        "gap": 1.7654,
        "too_close": False,
        "tier": 1,
        "warning": None,
    }
    assert document["results"][1]["gap"] is None
    assert document["errors"] == [
        {"file": "c", "error": "UnreadableImage", "message": "c could not be read: it is empty."}
    ]
    assert document["model"] == MODEL.to_json()
    assert (document["noise"], document["total"], document["scenes"]) == (0.25, 2, None)


def test_json_of_groups() -> None:
    document = rank([candidate("a", 1)], MODEL, group_similar=True).to_json()
    assert (document["results"][0]["group"], document["results"][0]["group_best"]) == (1, True)
    assert document["scenes"] == 1


# --- from photos -------------------------------------------------------------------------------------


def grey(folder: Path, level: int) -> Path:
    path = folder / f"{level}.png"
    Image.new("RGB", (40, 30), (level,) * 3).save(path)
    return path


def test_rank_images(scorer: Scorer, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    photos = [grey(tmp_path, 10), bad, grey(tmp_path, 200), grey(tmp_path, 100)]
    ranking = popscore.rank_images(photos, scorer=scorer)
    assert ranking.best.file == str(tmp_path / "200.png")
    assert [Path(photo.file).name for photo in ranking.results] == ["200.png", "100.png", "10.png"]
    assert [error.file for error in ranking.errors] == [str(bad)]
    assert isinstance(ranking.best, RankedPhoto) and ranking.model == scorer.model


def test_same_photo_from_path_bytes_file_and_image(scorer: Scorer, cat: Path) -> None:
    content = cat.read_bytes()
    with cat.open("rb") as file, Image.open(cat) as image:
        ranking = rank_images([cat, content, BytesIO(content), file, image], scorer=scorer, group_similar=True)
    assert [photo.rank for photo in ranking.results] == [1] * 5
    assert [photo.index for photo in ranking.results] == [0, 1, 2, 3, 4]
    assert [photo.group for photo in ranking.results] == [1] * 5
    assert all(photo.too_close for photo in ranking.results[:-1])


def test_near_duplicates_are_grouped(scorer: Scorer, photos: dict[str, Path], tmp_path: Path) -> None:
    with Image.open(photos["coffee"]) as image:
        coffee = image.convert("RGB")
    smaller = coffee.resize((coffee.width // 2, coffee.height // 2))
    smaller.save(tmp_path / "smaller.jpg", quality=70)
    ranking = rank_images([*photos.values(), tmp_path / "smaller.jpg"], scorer=scorer, group_similar=True)
    group_of = {Path(photo.file).name: photo.group for photo in ranking.results}
    assert group_of["smaller.jpg"] == group_of["coffee.png"]
    assert ranking.scenes == 4


def test_names_of_one_s_own(scorer: Scorer, tmp_path: Path) -> None:
    names = {grey(tmp_path, 10): "dark.png", grey(tmp_path, 200): "light.png", tmp_path / "none": "lost.png"}
    ranking = rank_images([popscore.NamedPhoto(photo, name) for photo, name in names.items()], scorer=scorer)
    assert [photo.file for photo in ranking.results] == ["light.png", "dark.png"]
    assert ranking.errors[0].file == "lost.png" and "lost.png" in str(ranking.errors[0].error)


def test_progress(scorer: Scorer, tmp_path: Path) -> None:
    photos = [grey(tmp_path, level) for level in (10, 20, 30)]
    counts: list[tuple[int, int | None]] = []
    rank_images(photos, scorer=scorer, on_progress=lambda *count: counts.append(count))
    assert counts == [(1, 3), (2, 3), (3, 3)]
    counts.clear()
    rank_images(iter(photos), scorer=scorer, on_progress=lambda *count: counts.append(count))
    assert counts == [(1, None), (2, None), (3, None)]


def test_cancelling_keeps_what_was_scored(scorer: Scorer, tmp_path: Path) -> None:
    photos = [grey(tmp_path, level) for level in range(0, 250, 5)]
    done = 0

    def count(scored: int, _total: int | None) -> None:
        nonlocal done
        done = scored

    ranking = rank_images(photos, scorer=scorer, on_progress=count, cancelled=lambda: done >= 7)
    assert (ranking.total, ranking.stopped) == (7, True)
    everything = rank_images(photos[:7], scorer=scorer, on_progress=count, cancelled=lambda: done >= 7)
    assert (everything.total, everything.stopped) == (7, False)


def test_scorer_of_the_environment(tiny_model: Path, cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPSCORE_MODEL_PATH", str(tiny_model))
    assert rank_images([cat]).model.origin == "tiny.onnx"
