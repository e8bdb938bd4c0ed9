"""What the appeal model looks at: shapes, depths and the choice of channels, on backbones with few channels."""

from pathlib import Path

import numpy as np
import pytest
from appeal_parts import lite2, nima, small
from convolutions import run_graph
from PIL import Image

from popscore.models.preprocess import to_input
from popscore.models.spec import ModelSpec
from popscore.training.appeal import features
from popscore.training.appeal.backbones import LITE2
from popscore.training.appeal.export import GraphWriter

LITE2_CHANNELS, NIMA_CHANNELS = 4, 3


@pytest.fixture(scope="module")
def trunk() -> features.Trunk:
    return features.Trunk(
        small(23, LITE2_CHANNELS, seed=1, tf_padding=True), small(27, NIMA_CHANNELS, seed=2, tf_padding=False)
    )


@pytest.fixture(scope="module")
def pictures(photos: dict[str, Path]) -> list[Image.Image]:
    found = []
    for path in photos.values():
        with Image.open(path) as stored:
            found.append(stored.convert("RGB"))
    return found


def test_shapes_of_the_trunk(trunk: features.Trunk) -> None:
    graph = GraphWriter()
    maps, low = features.write_trunk(graph, trunk)
    assert maps == "features"
    graph.node("Identity", low, output="low")
    channels = 3 * LITE2_CHANNELS + 2 * NIMA_CHANNELS
    # The checker infers all shapes and compares them with these.
    graph.model(
        "trunk",
        {"input": ["N", 3, features.SIDE_PX, features.SIDE_PX]},
        {"features": ["N", channels, features.GRID, features.GRID], "low": ["N", 4 * LITE2_CHANNELS]},
    )
    assert features.GRID == 8


def test_the_real_shapes_fit_the_parts_of_the_embedding() -> None:
    """Lite2 and NIMA as they are, with random weights, give as many channels as the recipe counts on."""
    whole = features.Trunk(lite2(), nima())
    ends = (
        [block.convolutions[-1].bias.size for block in whole.lite2],
        [block.convolutions[-1].bias.size for block in whole.nima],
    )
    channels = [ends[0][depth] for depth in features.LITE2_DEPTHS] + [ends[1][depth] for depth in features.NIMA_DEPTHS]
    assert channels == [1280, 208, 352, 1024, 1024]
    cut = whole.pruned(np.arange(features.LITE2_KEPT), np.arange(features.NIMA_KEPT))
    channels[0], channels[-1] = (blocks[-1].convolutions[0].bias.size for blocks in (cut.lite2, cut.nima))
    assert channels == [part[0] for part in features.PARTS]
    low = [ends[0][depth] for depth in features.LOW_DEPTHS]
    assert [low[0], *low] == [part[0] for part in features.LOW_PARTS]


def test_reading_gives_a_row_for_each_photo_whatever_its_company(
    trunk: features.Trunk, pictures: list[Image.Image]
) -> None:
    reader = features.FeatureReader(trunk, threads=1)
    embedding, low = reader.read(pictures)
    assert embedding.shape == (4, 3 * LITE2_CHANNELS + 2 * NIMA_CHANNELS)
    assert low.shape == (4, 4 * LITE2_CHANNELS)
    alone = reader.read(pictures[2:3])
    assert np.array_equal(alone[0][0], embedding[2])
    assert np.array_equal(alone[1][0], low[2])
    assert np.ptp(embedding, axis=0).max() > 0.01


def test_the_low_features_are_means_and_one_deviation(trunk: features.Trunk, pictures: list[Image.Image]) -> None:
    """Over the positions of the three early layers; the deviation is of the first of them."""
    graph = GraphWriter()
    outputs = graph.chain("input", trunk.lite2, features.SIDE_PX)
    shapes: dict[str, list[int | str]] = {}
    for depth in features.LOW_DEPTHS:
        name, rows = outputs[depth]
        graph.node("Identity", name, output=f"map{depth}")
        shapes[f"map{depth}"] = ["N", LITE2_CHANNELS, rows, rows]
    maps = run_graph(graph, shapes, input=np.stack([features.model_input(picture) for picture in pictures]))
    means = [found.mean(axis=(2, 3)) for found in maps]
    low = features.FeatureReader(trunk, threads=1).read(pictures)[1]
    assert low == pytest.approx(np.concatenate([means[0], maps[0].std(axis=(2, 3)), *means[1:]], axis=1), abs=1e-3)


def test_fewer_channels_are_those_of_the_whole(trunk: features.Trunk, pictures: list[Image.Image]) -> None:
    of_lite2, of_nima = np.array([1, 3]), np.array([0, 2])
    whole, low = features.FeatureReader(trunk, threads=1).read(pictures)
    part, same = features.FeatureReader(trunk.pruned(of_lite2, of_nima), threads=1).read(pictures)
    middle = np.arange(LITE2_CHANNELS, whole.shape[1] - NIMA_CHANNELS)
    kept = np.concatenate([of_lite2, middle, whole.shape[1] - NIMA_CHANNELS + of_nima])
    assert part == pytest.approx(whole[:, kept], abs=1e-5)
    assert same == pytest.approx(low, abs=1e-5)


def test_most_varied() -> None:
    values = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32) * [1, 5, 0, 3, 4, 2]
    assert features.most_varied(values, 3).tolist() == [1, 3, 4]
    assert features.most_varied(values, 99).tolist() == [0, 1, 2, 3, 4, 5]
    assert features.most_varied(np.zeros((3, 4), np.float32), 2).tolist() == [0, 1]  # the first of equals


@pytest.mark.slow
def test_training_sees_what_scoring_sees(pictures: list[Image.Image]) -> None:
    """The same numbers as scoring makes from the metadata of the file."""
    side = features.SIDE_PX
    spec = ModelSpec(
        name="x", kind="appeal", input_size=(side, side), resize="squash", mean=(LITE2.mean,) * 3, std=(LITE2.std,) * 3
    )
    for picture in pictures:
        seen = features.model_input(picture)
        assert seen.shape == (3, side, side)
        assert seen == pytest.approx(to_input(picture, spec)[0], abs=1e-5)
