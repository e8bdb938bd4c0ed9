"""The share card."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import environment
from photos import picture, saved, sideways
from PIL import ExifTags, Image

import popscore
from popscore.errors import ExportFailed, UnreadableImage
from popscore.insight.card import _PHOTO_HEIGHT, Card, drawn, share_card
from popscore.insight.lettering import cut_to, font, lines_of, shown
from popscore.results import ScoredPhoto, scored_photo


def scored(score: float, scorer: popscore.Scorer, **more: object) -> ScoredPhoto:
    return replace(scored_photo("x", score, (96, 64), scorer.model.spec), **more)


@pytest.mark.parametrize("name", ["cat", "coffee", "astronaut", "rocket"])
def test_the_score_on_it_is_that_of_the_photo(photos: dict[str, Path], scorer: popscore.Scorer, name: str) -> None:
    card = share_card(photos[name], scorer=scorer)
    assert card.photo.score == pytest.approx(scorer.score(photos[name]).score, abs=1e-3)
    assert card.picture.size == (1080, 1350) and card.picture.mode == "RGB"
    # As shown: what the model says of the photo on the card, seen as the card shows it.
    again = drawn(Image.open(photos[name]).convert("RGB"), card.photo, card.model)
    assert np.abs(np.asarray(again, int) - np.asarray(card.picture, int)).mean() < 1


def test_nothing_of_the_photo_but_its_pixels(tmp_path: Path, scorer: popscore.Scorer) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0110] = "Secret garden", "Secret camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 51.0, 30.0)})
    content = saved(picture(), "JPEG", exif=exif, comment=b"Secret comment", quality=95)
    (tmp_path / "Secret name.jpg").write_bytes(content)
    named, unnamed = share_card(tmp_path / "Secret name.jpg", scorer=scorer), share_card(content, scorer=scorer)
    assert named.picture.tobytes() == unnamed.picture.tobytes()
    png = named.to_png()
    assert b"Secret" not in png
    image = Image.open(io.BytesIO(png))
    image.load()
    assert not image.info and not image.getexif()


@pytest.mark.parametrize("score", [-25.0, -1.83, -0.001, 0.0, 1.99, 4.0, 6.9, 25.0, 1e7])
def test_scores_of_every_size(scorer: popscore.Scorer, score: float) -> None:
    card = drawn(picture(), scored(score, scorer), scorer.model)
    lower = np.asarray(card)[_PHOTO_HEIGHT:]
    assert (lower[:, :40] == 255).all() and (lower[:, -40:] == 255).all()  # nothing runs over the margin


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (16, 16), (2000, 200), (300, 3000), (1080, 1350)])
def test_the_whole_photo_is_on_it(scorer: popscore.Scorer, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "#00ff00")
    image.paste("#ff0000", (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    card = drawn(image, scored(3.0, scorer), scorer.model)
    place = np.asarray(card)[:_PHOTO_HEIGHT].astype(int)
    assert ((place[..., 0] > 180) & (place[..., 1] < 90)).any() or ((place[..., 1] > 180) & (place[..., 0] < 90)).any()
    if min(size) > 1:
        found = np.argwhere((place.max(axis=2) > 200) & (place.min(axis=2) < 60))
        height, width = np.ptp(found, axis=0) + 1
        assert width / height == pytest.approx(size[0] / size[1], rel=0.08)


def test_upright(scorer: popscore.Scorer) -> None:
    straight = share_card(saved(picture(), "PNG"), scorer=scorer)
    turned = share_card(sideways(picture(), "PNG", 6), scorer=scorer)
    assert straight.picture.tobytes() == turned.picture.tobytes()


@pytest.mark.parametrize("warning", ["almost_black", "one_color", "not_a_photo"])
def test_a_warning_is_on_it(scorer: popscore.Scorer, warning: str) -> None:
    with_it = drawn(picture(), scored(3.0, scorer, warning=warning), scorer.model)
    without = drawn(picture(), scored(3.0, scorer), scorer.model)
    changed = (np.asarray(with_it) != np.asarray(without)).any(axis=2)
    assert changed[_PHOTO_HEIGHT:1000].sum() > 5_000 and not changed[:_PHOTO_HEIGHT].any()
    assert share_card(Image.new("RGB", (300, 200)), scorer=scorer).photo.warning == "almost_black"


@pytest.mark.slow
def test_long_and_foreign_names_of_models(scorer: popscore.Scorer) -> None:
    spec = replace(
        scorer.model.spec, name="Модель\N{GRINNING FACE}\n" + "long/" * 5000, reference_population="people " * 5000
    )
    model = replace(scorer.model, spec=spec)
    card = drawn(picture(), scored(3.0, scorer), model)
    lower = np.asarray(card)[_PHOTO_HEIGHT:]
    assert (lower[:, :40] == 255).all() and (lower[:, -40:] == 255).all()


def test_lettering() -> None:
    letters = font(24)
    assert shown("Größe ± 3\n…\N{MINUS SIGN}1") == "Größe ± 3 …\N{MINUS SIGN}1"
    assert shown("写真\N{GRINNING FACE}") == "???"
    assert cut_to("short", 500, letters) == "short"
    cut = cut_to("x" * 10_000, 200, letters)
    assert cut.endswith("…") and letters.getlength(cut) <= 200
    lines = lines_of("one two three four five six seven " * 9, 200, letters, most=2)
    assert len(lines) == 2 and all(letters.getlength(line) <= 200 for line in lines) and lines[1].endswith("…")
    assert lines_of("", 200, letters, most=2) == []


def test_saved(tmp_path: Path, scorer: popscore.Scorer, cat: Path) -> None:
    card = share_card(cat, scorer=scorer)
    assert isinstance(card, Card)
    path = card.save(tmp_path / "card.png")
    assert Image.open(path).tobytes() == card.picture.tobytes()
    with pytest.raises(ExportFailed, match="a photo is there"):
        card.save(path)
    card.save(path, replace=True)
    with pytest.raises(ExportFailed, match="there is no folder"):
        card.save(tmp_path / "none" / "card.png")
    document = card.to_json("card.png")
    assert document["results"][0]["image"] == "card.png" and document["errors"] == []


def test_what_cannot_be_read(scorer: popscore.Scorer) -> None:
    with pytest.raises(UnreadableImage):
        share_card(b"no photo", scorer=scorer)


def test_the_fonts_go_with_the_package(tmp_path: Path) -> None:
    """Nothing of the system is asked for letters: the same card everywhere."""
    code = "from popscore.insight.lettering import font; print(font(20).getname(), font(20, bold=True).getname())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.stdout.strip() == "('Inter', 'Regular') ('Inter', 'Bold')", done.stderr
