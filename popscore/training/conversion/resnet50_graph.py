"""Writes a ResNet-50 as an ONNX graph, node by node. Needs onnx and numpy, not torch.

Written here and not by torch's exporter, so that the file depends on the weights alone, and so that comparing it with
torch compares two independent accounts of the network. The score is the mean of an activation map, which is an output
too: score = mean over positions of (w . features[:, y, x] + b), an exact class activation map at no cost.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from popscore.training.conversion.resnet50_shape import CHANNELS, GRID, SIDE_PX, STAGES
from popscore.training.onnx_writer import IR_VERSION, OPSET, GraphWriter

_BN_EPSILON = 1e-5  # torch's default, which torchvision keeps

Weights = dict[str, NDArray[np.float32]]


class _Writer(GraphWriter):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights

    def convolution(self, x: str, conv: str, norm: str, *, stride: int = 1) -> str:
        """A convolution with the batch normalisation after it folded in, in double precision."""
        kernel = self._weights[f"{conv}.weight"].astype(np.float64)
        gain, shift, mean, variance = (
            self._weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gain / np.sqrt(variance + _BN_EPSILON)
        side = kernel.shape[2]
        inputs = [
            x,
            self.constant(f"{conv}.weight", (kernel * gain[:, None, None, None]).astype(np.float32)),
            self.constant(f"{conv}.bias", (shift - mean * gain).astype(np.float32)),
        ]
        return self.node(
            "Conv", inputs, conv, kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4
        )

    def relu(self, x: str, output: str = "") -> str:
        return self.node("Relu", [x], output or f"{x}.relu")

    def bottleneck(self, x: str, name: str, *, stride: int, output: str = "") -> str:
        """As `resnet50.Bottleneck`."""
        y = self.relu(self.convolution(x, f"{name}.conv1", f"{name}.bn1"))
        y = self.relu(self.convolution(y, f"{name}.conv2", f"{name}.bn2", stride=stride))
        y = self.convolution(y, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self._weights:
            x = self.convolution(x, f"{name}.downsample.0", f"{name}.downsample.1", stride=stride)
        return self.relu(self.node("Add", [y, x], f"{name}.sum"), output)


def resnet50_model(weights: Weights) -> onnx.ModelProto:
    """The scorer without metadata.

    Args:
        weights: by torchvision's names, see `weights.read_weights`.

    Returns:
        Input `input` (N, 3, 224, 224); outputs `output` (N,), the score, `features` (N, 2048, 7, 7) and
        `activation_map` (N, 7, 7), whose mean is the score.
    """
    graph = _Writer(weights)
    x = graph.relu(graph.convolution("input", "conv1", "bn1", stride=2))
    x = graph.node("MaxPool", [x], "maxpool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for number, (_, blocks, first_stride) in enumerate(STAGES, start=1):
        for block in range(blocks):
            last = number == len(STAGES) and block == blocks - 1
            stride = first_stride if block == 0 else 1
            x = graph.bottleneck(x, f"layer{number}.{block}", stride=stride, output="features" if last else "")
    head = [
        x,
        graph.constant("fc.weight", weights["fc.weight"].reshape(1, CHANNELS, 1, 1)),
        graph.constant("fc.bias", weights["fc.bias"]),
    ]
    graph.node("Conv", head, "fc", kernel_shape=[1, 1])
    graph.node("Squeeze", ["fc", graph.constant("channel_axis", np.array([1], np.int64))], "activation_map")
    graph.node("ReduceMean", ["activation_map"], "output", axes=[1, 2], keepdims=0)

    shapes: dict[str, list[int | str]] = {
        "output": ["N"],
        "features": ["N", CHANNELS, GRID, GRID],
        "activation_map": ["N", GRID, GRID],
    }
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "resnet50",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, SIDE_PX, SIDE_PX])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="popscore",
    )
