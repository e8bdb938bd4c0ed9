"""What the aggregation transformer is given: pasts, neighbours, depth masks, and depth out of a made-up network."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_files import model_bytes
from PIL import Image

pytest.importorskip("scipy")

from popscore import ModelRefused, Settings
from popscore.models import load_model
from popscore.training.aggregation.depth import DepthNetwork, depth_features, depth_masks
from popscore.training.aggregation.histories import (
    History,
    Lesson,
    cosines,
    lesson,
    of_person,
    simulated,
    telling_pairs,
    user_features,
)
from popscore.training.aggregation.photos import GRID, POSITIONS, fit_projection, look, pooled


def depth_network(
    folder: Path, *, side: int | str = 32, channels: int = 3, rank: int = 3, value: float | None = None
) -> Path:
    """A depth network by which what is red is far; with a value, everything is just as far."""
    weight = np.zeros((1, channels, 1, 1), np.float32)
    weight[0, 0] = 1.0 if value is None else 0.0
    bias = np.array([value or 0.0], np.float32)
    nodes = [helper.make_node("Conv", ["photo", "weight", "bias"], ["raw"])]
    nodes += [helper.make_node("Squeeze", ["raw", "axes"], ["depth"])] if rank == 3 else []
    nodes += [helper.make_node("GlobalAveragePool", ["raw"], ["depth"])] if rank == 0 else []
    nodes += [helper.make_node("Identity", ["raw"], ["depth"])] if rank == 4 else []
    shape = [1, side, side] if rank == 3 else [1, 1, side, side] if rank == 4 else [1, 1, 1, 1]
    content = model_bytes(
        nodes,
        inputs=[helper.make_tensor_value_info("photo", TensorProto.FLOAT, ["N", channels, side, side])],
        outputs=[helper.make_tensor_value_info("depth", TensorProto.FLOAT, shape)],
        initializers=[
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(bias, "bias"),
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )
    onnx.checker.check_model(onnx.load_from_string(content))
    file = folder / "depth.onnx"
    file.write_bytes(content)
    return file


def half_red() -> Image.Image:
    """Black on the left, red on the right."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:, 0] = 255
    return Image.fromarray(pixels)


def test_each_depth_lies_in_one_third_and_one_half_with_both_ends() -> None:
    masks = depth_masks(np.array([[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]], np.float32))[:, 0]
    assert masks.tolist() == [
        [True, True, False, False, False, False],
        [False, False, True, True, False, False],
        [False, False, False, False, True, True],
        [True, True, True, False, False, False],
        [False, False, False, True, True, True],
    ]


@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("side", [32, "side"])
def test_depth_comes_from_any_network_with_a_number_per_pixel(tmp_path: Path, side: int | str, rank: int) -> None:
    depth = DepthNetwork(depth_network(tmp_path, side=side, rank=rank)).depth(half_red())
    assert depth.min() == 0.0 and depth.max() == 1.0
    columns = depth.shape[1]
    assert depth[:, : columns // 3].max() < 0.1 and depth[:, -(columns // 3) :].min() > 0.9


def test_a_flat_photo_has_no_depth(tmp_path: Path) -> None:
    depth = DepthNetwork(depth_network(tmp_path, value=3.0)).depth(half_red())
    assert not depth.any()


def test_a_network_that_is_none_of_depth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="cannot be read"):
        DepthNetwork(tmp_path / "nothing.onnx")
    with pytest.raises(ModelRefused, match="its input is"):
        DepthNetwork(depth_network(tmp_path, channels=4))
    with pytest.raises(ModelRefused, match="at most 2048"):
        DepthNetwork(depth_network(tmp_path, side=5000))
    with pytest.raises(ModelRefused, match="not a number per pixel"):
        DepthNetwork(depth_network(tmp_path, rank=0)).depth(half_red())
    with pytest.raises(ModelRefused, match="not a number per pixel"):
        DepthNetwork(depth_network(tmp_path, value=float("nan"))).depth(half_red())
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelRefused, match="not an ONNX model"):
        DepthNetwork(tmp_path / "text.onnx")


def test_a_depth_masked_feature_is_the_embedding_of_what_is_left(tmp_path: Path) -> None:
    model, photo = load_model(Settings()), half_red()
    found = depth_features(photo, DepthNetwork(depth_network(tmp_path)), model)
    photo.save(tmp_path / "photo.png")
    whole = look([tmp_path / "photo.png"], model).maps[0].astype(np.float32).mean(axis=0)
    assert found.shape == (5, 2480)
    # All that is not black is far: the last third and the last half are the photo, the first ones are black.
    for far in (2, 4):
        np.testing.assert_allclose(found[far], whole, atol=0.02)
    np.testing.assert_array_equal(found[0], found[3])
    assert np.abs(found[0] - whole).max() > 0.1


def test_what_was_seen_is_kept_and_a_file_of_other_photos_is_refused(tmp_path: Path) -> None:
    model, network = load_model(Settings()), DepthNetwork(depth_network(tmp_path))
    half_red().save(tmp_path / "photo.png")
    files, kept = [tmp_path / "photo.png"], tmp_path / "kept.npz"
    seen = look(files, model, depth=network, kept=kept)
    again = look(files, model, depth=network, kept=kept)
    assert seen.maps.shape == (1, POSITIONS, 2480) and seen.depth is not None and again.depth is not None
    np.testing.assert_array_equal(seen.depth, again.depth)
    with pytest.raises(ModelRefused, match="there are 2"):
        look(files * 2, model, kept=kept)
    kept.write_bytes(b"not a file of numbers")
    with pytest.raises(ModelRefused, match="Name a new file"):
        look(files, model, kept=kept)


def test_a_map_is_pooled_by_sixteenths() -> None:
    rows = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    assert pooled(rows)[:, 0].tolist() == [rows[0, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
                                           for y in range(GRID) for x in range(GRID)]  # fmt: skip
    with pytest.raises(ModelRefused, match="7 x 7"):
        pooled(np.zeros((1, 7, 7), np.float32))


def test_the_projection_is_fitted_to_the_photos_that_are_learnt_from() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(30, POSITIONS, 12)).astype(np.float16)
    from popscore.training.aggregation.photos import SeenPhotos

    known = np.arange(20)
    before = fit_projection(SeenPhotos(maps=maps, depth=None), known, 4)
    changed = maps.copy()
    changed[20:] += 5
    after = fit_projection(SeenPhotos(maps=changed, depth=None), known, 4)
    np.testing.assert_array_equal(before.axes, after.axes)
    points = before(maps[known].mean(axis=1))
    assert points.shape == (20, 4) and abs(float(points.var(axis=0).mean()) - 1) < 0.1


def test_the_user_feature_is_of_the_most_alike_posts_of_the_past() -> None:
    likeness = np.array([[1.0, 0.2, 0.9, 0.5], [0.2, 1.0, 0.1, 0.3], [0.9, 0.1, 1.0, 0.4], [0.5, 0.3, 0.4, 1.0]])
    past = History(photos=np.array([1, 2, 3]), likes=np.array([100.0, 300.0, 200.0]))
    found = user_features(likeness, past, np.array([0]), 2)[0]
    # Local scores: 300 over the mean of 100 and 200, and 200 over the mean of 100 and 300.
    np.testing.assert_allclose(found, [2.0, 0.9, 1.0, 0.5])
    padded = user_features(likeness, past, np.array([0]), 4)[0]
    np.testing.assert_allclose(padded, [2.0, 0.9, 1.0, 0.5, 0.4, 0.2, 1.0, 0.0])
    nothing = user_features(likeness, History(photos=past.photos[:0], likes=past.likes[:0]), np.array([0]), 2)
    np.testing.assert_allclose(nothing[0], [1, 0, 1, 0])


def test_a_lesson_asks_about_posts_that_are_not_in_its_past() -> None:
    rng = np.random.default_rng(0)
    posts = History(photos=np.arange(30), likes=rng.integers(1, 400, 30).astype(float))
    likeness = np.eye(30)  # only a photo itself is like it
    for _ in range(20):
        found = lesson(posts, likeness, questions=6, neighbours=3, rng=rng)
        assert found is not None and not found.user[:, 1::2].any()
    assert lesson(posts, likeness, questions=29, neighbours=3, rng=rng) is None


def test_pairs_are_of_one_person_and_clearly_unlike() -> None:
    likes = [np.array([100.0, 199.0, 201.0]), np.array([0.0, 50.0, 1000.0])]
    lessons = [Lesson(photos=np.arange(3), user=np.zeros((3, 2)), likes=one) for one in likes]
    first, second = telling_pairs(lessons)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 2), (4, 5)]


def test_a_persons_likes_double_with_a_deviation_of_their_ratings() -> None:
    ratings = np.array([np.nan, 2.0, 4.0, np.nan, 6.0])
    posts = of_person(ratings)
    z = np.array([-1, 0, 1]) * 2 / np.std([2, 4, 6])
    assert posts.photos.tolist() == [1, 2, 4] and posts.likes.tolist() == np.rint(200 * 2**z).tolist()
    assert set(of_person(np.array([3.0, 3.0, np.nan])).likes.tolist()) == {200.0}


def test_made_up_posts_have_followers_and_one_that_went_around_the_world() -> None:
    rng = np.random.default_rng(0)
    points, general = rng.normal(size=(200, 8)), rng.normal(size=200)
    posts = simulated(points, general, np.arange(100), 80, rng)
    assert len(set(posts.photos.tolist())) == 80 and posts.photos.max() < 100
    logs = np.log2(posts.likes + 1)
    assert logs.max() - np.median(logs) > 3
    same = cosines(points.astype(np.float32))
    assert same.shape == (200, 200) and np.allclose(np.diag(same), 1) and same.min() == 0
