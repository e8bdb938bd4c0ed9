"""`popscore convert --int8`: an 8-bit copy is calibrated, checked on other photos, and refused if it is too far off."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from pooled_networks import fragile_network, small_network

import popscore
from popscore.models.metadata import as_metadata, spec_from_metadata
from popscore.models.session import open_session
from popscore.training.conversion import records
from popscore.training.conversion.convert import convert
from popscore.training.errors import ConversionRefused


@pytest.fixture(scope="session")
def many_photos(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """24 different cuts of four photos."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    for name, path in photos.items():
        with Image.open(path) as photo:
            picture = photo.convert("RGB")
        width, height = picture.size
        for cut in range(6):
            left, top = cut * width // 12, (5 - cut) * height // 12
            box = (left, top, left + width // 2, top + height // 2)
            picture.crop(box).save(folder / f"{cut}-{name}.jpg", quality=92)
    return folder


def test_int8(tmp_path: Path, many_photos: Path) -> None:
    """A ResNet-50 goes this way in test_popularity_page.py."""
    (tmp_path / "bare.onnx").write_bytes(small_network())
    done = convert(tmp_path / "bare.onnx", tmp_path / "int8.onnx", int8_photos=many_photos, force=True)
    check = done.int8
    assert check is not None and (check.calibrated_on, check.held_back) == (12, 12)
    assert 0 < check.drift_mean <= check.drift_max < check.spread
    session = open_session((tmp_path / "int8.onnx").read_bytes(), file="")
    metadata = session.network.metadata
    assert metadata["popscore.precision"] == "int8"
    assert json.loads(metadata["popscore.int8_check"])["held_back"] == 12
    # Maps and batch are still there; only numbers became smaller.
    found = session.network.run({"input": np.full((2, 3, 224, 224), 0.5, np.float32)}, ["output", "activation_map"])
    score, activation = found.values()
    assert activation.mean(axis=(1, 2)) == pytest.approx(score[:, 0], abs=1e-4)
    kinds = {item.data_type for item in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert {TensorProto.INT8, TensorProto.UINT8} <= kinds
    with pytest.raises(ConversionRefused, match="8-bit numbers already"):
        convert(tmp_path / "int8.onnx", tmp_path / "again.onnx", int8_photos=many_photos)


def test_int8_that_swaps_too_many_pairs_is_refused(tmp_path: Path, many_photos: Path) -> None:
    """Scores that hardly differ from photo to photo, so that the rounding turns many pairs around."""
    (tmp_path / "bare.onnx").write_bytes(fragile_network())
    with pytest.raises(ConversionRefused, match=r"% of the pairs of 12 photos .* 2 % is the limit.*--force"):
        convert(tmp_path / "bare.onnx", tmp_path / "model.onnx", int8_photos=many_photos)
    assert [path.name for path in tmp_path.iterdir()] == ["bare.onnx"]
    done = convert(tmp_path / "bare.onnx", tmp_path / "model.onnx", int8_photos=many_photos, force=True)
    assert done.int8 is not None and done.int8.swapped > 0.02


def test_accuracy_that_was_measured_before_int8_says_so() -> None:
    before = records.values_of(records.AUTHORS_SPEC, weights=records.AUTHORS, source_sha256=records.AUTHORS_SHA256)
    after = spec_from_metadata(as_metadata(records.after_int8(before, {"held_back": 10})), file="x")
    assert after is not None and after.accuracy == {"pairwise accuracy in the paper, before int8": 0.7665}


def test_int8_needs_enough_photos(tmp_path: Path, cat: Path) -> None:
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(small_network())
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "cat.png").write_bytes(cat.read_bytes())
    with pytest.raises(ConversionRefused, match="at least 20 photos"):
        convert(bare, tmp_path / "model.onnx", int8_photos=tmp_path / "few")
    with pytest.raises(popscore.PopscoreError, match="nowhere"):
        convert(bare, tmp_path / "model.onnx", int8_photos=tmp_path / "nowhere")
    assert not (tmp_path / "model.onnx").exists()
