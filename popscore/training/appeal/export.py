"""Write convolutions and a head as one small ONNX file, node by node.

Weights are stored as 8-bit integers with one float32 scale per output channel, followed by Cast and Mul: onnxruntime
computes these once when it loads the file, so scoring runs in float32 at full speed while the file needs one byte per
weight. (DequantizeLinear would not be folded.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from popscore.training.appeal.backbones import Block, Conv

OPSET = 17
IR_VERSION = 8  # read by every onnxruntime since 1.12


class GraphWriter:
    """Collects nodes and initializers; every method returns the name of the tensor it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.zero = self.constant(np.float32(0))
        self.six = self.constant(np.float32(6))

    def constant(self, value: Any) -> str:
        """An initializer; numbers and float64 arrays become float32."""
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        name = f"c{len(self.initializers)}"
        self.initializers.append(
            numpy_helper.from_array(array.astype(np.float32) if array.dtype == np.float64 else array, name)
        )
        return name

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator; its output gets a name of its own unless one is given."""
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def compressed(self, weight: NDArray[Any]) -> str:
        """A weight (outputs, ...) stored as int8 with a float32 scale per output."""
        steps, scale = quantise(weight)
        return self.node("Mul", self.node("Cast", self.constant(steps), to=TensorProto.FLOAT), self.constant(scale))

    def convolution(self, x: str, conv: Conv, size: int) -> tuple[str, int]:
        """The output and its rows; `size` is the rows (and columns) of `x`."""
        before, after = conv.pads(size)
        y = self.node(
            "Conv", x, self.compressed(conv.weight), self.constant(conv.bias), group=conv.groups,
            kernel_shape=[conv.kernel] * 2, strides=[conv.stride] * 2, pads=[before, before, after, after],
        )  # fmt: skip
        return (self.node("Clip", y, self.zero, self.six) if conv.relu else y), -(-size // conv.stride)

    def chain(self, x: str, blocks: Sequence[Block], size: int) -> list[tuple[str, int]]:
        """The output of every block and its rows; `size` is the rows (and columns) of `x`."""
        outputs = []
        for block in blocks:
            y = x
            for conv in block.convolutions:
                y, size = self.convolution(y, conv, size)
            x = self.node("Add", x, y) if block.residual else y
            outputs.append((x, size))
        return outputs

    def pooled(self, x: str) -> str:
        """(N, C, H, W) -> (N, C), the mean over positions."""
        return self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)

    def model(
        self, name: str, given: dict[str, Sequence[int | str]], outputs: dict[str, Sequence[int | str]]
    ) -> onnx.ModelProto:
        """The checked model with these float32 inputs and outputs (name -> shape)."""
        inputs = [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in given.items()]
        results = [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()]
        model = helper.make_model(
            helper.make_graph(self.nodes, name, inputs, results, self.initializers),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="popscore",
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def quantise(weight: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Nearest of 255 even steps per output: int8 (outputs, ...) and scale (outputs, 1, ...)."""
    axes = tuple(range(1, weight.ndim))
    scale = (np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12) / 127).astype(np.float32)
    return np.round(weight / scale).astype(np.int8), scale


def rounded(weight: NDArray[Any]) -> NDArray[np.float32]:
    """The weight as `compressed` stores it."""
    steps, scale = quantise(weight)
    return steps.astype(np.float32) * scale


def write_file(model: onnx.ModelProto, metadata: dict[str, str], path: Path) -> None:
    """Write the model with its metadata. The file appears complete or not at all, the same bytes every time."""
    helper.set_model_props(model, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    partial.replace(path)
