"""Write backbones and a linear head as one small ONNX file.

The graph is written node by node, for two reasons. Convolution weights are stored as 8-bit integers with one scale
per output channel, followed by Cast and Mul: onnxruntime computes these once when it loads the file, so scoring runs
in float32 at full speed while the file needs one byte per weight. (DequantizeLinear would not be folded.) And the
score is the mean of an activation map that is an output itself: score = mean over positions of
(w . features[:, y, x] + b), which is an exact explanation of the score at no cost.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from popscore.training.backbones import Backbone, Conv, ConvNet, InvertedResidual

OPSET = 17
IR_VERSION = 8  # of onnx 1.12; read by every onnxruntime since 1.12


class GraphWriter:
    """Collects nodes and initializers; every method returns the name of the tensor it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: object) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def compressed(self, weight: NDArray[np.float32]) -> str:
        """A weight (outputs, ...) stored as int8 with a float32 scale per output channel."""
        steps, scale = quantise(weight)
        wide = self.node("Cast", self.constant(steps), to=TensorProto.FLOAT)
        return self.node("Mul", wide, self.constant(scale))

    def convolution(self, x: str, conv: Conv, size: int) -> tuple[str, int]:
        """The output and its size; `size` is the rows (and columns) of `x`."""
        weight = conv.weight.detach().numpy()
        # A channel-wise filter has few weights but much influence: float16 costs little file and no accuracy.
        if conv.groups > 1:
            name = self.node("Cast", self.constant(weight.astype(np.float16)), to=TensorProto.FLOAT)
        else:
            name = self.compressed(weight)
        if conv.bias is None:
            raise ValueError("a folded convolution has a bias")
        before, after = conv.pads(size)
        y = self.node(
            "Conv", x, name, self.constant(conv.bias.detach().numpy()),
            kernel_shape=list(conv.kernel_size), strides=list(conv.stride), group=conv.groups,
            pads=[before, before, after, after],
        )  # fmt: skip
        size = -(-size // conv.stride[0])
        return (self.node("Clip", y, self.zero(), self.six()) if conv.relu else y), size

    def zero(self) -> str:
        return self.constant(np.array(0, np.float32))

    def six(self) -> str:
        return self.constant(np.array(6, np.float32))

    def backbone(self, x: str, net: ConvNet, given: Backbone, side_px: int) -> str:
        """Feature map of a backbone; `x` is normalised the way of `given`."""
        own = net.backbone
        if (own.mean, own.std) != (given.mean, given.std):
            shape = (1, 3, 1, 1)
            gain = np.array(given.std, np.float32) / np.array(own.std, np.float32)
            shift = (np.array(given.mean, np.float32) - np.array(own.mean, np.float32)) / np.array(own.std, np.float32)
            x = self.node("Mul", x, self.constant(gain.reshape(shape)))
            x = self.node("Add", x, self.constant(shift.reshape(shape)))
        return self.chain(x, list(net.blocks), side_px)

    def chain(self, x: str, blocks: list[nn.Module], size: int) -> str:
        """One block after the other; `size` is the rows (and columns) of `x`."""
        for block in blocks:
            y = x
            for conv in block.layers if isinstance(block, InvertedResidual) else [block]:
                y, size = self.convolution(y, conv, size)  # type: ignore[arg-type]
            x = self.node("Add", x, y) if isinstance(block, InvertedResidual) and block.residual else y
        return x


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Nearest of 255 even steps per output channel: int8 (outputs, ...) and scale (outputs, 1, ...)."""
    axes = tuple(range(1, weight.ndim))
    scale = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12) / 127
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)


def write_model(
    path: Path,
    nets: list[ConvNet],
    weight: NDArray[np.float64],
    bias: float,
    *,
    side_px: int,
    metadata: dict[str, str],
) -> None:
    """Write the scorer. The file appears complete or not at all.

    Args:
        nets: backbones; the first one's normalisation is the one that the metadata promise for `input`.
        weight: (C,) of the linear head on the concatenated features, in units of the score.
        bias: of the head.
        side_px: side of the square input.
        metadata: the `popscore.*` keys.
    """
    graph = GraphWriter()
    maps = [graph.backbone("input", net, nets[0].backbone, side_px) for net in nets]
    features = graph.node("Concat", *maps, output="features", axis=1)
    # The head stays float32: it is small, and rounding it would move every score.
    head = graph.constant(weight.astype(np.float32).reshape(1, -1, 1, 1))
    scores = graph.node("Conv", features, head, graph.constant(np.array([bias], np.float32)), kernel_shape=[1, 1])
    graph.node("Squeeze", scores, graph.constant(np.array([1], np.int64)), output="activation_map")
    graph.node("ReduceMean", "activation_map", output="output", axes=[1, 2], keepdims=0)
    graph.node("Flatten", graph.node("GlobalAveragePool", features), output="embedding", axis=1)

    grid, channels = -(-side_px // 32), len(weight)
    kind = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            metadata.get("popscore.name", "popscore"),
            [helper.make_tensor_value_info("input", kind, ["N", 3, side_px, side_px])],
            [
                helper.make_tensor_value_info("output", kind, ["N"]),
                helper.make_tensor_value_info("features", kind, ["N", channels, grid, grid]),
                helper.make_tensor_value_info("embedding", kind, ["N", channels]),
                helper.make_tensor_value_info("activation_map", kind, ["N", grid, grid]),
            ],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="popscore",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    partial.replace(path)


def round_weights(nets: list[ConvNet]) -> None:
    """Replace the weights by what the file will hold, so that a head is fitted on the features that ship."""
    with torch.no_grad():
        for net in nets:
            for conv in net.convolutions():
                if conv.groups > 1:
                    conv.weight.copy_(conv.weight.half().float())
                else:
                    steps, scale = quantise(conv.weight.numpy())
                    conv.weight.copy_(torch.from_numpy(steps.astype(np.float32) * scale))
