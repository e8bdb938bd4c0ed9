"""The model's input against a reference that was written apart from it."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from popscore.models.preprocess import to_input
from popscore.models.spec import I2PA_SPEC, ModelSpec

# Pillow keeps 8 bits after each of its two passes; a reference without that rounding is at most this far off.
_ROUNDING = 1.01


def spec(height: int, width: int, **others: object) -> ModelSpec:
    return ModelSpec(name="test", kind="appeal", input_size=(height, width), **others)  # type: ignore[arg-type]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def resized(values: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.float64]:
    """Antialiased bilinear: a triangle as wide as the reduction, normalised, first along one axis, then the other."""

    def weights(old: int, new: int) -> npt.NDArray[np.float64]:
        reduction = old / new
        support = max(reduction, 1.0)
        table = np.zeros((new, old))
        for target in range(new):
            centre = (target + 0.5) * reduction
            for source in range(old):
                table[target, source] = max(0.0, 1 - abs(source + 0.5 - centre) / support)
        return table / table.sum(axis=1, keepdims=True)

    rows, columns = weights(values.shape[0], height), weights(values.shape[1], width)
    return np.einsum("ab,bcd,ec->aed", rows, values, columns)


def as_255(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return batch[0].transpose(1, 2, 0).astype(np.float64) * 255


@pytest.mark.parametrize("size", [(97, 61), (61, 97), (40, 30), (8, 6), (200, 24)])
def test_squash_is_antialiased_bilinear(size: tuple[int, int]) -> None:
    photo = noise(*size)
    found = as_255(to_input(photo, spec(24, 32)))
    expected = resized(np.asarray(photo, dtype=np.float64), 24, 32)
    assert np.abs(found - expected).max() < _ROUNDING
    assert abs(found - expected).mean() < 0.5


def test_halving_by_hand() -> None:
    """Four columns become two. Each target has weights 3, 3 and 1 of 7, as the edge cuts its triangle."""
    row = np.array([0, 70, 140, 210], dtype=np.uint8)
    photo = Image.fromarray(np.broadcast_to(row[:, None], (2, 4, 3)).copy())
    found = as_255(to_input(photo, spec(2, 2)))[0, :, 0]
    left = (3 * 0 + 3 * 70 + 1 * 140) / 7
    right = (1 * 70 + 3 * 140 + 3 * 210) / 7
    assert found == pytest.approx([round(left), round(right)], abs=1e-4)


def test_same_size_is_copied_exactly() -> None:
    photo = noise(224, 224)
    found = to_input(photo, I2PA_SPEC)
    assert found.shape == (1, 3, 224, 224) and found.dtype == np.float32 and found.flags.c_contiguous
    expected = np.asarray(photo, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(found[0], expected)


def test_channels_are_red_green_blue_from_0_to_1() -> None:
    found = to_input(Image.new("RGB", (50, 40), (255, 51, 0)), I2PA_SPEC)[0]
    assert [float(channel.min()) for channel in found] == pytest.approx([1.0, 0.2, 0.0])
    assert [float(channel.max()) for channel in found] == pytest.approx([1.0, 0.2, 0.0])


def test_mean_and_std_by_channel() -> None:
    rule = spec(16, 16, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 2.0))
    found = to_input(Image.new("RGB", (20, 20), (255, 0, 51)), rule)[0]
    assert found[:, 0, 0] == pytest.approx([1.0, -1.0, 0.1])


def test_short_side_crop_is_resize_then_centre_crop() -> None:
    """240 x 150 becomes 80 x 50, of which the middle 60 columns stay."""
    photo = noise(240, 150)
    found = as_255(to_input(photo, spec(50, 60, resize="short_side_crop")))
    whole = resized(np.asarray(photo, dtype=np.float64), 50, 80)  # short side 150 -> 50, long side 240 -> 80
    assert np.abs(found - whole[:, 10:70]).max() < _ROUNDING


def test_short_side_crop_upright() -> None:
    photo = noise(90, 240)
    found = as_255(to_input(photo, spec(30, 30, resize="short_side_crop")))
    whole = resized(np.asarray(photo, dtype=np.float64), 80, 30)
    assert np.abs(found - whole[25:55]).max() < _ROUNDING


def test_short_side_crop_leaves_out_the_sides() -> None:
    pixels = np.zeros((100, 300, 3), dtype=np.uint8)
    pixels[:, 100:200] = 200
    found = as_255(to_input(Image.fromarray(pixels), spec(32, 32, resize="short_side_crop")))
    assert found[:, 1:-1].min() == pytest.approx(200, abs=1e-3)
    squashed = as_255(to_input(Image.fromarray(pixels), spec(32, 32)))
    assert squashed[:, 0].max() == 0


@pytest.mark.parametrize("rule", ["squash", "short_side_crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_sizes(rule: str, size: tuple[int, int]) -> None:
    found = as_255(to_input(Image.new("RGB", size, (10, 20, 30)), spec(16, 24, resize=rule)))
    assert found.shape == (16, 24, 3) and np.ptp(found, axis=(0, 1)).max() == 0
    assert found[0, 0] == pytest.approx([10, 20, 30], abs=1e-4)


def test_pure() -> None:
    photo = noise(64, 48)
    before = photo.tobytes()
    assert np.array_equal(to_input(photo, I2PA_SPEC), to_input(photo, I2PA_SPEC))
    assert photo.tobytes() == before


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=mode):
        to_input(Image.new(mode, (8, 8)), I2PA_SPEC)


def test_reference_is_not_a_plain_bilinear() -> None:
    """The reference itself can fail: fine stripes average out only with antialiasing."""
    stripes = np.zeros((8, 64, 3))
    stripes[:, ::2] = 255
    found = resized(stripes, 8, 8)
    assert np.abs(found - 127.5).max() < 10 and math.isclose(found.mean(), 127.5, abs_tol=1)
