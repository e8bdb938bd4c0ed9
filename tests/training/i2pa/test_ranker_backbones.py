"""Backbones by name: those that popscore rebuilds, and those of libraries, which are imported only when asked for."""

import importlib.util
from pathlib import Path

import appeal_parts
import numpy as np
import onnxruntime
import pytest
from commands import Run
from paired_photos import draw_pairs

from popscore.training.errors import ToolMissing

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')

from popscore.training.appeal.backbones import LITE2, NIMA  # noqa: E402
from popscore.training.appeal.export import GraphWriter  # noqa: E402
from popscore.training.i2pa.backbones import Chain, Pooled, build  # noqa: E402
from popscore.training.run_folder import RunRefused  # noqa: E402


@pytest.mark.parametrize(("tf_padding", "side"), [(True, 64), (True, 50), (False, 64), (False, 50)])
def test_rebuilt_networks_are_those_of_the_embedded_model(tf_padding: bool, side: int) -> None:
    blocks = appeal_parts.small(8, 6, seed=3, tf_padding=tf_padding)
    graph = GraphWriter()
    graph.compressed = graph.constant  # type: ignore[method-assign]  # the same weights, not rounded to 8 bits
    outputs = graph.chain("input", blocks, side)
    graph.node("Concat", outputs[6][0], outputs[7][0], output="maps", axis=1)
    model = graph.model("chain", {"input": ["N", 3, side, side]}, {"maps": ["N", "C", "H", "W"]})
    photos = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(["maps"], {"input": photos})[0]
    with torch.no_grad():
        found = Chain(blocks, (6, 7))(torch.from_numpy(photos)).numpy()
        assert np.allclose(found, wanted, atol=1e-4)
        pooled = Pooled([(Chain(blocks, (6, 7)), LITE2)])(torch.from_numpy(photos)).numpy()
    assert np.allclose(pooled, wanted.mean((2, 3)), atol=1e-4)


def test_the_second_network_gets_its_own_normalisation() -> None:
    blocks = appeal_parts.small(2, 4, seed=3, tf_padding=False)
    rgb = torch.rand(2, 3, 32, 32)
    chain = Chain(blocks, (1,))
    with torch.no_grad():
        both = Pooled([(chain, LITE2), (chain, NIMA)])((rgb - LITE2.mean) / LITE2.std)
        alone = Pooled([(chain, NIMA)])((rgb - NIMA.mean) / NIMA.std)
    assert torch.allclose(both[:, 4:], alone, atol=1e-4)


def test_a_resnet50_needs_no_library_without_weights_of_imagenet(tmp_path: Path) -> None:
    trunk = build("resnet50", weights="none", side=64)
    assert (trunk.channels, trunk.mean) == (2048, (0.485, 0.456, 0.406))
    torch.save({"state_dict": trunk.network.state_dict()}, tmp_path / "own.pth")
    again = build("resnet50", weights=tmp_path / "own.pth", side=64)
    key = "layer1.0.conv1.weight"
    assert torch.equal(again.network.state_dict()[key], trunk.network.state_dict()[key])
    assert "own.pth" in again.origin


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "few.pth")
    (tmp_path / "no.pth").write_bytes(b"nothing")
    with pytest.raises(RunRefused, match=r"few\.pth has not the weights of this network: \d+ of \d+ are missing"):
        build("resnet50", weights=tmp_path / "few.pth", side=64)
    for file in ("no.pth", "none.pth"):
        with pytest.raises(RunRefused, match=r"holds no weights that can be read"):
            build("resnet50", weights=tmp_path / file, side=64)
    for name in ("lite2", "small"):
        with pytest.raises(RunRefused, match="Leave out --weights"):
            build(name, weights=tmp_path / "few.pth", side=64)


@pytest.mark.parametrize(
    "name", ["torchvision:mobilenet_v2", "torchvision:vit_b_32", "timm:resnet10t", "timm:vit_tiny_patch16_224"]
)
def test_networks_of_libraries(name: str) -> None:
    pytest.importorskip(name.partition(":")[0], exc_type=(ImportError, RuntimeError))
    trunk = build(name, weights="none", side=224)
    with torch.no_grad():
        assert trunk.network(torch.zeros(2, 3, 224, 224)).shape == (2, trunk.channels)


def test_a_network_that_no_library_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunRefused, match="There is no library keras"):
        build("keras:resnet", weights="none", side=224)
    find, hidden = importlib.util.find_spec, ("timm", "torchvision")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else find(name))
    with pytest.raises(ToolMissing, match=r"needs timm, which is not installed\. Run: pip install timm"):
        build("timm:resnet10t", weights="none", side=224)
    for name in ("resnet50", "mobilenet_v2"):
        with pytest.raises(ToolMissing, match=r"needs torchvision, .* Run: pip install torchvision"):
            build(name, weights="imagenet", side=224)


def test_a_network_of_torchvision_is_trained(tmp_path: Path, run: Run, cat: Path) -> None:
    pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    pairs = draw_pairs(tmp_path / "set", users=6, each=5)
    options = "--backbone torchvision:mobilenet_v2 --weights none --side 64 --epochs 1 --epoch-pairs 8 --batch 4"
    images, out = tmp_path / "set" / "photos", tmp_path / "run"
    found = run("train", pairs, "--images", images, "--out", out, *options.split(" "))
    assert found.status == 0, found.err
    found = run("explain", cat, "--out", tmp_path / "map.png", POPSCORE_MODEL_PATH=out / "model.onnx")
    assert found.status == 0, found.err
