"""Maps: every number is found again by scoring the pixels that it speaks of."""

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import METADATA, tiny
from photos import picture, saved, sideways
from PIL import Image, ImageFilter
from pooled_networks import small_network

import popscore
from popscore import Scorer, Settings
from popscore.errors import InvalidSetting, ScoringFailed, UnreadableImage
from popscore.insight.maps import Contributions, explain_pixels
from popscore.insight.occlusion import blurred_copy, hidden, occlusion_grid
from popscore.insight.places import addition, honesty, listed, places, resolution, strongest
from popscore.models import load_model
from popscore.models.preprocess import seen_pixels
from popscore.models.session import Prediction
from popscore.photos.decode import read_photo


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return popscore.load_scorer(Settings())


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """Scores 4 times the mean brightness; it has no map, and none can be added."""
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(tiny())
    return popscore.load_scorer(Settings(model_path=path))


@pytest.fixture(scope="module")
def cutting(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """The same, 32 x 48 (height x width), cut out of the centre."""
    path = tmp_path_factory.mktemp("models") / "cutting.onnx"
    path.write_bytes(tiny(size=(32, 48), metadata={**METADATA, "popscore.resize": "short_side_crop"}))
    return popscore.load_scorer(Settings(model_path=path))


def half_bright() -> Image.Image:
    """Dark on the left, bright on the right."""
    both = Image.new("RGB", (280, 140), (40, 40, 40))
    both.paste((220, 220, 220), (140, 0, 280, 140))
    return both


def total(found: popscore.ScoreMap | Contributions) -> float:
    return float(np.mean(found.grid)) + found.base


# --- the model's own map --------------------------------------------------------------------------------


def test_own_map_makes_the_score(scorer: Scorer, photos: dict[str, Path]) -> None:
    for path in photos.values():
        found, scored = popscore.explain(path, scorer=scorer), scorer.score(path)
        assert found.score == scored.score and found.label == scored.label
        assert (found.width, found.height, found.warning) == (scored.width, scored.height, scored.warning)
        assert (len(found.grid), len(found.grid[0]), found.method) == (8, 8, "activation_map")
        assert found.base == scorer.model.spec.reference_mean
        assert total(found) == pytest.approx(scored.score, abs=1e-3)
        assert found.complete and found.covers == (0, 0, 1, 1)


def test_an_added_map_makes_the_score(tmp_path: Path, cat: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(small_network())
    scorer = popscore.load_scorer(Settings(model_path=tmp_path / "model.onnx"))
    found = popscore.explain(cat, scorer=scorer)
    assert (found.method, len(found.grid)) == ("activation_map", 7)
    assert total(found) == pytest.approx(scorer.score(cat).score, abs=1e-3)


def test_json(scorer: Scorer, cat: Path) -> None:
    found = popscore.explain(cat, scorer=scorer)
    document = found.to_json()
    assert list(document) == [
        *scorer.score(cat).to_json(),
        "grid",
        "base",
        "method",
        "complete",
        "covers",
        "image",
    ]
    assert np.mean(document["grid"]) + document["base"] == pytest.approx(document["score"], abs=1e-3)
    assert document["image"] is None


# --- occlusion ----------------------------------------------------------------------------------------------


def test_each_cell_is_found_again_by_hiding_it(scorer: Scorer, cat: Path) -> None:
    """By hand: from the decoded photo, with Pillow alone, by the public `predict`."""
    found = popscore.explain(cat, scorer=scorer, method="occlusion", seconds=600)
    assert (len(found.grid), len(found.grid[0]), found.method) == (7, 7, "occlusion")
    assert found.score == scorer.score(cat).score
    assert total(found) == pytest.approx(found.score, abs=1e-3)
    pixels = read_photo(cat, at_least=scorer.at_least).pixels.resize((240, 240), Image.Resampling.BILINEAR)
    blurred = pixels.filter(ImageFilter.GaussianBlur(240 / 14))
    for row, column in ((0, 0), (3, 4), (6, 6), (5, 1)):
        box = tuple(round(240 * edge / 7) for edge in (column, row, column + 1, row + 1))
        by_hand = pixels.copy()
        by_hand.paste(blurred.crop(box), box[:2])  # type: ignore[arg-type]
        drop = found.score - scorer.predict(by_hand).score
        assert found.grid[row][column] == pytest.approx(49 * drop, abs=1e-3)


def test_what_is_bright_raises_a_score_of_brightness(bright: Scorer) -> None:
    found = explain_pixels(half_bright(), bright)
    assert found.method == "occlusion"
    grid = np.array(found.grid)
    assert abs(grid[:, [0, 1, 5, 6]]).max() < 1  # a blurred surface of one colour is the same
    assert grid[:, 3].mean() == pytest.approx(0, abs=0.2)  # light that went out on one side came in on the other


def test_progress_is_told(bright: Scorer) -> None:
    told: list[tuple[int, int]] = []
    explain_pixels(half_bright(), bright, on_progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 49) for done in range(1, 50)]


class Slow(Scorer):
    """Takes its time."""

    def predict(self, pixels: Image.Image, **more: Any) -> Prediction:
        time.sleep(0.05)
        return super().predict(pixels, **more)


def test_a_slow_model_gets_larger_cells(bright: Scorer, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(tiny())
    slow = Slow(load_model(Settings(model_path=tmp_path / "tiny.onnx")))
    found = explain_pixels(half_bright(), slow, seconds=1.2)
    side = len(found.grid)
    assert side in (2, 4) and not found.complete  # 4 on a quiet machine
    seen = seen_pixels(half_bright(), bright.model.spec)
    blurred = blurred_copy(seen)
    drop = found.score - bright.predict(hidden(seen, blurred, side, 1, 0)).score
    assert found.grid[1][0] == pytest.approx(side * side * drop, abs=1e-4)
    assert total(found) == pytest.approx(found.score, abs=1e-3)


def test_without_time_there_is_no_map(bright: Scorer) -> None:
    with pytest.raises(ScoringFailed, match="too slow for a map"):
        explain_pixels(half_bright(), bright, seconds=0)
    with pytest.raises(ScoringFailed, match="too slow for a map"):
        explain_pixels(half_bright(), bright, cancelled=lambda: True)


def test_a_standstill_gives_larger_cells(bright: Scorer) -> None:
    """The time is up after a few masks, though the first run promised all of them."""
    seen = seen_pixels(half_bright(), bright.model.spec)
    score = bright.predict(seen).score
    asked = iter([False] * 5 + [True] + [False] * 100)
    grid = occlusion_grid(seen, score, bright, run_s=0.001, seconds=60, cancelled=lambda: next(asked))
    assert len(grid) == 2


# --- which map, and of what ------------------------------------------------------------------------------------


def test_odd_methods(bright: Scorer, scorer: Scorer, cat: Path) -> None:
    with pytest.raises(InvalidSetting, match="has no map of its own"):
        popscore.explain(cat, scorer=bright, method="activation_map")
    with pytest.raises(InvalidSetting, match="no map of the kind"):
        popscore.explain(cat, scorer=scorer, method="gradcam")  # type: ignore[arg-type]


def test_a_model_that_cuts_says_what_it_saw(cutting: Scorer) -> None:
    wide, high = Image.new("RGB", (300, 100), "grey"), Image.new("RGB", (96, 128), "grey")
    assert explain_pixels(wide, cutting).covers == pytest.approx((0.25, 0, 0.75, 1))
    assert explain_pixels(high, cutting).covers == pytest.approx((0, 0.25, 1, 0.75))
    found = explain_pixels(picture(300, 100), cutting)
    assert total(found) == pytest.approx(cutting.predict(picture(300, 100)).score, abs=1e-3)


def test_odd_photos(scorer: Scorer, bright: Scorer) -> None:
    animated = io.BytesIO()
    picture().save(animated, "GIF", save_all=True, append_images=[Image.new("RGB", (96, 64), "red")])
    odd = {
        "smaller than the input": saved(picture(30, 20), "PNG"),
        "1 x 5000": saved(Image.new("RGB", (1, 5000), "green"), "PNG"),
        "animated": animated.getvalue(),
        "alpha": saved(Image.new("RGBA", (60, 40), (200, 30, 30, 90)), "PNG"),
    }
    for content in odd.values():
        for one in (scorer, bright):  # its own map, and occlusion
            found = popscore.explain(content, scorer=one)
            assert total(found) == pytest.approx(one.score(content).score, abs=1e-3)


def test_sideways_photos_are_explained_upright(scorer: Scorer, cat: Path) -> None:
    with Image.open(cat) as photo:
        upright = photo.convert("RGB").resize((450, 300))
    plain = popscore.explain(saved(upright, "PNG"), scorer=scorer)
    turned = popscore.explain(sideways(upright, "PNG", 6), scorer=scorer)
    assert turned.grid == plain.grid and (turned.width, turned.height) == (450, 300)


def test_what_is_no_photo_is_refused(scorer: Scorer) -> None:
    with pytest.raises(UnreadableImage):
        popscore.explain(b"no photo", scorer=scorer)


# --- in words ------------------------------------------------------------------------------------------------


def contributions(grid: np.ndarray, **more: object) -> Contributions:
    values: dict[str, object] = {
        "score": 3.0 + float(grid.mean()),
        "grid": tuple(map(tuple, grid.tolist())),
        "base": 3.0,
        "method": "activation_map",
        "covers": (0.0, 0.0, 1.0, 1.0),
        **more,
    }
    return Contributions(**values)  # type: ignore[arg-type]


def test_nine_places_make_the_score() -> None:
    random = np.random.default_rng(0)
    for shape in ((8, 8), (7, 7), (2, 2), (1, 5), (14, 9)):
        found = contributions(random.normal(0, 1, shape))
        nine = places(found)
        assert sum(place.contribution for place in nine) + found.base == pytest.approx(found.score, abs=1e-9)
        assert [place.contribution for place in nine] == sorted((p.contribution for p in nine), reverse=True)


def test_places_have_names() -> None:
    grid = np.zeros((6, 6))
    grid[0, 0], grid[2, 2], grid[5, 3], grid[4, 5] = 9, 4, -3, -8
    found = contributions(grid)
    raising, lowering = strongest(found)
    assert listed(raising) == "top left +0.25, centre +0.11"
    assert listed(lowering) == "bottom right -0.22, bottom -0.08"
    assert listed([]) == "nothing much"


def test_words(scorer: Scorer, cat: Path) -> None:
    found = popscore.explain(cat, scorer=scorer)
    assert resolution(found) == "8 x 8 cells, the model's own map"
    assert addition(found) == "2.96 of an average photo + 1.67 of its cells = 4.63"
    cut = contributions(np.ones((2, 2)), method="occlusion", complete=False, covers=(0.1, 0.0, 0.9, 1.0))
    assert resolution(cut) == "2 x 2 cells, each hidden in turn"
    assert "no time for smaller cells" in honesty(cut, scorer.model.spec)
    assert "edges that are left out" in honesty(cut, scorer.model.spec)
