"""What a bank keeps of a picture: the pose of a person, and what is behind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import popscore
from popscore.personal.background import without_people
from popscore.personal.looking import see
from popscore.photos.decode import read_photo


@pytest.fixture(scope="module")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer()


def pixels_of(path: Path) -> Image.Image:
    return read_photo(path).pixels


def test_a_person_is_painted_over_and_the_rest_is_left(photos: dict[str, Path]) -> None:
    pixels = pixels_of(photos["astronaut"])
    behind = without_people(pixels, side=pixels.size)
    assert behind is not None
    before, after = np.asarray(pixels, float), np.asarray(behind, float)
    moved = np.abs(before - after).mean(axis=2)
    assert moved[80:200, 180:270].mean() > 25  # her face
    assert moved[0:150, 0:60].mean() < 6  # the flag
    assert after[300:400, 150:250].std(axis=(0, 1)).max() < 12  # her suit has one colour now


def test_what_is_seen_of_a_person_and_of_none(scorer: popscore.Scorer, photos: dict[str, Path]) -> None:
    person = see(scorer, pixels_of(photos["astronaut"]), people=True)
    assert person.pose is not None
    assert person.background is not None
    a, b = person.embedding, person.background
    assert 0.2 < float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) < 0.95
    assert person.score == scorer.score(photos["astronaut"]).score
    nobody = see(scorer, pixels_of(photos["coffee"]), people=True)
    assert (nobody.pose, nobody.background) == (None, None)
    alone = see(scorer, pixels_of(photos["astronaut"]), people=False)
    assert (alone.pose, alone.background) == (None, None)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (20, 30)])
def test_odd_pictures_are_no_trouble(scorer: popscore.Scorer, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "white")
    assert np.isfinite(see(scorer, picture, people=True).embedding).all()
    without_people(picture, side=(10, 10))
