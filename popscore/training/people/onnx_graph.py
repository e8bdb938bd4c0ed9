"""Writes a network of TensorFlow Lite as an ONNX graph, operator by operator. Needs onnx and numpy.

TensorFlow keeps channels last, ONNX first: four-dimensional tensors are turned once, as the graph is written. Weights
stay as wide as they are in the source, 16 bits where it has 16; onnxruntime widens them when it loads the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from popscore.training.errors import ConversionRefused
from popscore.training.onnx_writer import GraphWriter
from popscore.training.people.tflite_file import Graph, Operator, Table

_FIRST = (0, 3, 1, 2)  # channels last -> channels first
_LAST = (0, 2, 3, 1)
_RELU, _RELU6 = 1, 3


class _Writer(GraphWriter):
    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self._values = {number: tensor.value for number, tensor in enumerate(graph.tensors) if tensor.value is not None}
        self._padded: dict[int, tuple[int, list[int]]] = {}

    # --- the parts of a graph ---

    def name(self, tensor: int) -> str:
        return f"t{tensor}"

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape

    def value(self, tensor: int) -> NDArray[Any]:
        if tensor not in self._values:
            raise ConversionRefused(f"Tensor {self.graph.tensors[tensor].name} should be fixed, and is computed.")
        return self._values[tensor]

    def activated(self, activation: int, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        """A node, and after it what TensorFlow Lite joins to it."""
        if activation not in (0, _RELU, _RELU6):
            raise ConversionRefused(f"Activation {activation} is not one that popscore converts.")
        self.node(operator, inputs, f"{output}.raw" if activation else output, **attributes)
        if activation == _RELU:
            self.node("Relu", [f"{output}.raw"], output)
        elif activation == _RELU6:
            self.clipped_to_6(f"{output}.raw", output)

    # --- operators ---

    def add_operator(self, step: Operator) -> None:
        if step.name in ("DEQUANTIZE", "DENSIFY"):  # of weights: 16 bits to 32, sparse to dense
            self._values[step.outputs[0]] = self.value(step.inputs[0])
            return
        options = step.options or Table(bytes(8), 0)
        {
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "MAX_POOL_2D": self._max_pool,
            "PAD": self._pad,
            "RELU": self._relu,
            "PRELU": self._prelu,
            "ADD": self._add,
            "RESHAPE": self._reshape,
            "CONCATENATION": self._concatenation,
            "RESIZE_BILINEAR": self._resize,
            "DEPTH_TO_SPACE": self._depth_to_space,
        }[step.name](step, options)

    def _convolution(self, step: Operator, options: Table) -> None:
        source, kernel, *bias = step.inputs
        depthwise = step.name == "DEPTHWISE_CONV_2D"
        weight = self.value(kernel)  # (outputs, rows, columns, inputs); depthwise (1, rows, columns, outputs)
        rows, columns = weight.shape[1:3]
        weight = weight.transpose((3, 0, 1, 2) if depthwise else _FIRST)
        strides = [options.number(2), options.number(1)]
        dilations = [options.number(6 if depthwise else 5, default=1), options.number(5 if depthwise else 4, default=1)]
        if dilations != [1, 1] or (depthwise and options.number(3) != 1):
            raise ConversionRefused("Convolutions with gaps, or several filters per channel, are not converted here.")
        pads = self._pads(source, (rows, columns), strides, options)
        if source in self._padded:
            source, before = self._padded[source]
            pads = [own + more for own, more in zip(pads, before, strict=True)]
        output = self.name(step.outputs[0])
        inputs = [self.name(source), self.constant(f"{output}.weight", weight)]
        inputs += [self.constant(f"{output}.bias", self.value(number)) for number in bias if number >= 0]
        self.activated(
            options.byte(4 if depthwise else 3), "Conv", inputs, output,
            kernel_shape=[rows, columns], strides=strides, group=weight.shape[0] if depthwise else 1,
            pads=pads,
        )  # fmt: skip

    def _pads(self, source: int, kernel: tuple[int, int], strides: list[int], options: Table) -> list[int]:
        """TensorFlow's SAME padding: as little as the output size needs, the odd row at the end."""
        if options.byte(0) == 1:  # VALID
            return [0, 0, 0, 0]
        totals = [
            max((-(-size // stride) - 1) * stride + side - size, 0)
            for size, side, stride in zip(self.shape(source)[1:3], kernel, strides, strict=True)
        ]
        return [total // 2 for total in totals] + [total - total // 2 for total in totals]

    def _max_pool(self, step: Operator, options: Table) -> None:
        strides, kernel = [options.number(2), options.number(1)], (options.number(4), options.number(3))
        self.activated(
            options.byte(5), "MaxPool", [self.name(step.inputs[0])], self.name(step.outputs[0]),
            kernel_shape=list(kernel), strides=strides, pads=self._pads(step.inputs[0], kernel, strides, options),
        )  # fmt: skip

    def _pad(self, step: Operator, _: Table) -> None:
        source, widths = step.inputs
        before, after = self.value(widths)[list(_FIRST)].T
        users = [other.name for other in self.graph.operators if step.outputs[0] in other.inputs]
        if not any((*before[:2], *after[:2])) and all(name.endswith("CONV_2D") for name in users):
            # The convolution pads itself, which saves a copy: 43 of them in the detector for small faces.
            self._padded[step.outputs[0]] = source, [*map(int, before[2:]), *map(int, after[2:])]
            return
        output = self.name(step.outputs[0])
        pads = self.constant(f"{output}.pads", np.concatenate([before, after]).astype(np.int64))
        self.node("Pad", [self.name(source), pads], output)

    def _relu(self, step: Operator, _: Table) -> None:
        self.node("Relu", [self.name(step.inputs[0])], self.name(step.outputs[0]))

    def _prelu(self, step: Operator, _: Table) -> None:
        source, slope = step.inputs
        output = self.name(step.outputs[0])
        slopes = self.constant(f"{output}.slope", self.value(slope).transpose(2, 0, 1))
        self.node("PRelu", [self.name(source), slopes], output)

    def _add(self, step: Operator, options: Table) -> None:
        self.activated(options.byte(0), "Add", [self.name(item) for item in step.inputs], self.name(step.outputs[0]))

    def _reshape(self, step: Operator, _: Table) -> None:
        source, output = step.inputs[0], self.name(step.outputs[0])
        given = self.name(source)
        if len(self.shape(source)) == 4:
            given = self.node("Transpose", [given], f"{output}.last", perm=_LAST)
        wanted = self.shape(step.outputs[0])
        if wanted[0] != 1 or len(wanted) == 4:
            raise ConversionRefused("A change of shape that touches the batch is not converted here.")
        shape = self.constant(f"{output}.shape", np.array((0, *wanted[1:]), np.int64))  # 0: as many as came in
        self.node("Reshape", [given, shape], output)

    def _concatenation(self, step: Operator, options: Table) -> None:
        axis = options.number(0)
        if len(self.shape(step.outputs[0])) == 4:
            axis = _FIRST.index(axis % 4)
        self.node("Concat", [self.name(item) for item in step.inputs], self.name(step.outputs[0]), axis=axis)

    def _resize(self, step: Operator, options: Table) -> None:
        corners, centres = options.truth(2), options.truth(3)
        mode = "align_corners" if corners else "half_pixel" if centres else "asymmetric"
        before, after = self.shape(step.inputs[0]), self.shape(step.outputs[0])
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        output = self.name(step.outputs[0])
        inputs = [self.name(step.inputs[0]), "", self.constant(f"{output}.scales", scales)]
        self.node("Resize", inputs, output, mode="linear", coordinate_transformation_mode=mode)

    def _depth_to_space(self, step: Operator, options: Table) -> None:
        self.node("DepthToSpace", [self.name(step.inputs[0])], self.name(step.outputs[0]), blocksize=options.number(0))


def to_onnx(graph: Graph, *, inputs: str, outputs: Mapping[int, str], metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The network as ONNX.

    Args:
        graph: with one input (1, rows, columns, 3).
        inputs: the name that its input gets; it becomes (N, 3, rows, columns) float32.
        outputs: names for the wanted outputs, by the number of the tensor; they become (N, …) without lengths of 1
            where the source has (1, 1, 1, n), which becomes (N, n).
        metadata: what is written into the file.

    Raises:
        ConversionRefused: something in it is not converted here.
    """
    writer = _Writer(graph)
    for step in graph.operators:
        writer.add_operator(step)
    (source,) = graph.inputs
    _, rows, columns, channels = graph.tensors[source].shape
    given = helper.make_tensor_value_info(inputs, TensorProto.FLOAT, ["N", channels, rows, columns])
    writer.nodes.insert(0, helper.make_node("Identity", [inputs], [writer.name(source)], name=writer.name(source)))
    found = []
    for number, name in outputs.items():
        shape: tuple[int, ...] = graph.tensors[number].shape
        if len(shape) == 4:
            if shape[1:3] != (1, 1):
                raise ConversionRefused(f"Output {name} is a picture, which is not converted here.")
            shape = (1, shape[3])
            writer.node("Flatten", [writer.name(number)], name)
        else:
            writer.node("Identity", [writer.name(number)], name)
        found.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape[1:]]))
    return writer.checked_model(given, found, metadata)
