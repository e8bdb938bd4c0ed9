"""The proof on OASIS: its pairs, its folds, its interval. Needs no torch, and no photo of OASIS."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from popscore.training.appeal.data import TrainingDataMissing
from popscore.training.i2pa.oasis import FOLDS, Rated, main, pairs_of, read_oasis, right_of, split


def rated(count: int = 300) -> list[Rated]:
    random = np.random.default_rng(0)
    return [Rated(name=f"{n}.jpg", theme=f"theme {n // 3}", rating=float(random.uniform(1, 7))) for n in range(count)]


def test_pairs_are_all_that_lie_apart() -> None:
    photos = rated(40)
    pairs = pairs_of(photos, apart=1.0)
    rating = {photo.name: photo.rating for photo in photos}
    assert all(rating[pair.winner] - rating[pair.loser] > 1 for pair in pairs)
    assert len(pairs) == sum(abs(one.rating - other.rating) > 1 for one, other in combinations(photos, 2))
    assert all((pair.winner_likes or 0) > (pair.loser_likes or 0) and not pair.user for pair in pairs)


def test_no_theme_is_on_two_sides_and_every_photo_is_tested_once() -> None:
    photos, tested = rated(), []
    for fold in range(FOLDS):
        parts = split(photos, fold)
        themes = [{photo.theme for photo in part} for part in parts.values()]
        assert all(one.isdisjoint(other) for one, other in combinations(themes, 2))
        assert sum(map(len, parts.values())) == len(photos)
        assert len(parts["test"]) == len(photos) / FOLDS
        assert 0.05 < len(parts["validation"]) / len(photos) < 0.15
        tested += parts["test"]
    assert sorted(photo.name for photo in tested) == sorted(photo.name for photo in photos)


def test_the_interval_is_wider_than_that_of_pairs_that_share_nothing() -> None:
    photos = rated(90)
    random = np.random.default_rng(1)
    scores = {photo.name: photo.rating + random.normal(0, 2) for photo in photos}
    found = right_of([(photos, scores)], apart=1.0)
    low, high = found.interval()
    assert low < found.accuracy < high
    wilson = 3.92 * (found.accuracy * (1 - found.accuracy) / len(found.right)) ** 0.5
    assert high - low > 2 * wilson
    perfect = right_of([(photos, {photo.name: photo.rating for photo in photos})], apart=1.0)
    assert (perfect.accuracy, perfect.interval()) == (1.0, (1.0, 1.0))
    assert right_of([(photos, dict.fromkeys(scores, 0.0))], apart=1.0).accuracy == 0.5


def test_a_folder_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TrainingDataMissing, match=r"has no labels\.csv"):
        read_oasis(tmp_path)
    (tmp_path / "labels.csv").write_text("image,theme,beauty_mean\na.jpg,a,many\n")
    with pytest.raises(TrainingDataMissing, match=r"has no labels\.csv"):
        read_oasis(tmp_path)
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err
