"""The prior of tastes is found again where it is known; general scores come from heads that did not see the photo."""

import gzip
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("onnx")

from popscore.training.appeal.data import RatedPhoto, TrainingDataMissing
from popscore.training.appeal.features import PARTS
from popscore.training.taste.__main__ import main
from popscore.training.taste.factors import Recipe, fit_prior
from popscore.training.taste.people import People, read_ratings
from popscore.training.taste.unseen import scores_without, scores_without_own_fold, theme_folds

CHANNELS = sum(channels for channels, _, _ in PARTS)
PHOTOS, TILES, PERSONS = 120, 20, 60


def made_up(*, seed: int = 0) -> tuple[People, np.ndarray]:
    """People whose tastes differ along one line of what the model sees, (PHOTOS,), in two lists of photos."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(PHOTOS + TILES, 6))
    seen = np.maximum(0.5 + hidden @ rng.normal(size=(6, CHANNELS)) * 0.2, 0).astype(np.float32)
    general, line = hidden[:PHOTOS, 0], hidden[:PHOTOS, 1]
    ratings = 0.5 * general + rng.normal(size=(PERSONS, 1)) * 0.6 * line + 0.6 * rng.normal(size=(PERSONS, PHOTOS))
    groups = np.arange(PERSONS) % 2
    ratings[groups == 0, : PHOTOS // 2] = np.nan
    ratings[groups == 1, PHOTOS // 2 :] = np.nan
    photos = [
        RatedPhoto(Path(str(n)), "oasis" if n < PHOTOS else "avt", "", float(hidden[n, 0]), 0.9, n % 5)
        for n in range(PHOTOS + TILES)
    ]
    people = People(
        photos=photos, embeddings=seen, sha256="0" * 64, reference_mean=2.96, reference_std=1.55, ratings=ratings,
        groups=groups, choosing=np.ones(PERSONS, bool), themes=[str(n // 3) for n in range(PHOTOS)],
    )  # fmt: skip
    return people, line


def test_what_tastes_differ_in_is_found_on_photos_that_nobody_rated() -> None:
    people, line = made_up()
    known, new = np.arange(0, PHOTOS, 2), np.arange(1, PHOTOS, 2)
    general = 2.96 + 1.55 * np.array([photo.rating for photo in people.photos[:PHOTOS]])
    prior = fit_prior(people, np.arange(PERSONS), known, general, Recipe(factors=1))
    found = prior.see(people.embeddings[new], np.zeros(len(new))).loadings[:, 0]
    assert abs(np.corrcoef(found, line[new])[0, 1]) > 0.7
    again = fit_prior(people, np.arange(PERSONS), known, general, Recipe(factors=1))
    np.testing.assert_array_equal(prior.weights, again.weights)


def test_a_theme_stays_in_one_fold_and_folds_are_about_as_large() -> None:
    themes = [str(n // 3) for n in range(90)]
    folds = theme_folds(themes, 5, seed=0)
    assert all(len({fold for fold, name in zip(folds, themes, strict=True) if name == theme}) == 1 for theme in themes)
    assert set(np.bincount(folds).tolist()) == {18}


@pytest.mark.slow
def test_a_photo_is_scored_by_heads_that_did_not_see_it() -> None:
    """Its own rating has no influence on its score, nor has that of a photo of the fold that is asked."""
    people, _ = made_up()
    folds = theme_folds(people.themes, 3, seed=0)
    before, own = scores_without(people, folds), scores_without_own_fold(people, folds)
    # Each table has a scale of its own, from all of its scores.
    np.testing.assert_allclose(np.corrcoef(own, before[folds, np.arange(PHOTOS)])[0, 1], 1.0, atol=1e-9)
    changed = people.photos.copy()
    for place in np.flatnonzero(folds == 0).tolist():
        photo = changed[place]
        changed[place] = RatedPhoto(photo.file, photo.dataset, photo.category, -5 * photo.rating, 0.9, photo.fold)
    after = scores_without(People(**{**vars(people), "photos": changed}), folds)
    # Row 0: the order of fold 0 is asked. Its scale is that of all scores, so it stays but for a line.
    np.testing.assert_allclose(np.corrcoef(before[0], after[0])[0, 1], 1.0, atol=1e-9)
    assert np.corrcoef(before[1, folds == 2], after[1, folds == 2])[0, 1] < 1 - 1e-6


def test_ratings_are_read_by_person_and_photo(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv.gz"
    file.write_bytes(gzip.compress(b"user,image,rating\nb,x.jpg,3\na,y.jpg,7\nb,z.jpg,1\n"))
    np.testing.assert_array_equal(read_ratings(file, ["x.jpg", "y.jpg"]), [[np.nan, 7], [3, np.nan]])


@pytest.mark.parametrize("content", [None, b"user,image,rating\n"], ids=["missing", "empty"])
def test_missing_ratings_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ratings.csv.gz"
    if content is not None:
        file.write_bytes(gzip.compress(content))
    with pytest.raises(TrainingDataMissing, match="Restore the file"):
        read_ratings(file, ["x.jpg"])


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "taste.npz")]) == 2
    assert "oasis/labels.csv is missing" in capsys.readouterr().err
    assert main(["--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
