"""Edits: the identity at 0, limits, one look at every size; and what the model says of them."""

import time
from pathlib import Path

import numpy as np
import pytest
from photos import picture, saved, sideways
from PIL import Image, ImageDraw

import popscore
from popscore.errors import ExportFailed, InvalidSetting, UnreadableImage
from popscore.insight import tones
from popscore.insight.edits import EDITS, LIMITS, STRENGTHS, Edit, apply, clipped, is_overdone, save_edit
from popscore.insight.tilt import tilt, turned
from popscore.insight.trials import edits_for, tried_pixels, what_if, what_if_pixels
from popscore.photos.decode import read_photo

ALL = [Edit(name=name, strength=strength) for name, strengths in STRENGTHS.items() for strength in strengths]
ALL += [Edit(name="straighten", strength=degrees) for degrees in (-5.0, 1.5)]


@pytest.fixture(scope="module")
def cat_picture(photos: dict[str, Path]) -> Image.Image:
    return read_photo(photos["cat"]).pixels


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).mean())


def mean(image: Image.Image) -> float:
    return float(np.asarray(image.convert("L"), float).mean())


def lined(angle: float) -> Image.Image:
    """Sky and sea with a house; everything turned clockwise by so many degrees."""
    large = Image.new("RGB", (1200, 1000), "#9bc4e8")
    draw = ImageDraw.Draw(large)
    draw.rectangle((0, 560, 1200, 1000), fill="#26506e")
    draw.rectangle((500, 300, 760, 560), fill="#d8c9a8")
    return large.rotate(-angle, Image.Resampling.BICUBIC).crop((200, 200, 1000, 800))


# --- edits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITS)
def test_nothing_happens_at_0(cat_picture: Image.Image, name: str) -> None:
    found = apply(cat_picture, Edit(name=name, strength=0))
    assert found.tobytes() == cat_picture.tobytes() and found is not cat_picture


@pytest.mark.parametrize("edit", ALL, ids=lambda edit: f"{edit.name}{edit.strength:+g}")
def test_each_does_something_and_leaves_the_given_picture_alone(cat_picture: Image.Image, edit: Edit) -> None:
    before = cat_picture.tobytes()
    found = apply(cat_picture, edit)
    assert cat_picture.tobytes() == before and found.mode == "RGB"
    assert found.size == cat_picture.size or edit.name == "straighten"
    assert found.tobytes() != before
    assert found.tobytes() == apply(cat_picture, edit).tobytes()


@pytest.mark.parametrize("edit", ALL, ids=lambda edit: f"{edit.name}{edit.strength:+g}")
def test_the_look_is_the_same_at_every_size(cat_picture: Image.Image, edit: Edit) -> None:
    large = cat_picture.resize((1804, 1200), Image.Resampling.BICUBIC)
    before = large.reduce(2)
    small, reduced = apply(before, edit), apply(large, edit).resize(apply(before, edit).size, Image.Resampling.BOX)
    # Turned, both are cut to whole pixels.
    assert difference(reduced, small) < (2 if edit.name == "straighten" else 0.8)


def test_black_and_white_stay_where_they_are() -> None:
    ends = Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    for edit in ALL:
        if edit.name not in ("straighten",):
            assert apply(ends, edit).tobytes() == ends.tobytes(), edit


def test_less_light_undoes_more() -> None:
    grey = Image.linear_gradient("L").convert("RGB")
    again = tones.exposed(tones.exposed(grey, 0.7), -0.7)
    assert np.abs(np.asarray(again, int) - np.asarray(grey, int)).max() <= 3
    assert difference(again, grey) < 0.6


def test_light_is_doubled_by_a_stop_in_the_dark_parts() -> None:
    grey = Image.new("RGB", (4, 4), (60, 60, 60))
    before, after = (
        float(tones.to_linear(np.float32(image.getpixel((0, 0))[0] / 255)))
        for image in (grey, tones.exposed(grey, 1.0))
    )
    assert after / before == pytest.approx(2, rel=0.03)


def test_each_goes_where_it_says(cat_picture: Image.Image) -> None:
    def edited(name: str, strength: float) -> Image.Image:
        return apply(cat_picture, Edit(name=name, strength=strength))

    assert mean(edited("exposure", -0.7)) < mean(edited("exposure", -0.35)) < mean(cat_picture) - 5
    assert mean(edited("exposure", 0.7)) > mean(edited("exposure", 0.35)) > mean(cat_picture) + 5
    spread = [np.asarray(edited("contrast", amount).convert("L"), float).std() for amount in (-0.35, 0, 0.35)]
    assert spread[0] < spread[1] < spread[2]
    colors = [np.ptp(np.asarray(edited("saturation", amount), int), axis=2).mean() for amount in (-0.4, 0, 0.5)]
    assert colors[0] < colors[1] < colors[2]
    red, _, blue = (np.asarray(edited("warmth", 0.3), float) - np.asarray(cat_picture, float)).mean(axis=(0, 1))
    assert red > 2 and blue < -2 and abs(mean(edited("warmth", 0.3)) - mean(cat_picture)) < 3
    grey = np.asarray(edited("black_and_white", 1.0))
    assert (np.ptp(grey, axis=2) == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (16, 16), (97, 61)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    image = picture(*size)
    for edit in ALL:
        found = apply(image, edit)
        assert found.mode == "RGB" and min(found.size) >= 1
        is_overdone(found, clipped(image))
    assert tilt(image) is None


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("exposure", 0.8),
        ("warmth", -1),
        ("sharpen", -0.1),
        ("glow", 0.1),
        ("contrast", float("nan")),
        ("contrast", "1"),
    ],
)
def test_what_would_be_overdone_is_refused(name: str, strength: float) -> None:
    with pytest.raises(InvalidSetting):
        Edit(name=name, strength=strength)


def test_strengths_are_within_the_limits() -> None:
    for edit in ALL:
        least, most = LIMITS[edit.name]
        assert least <= edit.strength <= most


def test_an_edit_that_clips_a_photo_is_overdone() -> None:
    bright = Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 60, 3), np.uint8))
    assert is_overdone(apply(bright, Edit(name="sharpen", strength=1.0)), clipped(bright))
    assert not is_overdone(bright, clipped(bright))


def test_only_rgb() -> None:
    with pytest.raises(ValueError, match="RGB"):
        apply(Image.new("L", (9, 9)), ALL[0])


def test_words() -> None:
    assert Edit(name="exposure", strength=0.35).words == "with a little more light"
    assert Edit(name="exposure", strength=-0.7).words == "with less light"
    assert Edit(name="straighten", strength=-2.13).words == "turned level by 2.1°"
    assert Edit(name="black_and_white", strength=1).words == "in black and white"
    assert len({edit.words for edit in ALL}) == len(ALL)


# --- levelling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [-4.0, -1.5, 1.5, 4.0])
def test_a_tilted_horizon_is_found_and_levelled(angle: float) -> None:
    found = tilt(lined(angle))
    assert found == pytest.approx(angle, abs=0.4)
    assert tilt(turned(lined(angle), found)) is None


def test_level_and_without_lines(cat_picture: Image.Image) -> None:
    assert tilt(lined(0)) is None and tilt(cat_picture) is None and tilt(lined(12)) is None
    assert tilt(Image.new("RGB", (300, 200))) is None


@pytest.mark.parametrize("degrees", [-5.0, -0.9, 0.3, 5.0])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (640, 640), (900, 300)])
def test_no_empty_corner(size: tuple[int, int], degrees: float) -> None:
    found = turned(Image.new("RGB", size, "white"), degrees)
    assert np.asarray(found).min() == 255
    assert found.width / found.height == pytest.approx(size[0] / size[1], rel=0.02)


# --- what the model says ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cat", "rocket"])
def test_each_number_is_the_score_of_its_pixels(photos: dict[str, Path], scorer: popscore.Scorer, name: str) -> None:
    seen: list[tuple[int, int]] = []
    found = what_if(photos[name], scorer=scorer, on_progress=lambda done, total: seen.append((done, total)))
    pixels = tried_pixels(read_photo(photos[name], at_least=scorer.at_least).pixels, scorer)
    assert found.score_before == pytest.approx(scorer.predict(pixels).score, abs=1e-3)
    assert found.score_before == pytest.approx(scorer.score(photos[name]).score, abs=1e-3)
    assert found.complete and 15 <= len(found.trials) <= 20 and seen[-1][0] == seen[-1][1]
    for trial in found.trials:
        assert scorer.predict(apply(pixels, trial.edit)).score == pytest.approx(trial.score, abs=1e-3)
        assert trial.gain == pytest.approx(trial.score - found.score_before)
    noise = scorer.model.spec.likely_noise
    assert [trial.gain for trial in found.better] == sorted((t.gain for t in found.better), reverse=True)
    assert {t.edit.name for t in found.better} == {t.edit.name for t in found.trials if t.gain > noise}
    assert len({t.edit.name for t in found.better}) == len(found.better)


def test_a_dark_photo_wants_light(photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    dark = read_photo(photos["cat"]).pixels.point([round(0.25 * value) for value in range(256)] * 3)
    found = what_if_pixels(dark, scorer)
    gains = {trial.edit.strength: trial.gain for trial in found.trials if trial.edit.name == "exposure"}
    assert gains[0.7] > gains[0.35] > 0 > gains[-0.7]
    assert found.sentence.startswith("+") or "None of the" in found.sentence


def test_no_photo_no_trials(scorer: popscore.Scorer) -> None:
    found = what_if_pixels(Image.new("RGB", (300, 200)), scorer)
    assert found.warning == "almost_black" and found.trials == [] and found.better == []
    assert "means nothing" in found.sentence and found.to_json()["results"] == []


def test_it_stops_when_time_is_up_or_it_is_cancelled(cat: Path, scorer: popscore.Scorer) -> None:
    began = time.monotonic()
    found = what_if(cat, scorer=scorer, seconds=0)
    assert not found.complete and found.trials == [] and "no time" in found.sentence
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    found = what_if(cat, scorer=scorer, cancelled=cancelled)
    assert not found.complete and 0 < len(found.trials) <= 5
    assert time.monotonic() - began < 15


def test_nothing_gains_is_said_plainly(cat: Path, tiny_model: Path) -> None:
    from popscore.settings import Settings

    # Its score is 4 times the mean brightness: more light gains, but less than this noise.
    scorer = popscore.load_scorer(Settings(model_path=tiny_model))
    found = what_if(cat, scorer=scorer)
    assert found.better == []
    assert found.sentence.startswith(f"None of the {len(found.trials)} edits that were tried helps: the best is +")
    best = max(found.trials, key=lambda trial: trial.gain)
    assert best.edit == Edit(name="exposure", strength=0.7)


def test_large_pixels_are_tried_on_small_ones(scorer: popscore.Scorer, photos: dict[str, Path]) -> None:
    large = read_photo(photos["coffee"]).pixels.resize((3000, 2000), Image.Resampling.BICUBIC)
    small = tried_pixels(large, scorer)
    assert small.size == (750, 500)
    assert scorer.predict(small).score == pytest.approx(scorer.predict(large).score, abs=0.05)
    assert tried_pixels(Image.new("RGB", (1, 5000)), scorer).size == (1, 5000)
    assert any(edit.name == "straighten" for edit in edits_for(lined(3)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_sideways_alpha_animated_small(scorer: popscore.Scorer, kind: str) -> None:
    for content in (
        sideways(picture(), kind, 6),
        saved(picture(20, 10).convert("RGBA"), "PNG"),
        saved(picture(), "GIF", save_all=True, append_images=[picture()]),
        saved(picture(1, 5000), "PNG"),
    ):
        assert what_if(content, scorer=scorer, seconds=0.01).score_before


def test_what_cannot_be_read(scorer: popscore.Scorer) -> None:
    with pytest.raises(UnreadableImage):
        what_if(b"no photo", scorer=scorer)


# --- saved ------------------------------------------------------------------------------------------


def test_saved_at_full_size_it_scores_as_it_was_shown(
    tmp_path: Path, photos: dict[str, Path], scorer: popscore.Scorer
) -> None:
    edit = Edit(name="exposure", strength=0.35)
    path = save_edit(photos["cat"], edit, tmp_path / "out.png")
    shown = apply(read_photo(photos["cat"]).pixels, edit)
    assert Image.open(path).tobytes() == shown.tobytes()
    assert scorer.score(path).score == pytest.approx(scorer.predict(shown).score, abs=1e-3)
    with pytest.raises(ExportFailed):
        save_edit(photos["cat"], edit, tmp_path / "none" / "out.png")
