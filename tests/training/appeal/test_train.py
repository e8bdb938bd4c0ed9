"""The recipe: views, fitting, cross-validation and metadata on made-up features; the whole script once, slow."""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from appeal_parts import features_of, lite2, nima, rated, small, write_rated_photos
from PIL import Image

from popscore import metrics
from popscore.models.metadata import spec_from_metadata
from popscore.models.preprocess import to_input
from popscore.models.session import open_session
from popscore.training.appeal import data, train
from popscore.training.appeal.backbones import LITE2, NIMA
from popscore.training.appeal.features import LITE2_KEPT, NIMA_KEPT, SIDE_PX, Trunk

RECIPE = train.Recipe(directions=16, damage_directions=8, damage_centres=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    return write_rated_photos(tmp_path_factory.mktemp("rated"), list(photos.values()))


# --- views -------------------------------------------------------------------------------------------


def test_every_view_gives_one_picture_for_each_photo_the_same_every_time(folder: Path) -> None:
    photos = data.read_rated_photos(folder)[36:44]  # of both sets
    for view in (*train.WHOLE, *train.DAMAGED):
        first, second = ([image.tobytes() for image in train.views_of(photos, view)] for _ in range(2))
        assert len(first) == len(photos)
        assert first == second
    copies = [[image.tobytes() for image in train.views_of(photos, f"copy {index}")] for index in range(3)]
    assert copies[0] != copies[1] != copies[2]


def test_sizes_of_views(folder: Path) -> None:
    photos = data.read_rated_photos(folder)[39:41]
    sizes = {view: [image.size for image in train.views_of(photos, view)] for view in ("original", "half", "tiny")}
    assert sizes == {
        "original": [(200, 160), (80, 80)],
        "half": [(100, 80), (80, 80)],
        "tiny": [(80, 80), (80, 80)],
    }
    (plain, _), (mirrored, _) = (list(train.views_of(photos, view)) for view in ("original", "flipped"))
    assert plain.transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes() == mirrored.tobytes()


def test_features_of_all_views_come_from_the_channels_that_are_kept(folder: Path) -> None:
    photos = data.read_rated_photos(folder)[38:42]
    trunk = Trunk(small(23, 4, seed=1, tf_padding=True), small(27, 3, seed=2, tf_padding=False))
    kept, views = train.read_views(trunk, photos, threads=1)
    assert set(views) == {*train.WHOLE, *train.DAMAGED}
    assert {(top.shape, low.shape) for top, low in views.values()} == {((4, 18), (4, 16))}
    # With fewer channels than would be kept, all are.
    assert kept.lite2[-1].convolutions[0].bias.size == 4 < LITE2_KEPT
    assert kept.nima[-1].convolutions[0].bias.size == 3 < NIMA_KEPT
    top, low = train.FeatureReader(kept, threads=1).read(train.views_of(photos, "dark"))
    assert np.array_equal(views["dark"][0], top)
    assert np.array_equal(views["dark"][1], low)


# --- fitting -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_up() -> tuple[list[data.RatedPhoto], train.Views]:
    photos = rated(60)
    return photos, features_of(photos, (*train.WHOLE, *train.DAMAGED), train.DAMAGED)


def test_the_head_learns_ratings_and_damage(made_up: tuple[list[data.RatedPhoto], train.Views]) -> None:
    photos, views = made_up
    head = train.fit_head(photos, views, np.arange(60) < 40, RECIPE)
    new = np.arange(60) >= 40
    ratings = np.array([photo.rating for photo in photos])[new]
    scores = train.score(head, views, "original", new)
    assert metrics.srcc(scores, ratings) > 0.9
    assert head.damage(views["original"][1][new]).max() < 0.5 < head.damage(views["noise"][1][new]).min()
    assert (train.score(head, views, "noise", new) < scores).mean() > 0.9


def test_the_sets_need_no_common_scale(made_up: tuple[list[data.RatedPhoto], train.Views]) -> None:
    """Ratings of one set moved as a whole change nothing."""
    photos, views = made_up
    moved = [
        photo.__class__(**{**vars(photo), "rating": photo.rating + 3 * (photo.dataset == "avt")}) for photo in photos
    ]
    everything = np.ones(60, dtype=bool)
    first, second = (train.fit_head(some, views, everything, RECIPE) for some in (photos, moved))
    assert train.score(first, views, "original", everything) == pytest.approx(
        train.score(second, views, "original", everything), abs=1e-6
    )


def test_photos_that_were_not_chosen_do_not_matter(made_up: tuple[list[data.RatedPhoto], train.Views]) -> None:
    photos, views = made_up
    chosen = np.arange(60) < 40
    spoiled = [
        photo if inside else photo.__class__(**{**vars(photo), "rating": 99.0})
        for photo, inside in zip(photos, chosen, strict=True)
    ]
    first, second = (train.fit_head(some, views, chosen, RECIPE) for some in (photos, spoiled))
    assert np.array_equal(
        train.score(first, views, "original", ~chosen), train.score(second, views, "original", ~chosen)
    )


@pytest.mark.slow
def test_cross_validation(made_up: tuple[list[data.RatedPhoto], train.Views]) -> None:
    photos, views = made_up
    scores, measured = train.cross_validate(photos, views, RECIPE)
    ratings = np.array([photo.rating for photo in photos])
    held = np.array([photo.fold == 2 for photo in photos])
    # Out of fold: each photo has the score of a head that was fitted without its fold.
    head = train.fit_head(photos, views, ~held, RECIPE)
    assert scores[held] == pytest.approx(train.score(head, views, "original", held), abs=1e-9)
    oasis = train.of_set(photos, "oasis")
    assert measured["srcc oasis"] == pytest.approx(metrics.srcc(scores[oasis], ratings[oasis]))
    assert min(measured["srcc oasis"], measured["srcc oasis to avt"], measured["srcc avt to oasis"]) > 0.7
    shares = [measured[f"original beats {kind}"] for kind in data.DEGRADATIONS]
    assert measured["original beats all"] == pytest.approx(np.mean(shares))
    assert 0.9 < measured["original beats all"] <= 1
    assert 0 <= measured["win probability ece"] < 0.3
    assert 0 < measured["distance from normal"] < 0.3
    assert len(measured) == 6 + 2 + len(data.DEGRADATIONS) + 3


# --- what the file says ------------------------------------------------------------------------------


def test_scoring_reads_the_metadata_back() -> None:
    found = train.metadata({"srcc oasis": 0.79164, "original beats all": 1.0}, 1.23456, 1296)
    spec = spec_from_metadata(found, file="x")
    assert spec is not None
    assert (spec.name, spec.version, spec.kind, spec.resize) == ("popscore-appeal", train.VERSION, "appeal", "squash")
    assert spec.input_size == (SIDE_PX, SIDE_PX)
    assert spec.mean == pytest.approx((LITE2.mean,) * 3)
    assert spec.std == pytest.approx((LITE2.std,) * 3)
    assert (spec.reference_mean, spec.reference_std) == (train.REFERENCE_MEAN, train.REFERENCE_STD)
    assert (spec.win_scale, spec.noise, spec.licence) == (1.2346, train.NOISE, "Apache-2.0")
    assert dict(spec.accuracy) == {"srcc oasis": 0.7916, "original beats all": 1.0}
    origins = json.loads(found["popscore.origins"])
    assert [origin["sha256"] for origin in origins] == [LITE2.sha256, NIMA.sha256]
    assert found["popscore.reference_size"] == "1296"


def test_the_shipped_file_says_the_same(embedded_model: Path) -> None:
    shipped = open_session(embedded_model.read_bytes(), file="model.onnx").network.metadata
    spec = spec_from_metadata(shipped, file="model.onnx")
    assert spec is not None
    assert train.metadata(dict(spec.accuracy), spec.win_scale, int(shipped["popscore.reference_size"])) == shipped


# --- the whole script --------------------------------------------------------------------------------


def installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


@pytest.fixture
def backbones(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The real ones where their packages are installed, else stand-ins of the same shapes."""
    if installed("torch", "h5py", LITE2.module, NIMA.module):
        yield "real"
        return
    monkeypatch.setattr(train, "load_lite2", lite2)
    monkeypatch.setattr(train, "load_nima", nima)
    yield "stand-ins"


@pytest.mark.slow
def test_the_whole_script(
    tmp_path: Path, folder: Path, backbones: str, photos: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """From 60 rated photos to a file that scores.

    The backbones are the real ones where torch, h5py and the two packages of popscore/training/requirements.txt are
    installed; else stand-ins with random weights in the same shapes, so that all but what they see is the same.
    """
    out = tmp_path / "new" / "model.onnx"
    threads = str(os.cpu_count() or 1)
    assert train.main(["--data", str(folder), "--out", str(out), "--threads", threads]) == 0
    printed = capsys.readouterr()
    assert "srcc oasis Person" in printed.out
    assert "features read after" in printed.err
    assert [path.name for path in out.parent.iterdir()] == ["model.onnx"]

    session = open_session(out.read_bytes(), file="model.onnx")
    assert session.spec.name == "popscore-appeal"
    assert session.has_map
    assert session.has_embedding
    assert out.stat().st_size < 8e6
    scores = []
    for photo in data.read_rated_photos(folder):
        with Image.open(photo.file) as stored:
            found = session.predict(to_input(stored.convert("RGB"), session.spec), activation_map=True, embedding=True)
        assert found.activation_map is not None
        assert found.activation_map.mean() == pytest.approx(found.score, abs=1e-3)
        assert found.embedding is not None
        assert found.embedding.shape == (2480,)
        scores.append(found.score)
    assert np.std(scores) > 0.3  # on the reference scale, whose deviation is 1.55
    assert np.mean(scores) == pytest.approx(train.REFERENCE_MEAN, abs=1)
    ratings = [photo.rating for photo in data.read_rated_photos(folder)]
    assert metrics.srcc(scores, ratings) > 0.5  # it was fitted on these
