"""The rated photos: read from the layout of the two sets, split into folds, degraded, copied."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from appeal_parts import write_rated_photos
from PIL import Image

from popscore.training.appeal import data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    return write_rated_photos(tmp_path_factory.mktemp("rated"), list(photos.values()), oasis=24, avt=15)


@pytest.fixture(scope="module")
def picture(cat: Path) -> Image.Image:
    with Image.open(cat) as stored:
        return stored.convert("RGB")


# --- reading -----------------------------------------------------------------------------------------


def test_both_sets_are_read_in_order(folder: Path) -> None:
    found = data.read_rated_photos(folder)
    assert [photo.dataset for photo in found] == ["oasis"] * 24 + ["avt"] * 15
    assert [photo.file.name for photo in found[:3]] == ["photo 0.jpg", "photo 1.jpg", "photo 2.jpg"]
    assert {photo.category for photo in found[:24]} == {"Scene", "Object", "Person", "Animal"}
    assert all(photo.file.is_file() for photo in found)


def test_ratings_are_z_scores_within_their_set(folder: Path) -> None:
    found = data.read_rated_photos(folder)
    for dataset in ("oasis", "avt"):
        ratings = np.array([photo.rating for photo in found if photo.dataset == dataset])
        assert (ratings.mean(), ratings.std()) == pytest.approx((0, 1), abs=1e-9)


def test_certainty_is_the_share_of_the_variance_that_is_no_rater_noise(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    images = ["photo 0.jpg", "photo 1.jpg", "photo 2.jpg"]
    means, deviations, raters = (2.0, 3.0, 7.0), (1.0, 2.0, 0.0), (100, 25, 9)
    lines = [
        f"{image},Scene,{mean},{sd},{count},{image}"
        for image, mean, sd, count in zip(images, means, deviations, raters, strict=True)
    ]
    (copy / "oasis" / "labels.csv").write_text(
        "\n".join(["image,category,beauty_mean,beauty_sd,raters,theme", *lines]), encoding="utf-8"
    )
    (copy / "avt" / "labels.csv").write_text("tile,subset,mos,ci\n0.png,x,2,0.98\n1.png,x,4,0\n", encoding="utf-8")
    found = data.read_rated_photos(copy)
    variance = np.var(means)
    errors = np.array([1 / 10, 2 / 5, 0])
    assert [photo.certainty for photo in found[:3]] == pytest.approx(variance / (variance + errors**2))
    # The half width of a 95 % interval is 1.96 standard errors; the variance of 2 and 4 is 1.
    assert [photo.certainty for photo in found[3:]] == pytest.approx([1 / (1 + 0.5**2), 1])


def test_a_theme_stays_in_one_fold_and_folds_are_alike(folder: Path) -> None:
    found = data.read_rated_photos(folder)
    oasis = [photo.fold for photo in found if photo.dataset == "oasis"]
    assert oasis[::2] == oasis[1::2]  # two photos of each theme follow each other
    for folds in (oasis, [photo.fold for photo in found if photo.dataset == "avt"]):
        sizes = np.bincount(folds, minlength=data.FOLDS)
        assert sizes.max() - sizes.min() <= 2


def test_the_seed_decides_the_folds(folder: Path) -> None:
    first, same, other = ([photo.fold for photo in data.read_rated_photos(folder, seed=seed)] for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize("missing", ["oasis/labels.csv", "oasis/images", "avt/labels.csv", "avt/tiles"])
def test_what_is_missing_is_named(tmp_path: Path, folder: Path, missing: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / missing).rename(copy / "elsewhere")
    with pytest.raises(data.TrainingDataMissing, match=f"{missing} is missing.*--data DIR"):
        data.read_rated_photos(copy)


@pytest.mark.parametrize("missing", ["oasis/images/photo 3.jpg", "avt/tiles/2.png"])
def test_a_missing_photo_is_named(tmp_path: Path, folder: Path, missing: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / missing).unlink()
    with pytest.raises(data.TrainingDataMissing, match=f"{missing}: the label file names this photo"):
        data.read_rated_photos(copy)


@pytest.mark.parametrize("labels", ["oasis/labels.csv", "avt/labels.csv"])
def test_a_label_file_without_photos_is_named(tmp_path: Path, folder: Path, labels: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    header = (copy / labels).read_text(encoding="utf-8").splitlines()[0]
    (copy / labels).write_text(f"{header}\n", encoding="utf-8")
    with pytest.raises(data.TrainingDataMissing, match=f"{labels}: the label file names no photo"):
        data.read_rated_photos(copy)


# --- worse copies, and copies as good ----------------------------------------------------------------


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float64)


def roughness(picture: Image.Image) -> float:
    """Mean difference of neighbours."""
    return float(np.abs(np.diff(pixels(picture), axis=1)).mean())


@pytest.mark.parametrize("kind", data.DEGRADATIONS)
def test_degraded_copies_have_the_same_size_and_are_further_off_with_more_strength(
    picture: Image.Image, kind: str
) -> None:
    mild, plain, harsh = (
        data.degrade(picture, kind, np.random.default_rng(0), strength=strength) for strength in (0.3, 1.0, 1.6)
    )
    assert mild.size == plain.size == harsh.size == picture.size
    off = [np.abs(pixels(copy) - pixels(picture)).mean() for copy in (mild, plain, harsh)]
    assert 0 < off[0] < off[1] < off[2]


def test_each_degradation_does_what_it_is_called(picture: Image.Image) -> None:
    made = {kind: data.degrade(picture, kind, np.random.default_rng(0)) for kind in data.DEGRADATIONS}
    assert roughness(made["blur"]) < 0.5 * roughness(picture) < roughness(picture) < 0.5 * roughness(made["noise"])
    assert pixels(made["dark"]).mean() == pytest.approx(0.25 * pixels(picture).mean(), abs=1)
    assert pixels(made["overexposed"]).mean() > 1.5 * pixels(picture).mean()


def test_a_small_copy_is_blurred_as_much_as_a_large_one(picture: Image.Image) -> None:
    """The radius grows with the photo: blurring and making smaller may change places."""
    half = (picture.width // 2, picture.height // 2)
    first = data.degrade(picture.resize(half), "blur", np.random.default_rng(0))
    second = data.degrade(picture, "blur", np.random.default_rng(0)).resize(half)
    assert np.abs(pixels(first) - pixels(second)).mean() < 2


def test_an_unknown_degradation(picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="'rain' is not one of blur, jpeg"):
        data.degrade(picture, "rain", np.random.default_rng(0))


def test_harmless_copies_keep_most_of_the_photo_and_its_brightness(picture: Image.Image) -> None:
    sizes = set()
    for seed in range(40):
        copy = data.harmless_copy(picture, np.random.default_rng(seed))
        sizes.add(copy.size)
        assert copy.mode == "RGB"
        assert 0.75 * 0.22 * picture.width - 2 <= copy.width <= picture.width
        ratio = (copy.width / copy.height) / (picture.width / picture.height)
        assert 0.7 < ratio < 1.4
        assert pixels(copy).mean() == pytest.approx(pixels(picture).mean(), rel=0.2)
    assert len(sizes) > 20


def test_a_harmless_copy_depends_on_its_seed_alone(picture: Image.Image) -> None:
    first, same, other = (data.harmless_copy(picture, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.tobytes() == same.tobytes() != other.tobytes()


def test_a_tile_is_never_made_much_smaller(picture: Image.Image) -> None:
    tile = picture.resize((80, 80))
    for seed in range(40):
        assert min(data.harmless_copy(tile, np.random.default_rng(seed)).size) >= 0.75 * 80 - 2


def test_squash_gives_the_whole_photo_channels_first(picture: Image.Image) -> None:
    found = data.squash(picture, 60)
    assert found.shape == (3, 60, 60)
    assert found.dtype == np.uint8
    assert found.mean(axis=(1, 2)) == pytest.approx(pixels(picture).mean(axis=(0, 1)), abs=1)
