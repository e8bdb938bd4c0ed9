"""Two photos against each other."""

from pathlib import Path

import pytest
from PIL import Image

import popscore
from popscore import words
from popscore.settings import Settings


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer(Settings())


def test_both_scores_and_the_probability_of_the_first(photos: dict[str, Path], scorer: popscore.Scorer) -> None:
    a, b = photos["coffee"], photos["cat"]
    found = popscore.compare_images(a, b, scorer=scorer)
    alone = [scorer.score(path).score for path in (a, b)]
    assert [photo.score for photo in found.results] == pytest.approx(alone, abs=1e-4)
    assert [photo.rank for photo in found.results] == [2, 1]
    win_scale = scorer.model.spec.win_scale
    assert found.win_probability == pytest.approx(popscore.win_probability(*alone, win_scale=win_scale), abs=1e-4)
    back = popscore.compare_images(b, a, scorer=scorer)
    assert (found.win_probability or 0) + (back.win_probability or 0) == pytest.approx(1)
    assert not found.too_close


def test_a_photo_against_itself_is_too_close_to_call(cat: Path, scorer: popscore.Scorer) -> None:
    found = popscore.compare_images(cat, cat, scorer=scorer)
    assert found.win_probability == 0.5 and found.too_close
    assert found.to_json()["too_close"] is True


def test_one_that_cannot_be_read_leaves_the_other(cat: Path, tmp_path: Path, scorer: popscore.Scorer) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    found = popscore.compare_images(tmp_path / "bad.jpg", cat, scorer=scorer)
    assert [len(found.results), len(found.errors)] == [1, 1]
    assert found.to_json()["win_probability"] is None


def test_a_black_picture_is_not_compared(cat: Path, scorer: popscore.Scorer) -> None:
    found = popscore.compare_images(Image.new("RGB", (300, 200)), cat, scorer=scorer)
    assert found.win_probability is None
    assert [photo.rank for photo in found.results] == [2, 1]


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.5, "a would beat b about 5 times in 10."),
        (0.72, "a would beat b about 7 times in 10."),
        (0.28, "b would beat a about 7 times in 10."),
        (0.97, "a would beat b more than 9 times in 10."),
        (0.01, "b would beat a more than 9 times in 10."),
    ],
)
def test_in_words(chance: float, expected: str) -> None:
    assert words.beats("a", "b", chance, too_close=False) == expected
    assert words.beats("a", "b", chance, too_close=True).startswith("Too close to call: ")
