"""Where crops are put: by what there is to see, and so that faces stay whole."""

import numpy as np
import pytest

from popscore.insight.aspects import parse_aspect
from popscore.insight.crop_search import best_crop
from popscore.insight.framing import Framing, Integral, overlap, weights
from popscore.models import load_model
from popscore.models.preprocess import Box
from popscore.settings import Settings

SIZE = (1000, 500)
SQUARE, FREE = parse_aspect("1:1"), parse_aspect("free")


@pytest.fixture(scope="module")
def nothing() -> Framing:
    """A photo in which every place looks the same."""
    return Framing(np.ones((2480, 8, 8), np.float32))


def test_nothing_to_see_is_seen_in_the_middle(nothing: Framing) -> None:
    found = best_crop(SQUARE, SIZE, nothing)
    assert found.box[0] == pytest.approx(250, abs=10)
    assert "in the middle" in found.reason
    assert best_crop(FREE, SIZE, nothing).box == (0, 0, *SIZE)


@pytest.mark.parametrize("face", [(20, 100, 120, 220), (200, 100, 300, 220), (690, 100, 810, 220), (900, 10, 1000, 90)])
def test_a_face_stays_whole(nothing: Framing, face: Box) -> None:
    found = best_crop(SQUARE, SIZE, nothing, [face])
    assert found.faces_cut == 0
    assert found.box[0] <= face[0]
    assert face[2] <= found.box[2]
    assert "whole" in found.reason


def test_both_faces_stay_whole(nothing: Framing) -> None:
    found = best_crop(SQUARE, SIZE, nothing, [(560, 100, 650, 200), (900, 100, 980, 200)])
    assert found.faces_cut == 0
    assert found.box[0] <= 560
    assert found.box[2] >= 980
    assert "moved to keep both faces whole" in found.reason


def test_two_faces_far_apart(nothing: Framing) -> None:
    """One is left out, the smaller one, and none is cut."""
    found = best_crop(SQUARE, SIZE, nothing, [(0, 100, 90, 200), (850, 100, 1000, 250)])
    assert found.faces_cut == 0
    assert found.box[2] == 1000
    assert "1 of 2 faces" in found.reason


def test_a_face_too_wide_for_the_crop(nothing: Framing) -> None:
    found = best_crop(SQUARE, SIZE, nothing, [(100, 0, 900, 500)])
    assert found.faces_cut == 1
    assert "no face is cut" in found.reason
    assert "cuts least" in found.reason


def test_a_face_at_the_edge_is_not_trimmed(nothing: Framing) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        framing = Framing(rng.gamma(1, 1, (2480, 8, 8)).astype(np.float32) * np.linspace(0.2, 3, 8, dtype=np.float32))
        plain = best_crop(FREE, SIZE, framing)
        kept = best_crop(FREE, SIZE, framing, [(0, 200, 60, 300)])
        assert kept.box[0] == 0
        assert kept.faces_cut == 0
        assert plain.box[2] - plain.box[0] <= SIZE[0]


def test_one_side_of_a_photo_has_all_there_is_to_see() -> None:
    features = np.full((2480, 8, 8), 0.1, np.float32)
    features[:, 2:6, 5:7] = 3
    framing = Framing(features)
    found = best_crop(SQUARE, SIZE, framing)
    assert found.box[0] > 250
    assert "moved to the right" in found.reason
    mirrored = best_crop(SQUARE, SIZE, Framing(np.ascontiguousarray(features[:, :, ::-1])))
    assert mirrored.box[0] == pytest.approx(1000 - found.box[2], abs=8)


def test_means_over_boxes() -> None:
    cells = np.arange(6.0).reshape(2, 3)
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1 / 3, 0.5], [1 / 6, 0, 0.5, 0.5], [0.9, 0.9, 1, 1]])
    assert Integral(cells).means(boxes) == pytest.approx([2.5, 0, 0.5, 5])
    assert Integral(np.stack([cells, 2 * cells])).means(boxes).shape == (4, 2)


def test_overlaps() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    assert overlap(boxes, boxes) == pytest.approx(np.array([[1, 0.5, 0.5], [0.5, 1, 0], [0.5, 0, 1]]))


def test_the_weights_belong_to_the_embedded_model() -> None:
    """A new embedded model needs new weights: `python -m popscore.training.crops`."""
    assert weights().model_sha256 == load_model(Settings()).info.sha256
    assert weights().content.shape == (2480,)
