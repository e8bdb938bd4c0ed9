"""Writes a network of TensorFlow.js (a graph model: JSON and weights) as an ONNX graph. Needs onnx and numpy.

Only what the networks for poses and outlines use. TensorFlow keeps channels last, ONNX first: constants are turned as
the graph is written. Weights stay 16 bits wide, as in the source; onnxruntime widens them when it loads the file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from popscore.training.errors import ConversionRefused
from popscore.training.onnx_writer import GraphWriter

Array = NDArray[Any]
Node = Mapping[str, Any]
Options = Mapping[str, Any]
# A picture comes as floating numbers, alone, and of the right size already.
_NOTHING = ("Cast", "Unpack", "ExpandDims", "Squeeze", "Identity")
_ELEMENTWISE = {"Add": "Add", "AddV2": "Add", "AddN": "Add", "Mul": "Mul", "Sub": "Sub"}
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2d", "DepthwiseConv2dNative")
_PLAIN = {"Relu": "Relu", "Sigmoid": "Sigmoid"}


class _Writer(GraphWriter):
    def __init__(self, weights: Mapping[str, Array], side: int) -> None:
        super().__init__()
        self._weights, self._side = weights, side
        self.names: dict[str, str] = {}
        self.sizes: dict[str, int] = {}  # rows of each result, which is square

    def weight(self, name: str) -> Array:
        if name not in self._weights:
            raise ConversionRefused(f"Tensor {name} should be fixed, and is computed.")
        return self._weights[name]

    def given(self, name: str, output: str) -> str:
        """An input: computed before, or fixed; one of the latter is turned to channels first."""
        if name in self.names:
            return self.names[name]
        value = self.weight(name)
        if value.ndim > 1:
            value = np.moveaxis(value, -1, -3)
        elif value.ndim == 1:
            value = value[:, np.newaxis, np.newaxis]
        return self.constant(f"{output}.{len(self.constants)}", value)

    def add(self, node: Node) -> None:
        """One operator of the source."""
        kind, name = str(node["op"]), str(node["name"])
        inputs, options = list(node.get("input", [])), node.get("attr", {})
        output = f"t{len(self.names)}"
        if kind == "Placeholder":
            self.names[name] = self.node("Identity", ["input"], output)
            self.sizes[name] = self._side
            return
        computed = [one for one in inputs if one in self.names]
        self.sizes[name] = self.sizes[computed[0]] if computed else 0
        if kind in _NOTHING:
            self.names[name] = self.names[computed[0]]
            return
        if kind in _ELEMENTWISE:
            self.node(_ELEMENTWISE[kind], [self.given(one, output) for one in inputs], output)
            self.sizes[name] = max(self.sizes[one] for one in computed)
        elif kind in _PLAIN:
            self.node(_PLAIN[kind], [self.names[inputs[0]]], output)
        elif kind == "Relu6":
            self.clipped_to_6(self.names[inputs[0]], output)
        elif kind == "Conv2DBackpropInput":
            self._widening(name, inputs, options, output)
        elif kind.removeprefix("_Fused").removeprefix("Fused") in _CONVOLUTIONS:
            self._convolution(kind, name, inputs, options, output)
        elif kind == "AvgPool":
            kernel = _numbers(options["ksize"])[1]
            if kernel != self.sizes[inputs[0]]:
                raise ConversionRefused(f"{name} is a mean of a part of the picture, which is not converted here.")
            self.node("GlobalAveragePool", [self.names[inputs[0]]], output)
            self.sizes[name] = 1
        elif kind == "ResizeBilinear":
            self._resize(name, inputs, options, output)
        else:
            raise ConversionRefused(f"{name} is a {kind}, which is not converted here.")
        self.names[name] = output

    def _convolution(
        self, kind: str, name: str, inputs: Sequence[str], options: Mapping[str, Any], output: str
    ) -> None:
        weight = self.weight(inputs[1])  # (rows, columns, inputs, outputs); depthwise (rows, columns, inputs, 1)
        depthwise = "Depthwise" in kind
        if depthwise and weight.shape[3] != 1:
            raise ConversionRefused(f"{name} has several filters per channel, which is not converted here.")
        kernel, stride = weight.shape[0], _numbers(options["strides"])[1]
        if set(_numbers(options.get("dilations", {"list": {"i": [1]}}))) != {1} or weight.shape[1] != kernel:
            raise ConversionRefused(f"{name} is a convolution with gaps, which is not converted here.")
        size = self.sizes[inputs[0]]
        rows, total = (size - kernel) // stride + 1, 0
        if _text(options["padding"]) == "SAME":  # as little as the size of the result needs, the odd row at the end
            rows = -(-size // stride)
            total = max((rows - 1) * stride + kernel - size, 0)
        before, after = total // 2, total - total // 2
        fused = [_text({"s": one}) for one in options.get("fused_ops", {}).get("list", {}).get("s", [])]
        turned = weight.transpose(2, 3, 0, 1) if depthwise else weight.transpose(3, 2, 0, 1)
        given = [self.names[inputs[0]], self.constant(f"{output}.weight", turned)]
        if fused[:1] == ["BiasAdd"]:
            given.append(self.constant(f"{output}.bias", self.weight(inputs[2])))
        if fused not in ([], ["BiasAdd"], ["BiasAdd", "Relu"], ["BiasAdd", "Relu6"]):
            raise ConversionRefused(f"{name} is joined with {fused}, which is not converted here.")
        raw = f"{output}.raw" if len(fused) > 1 else output
        self.node(
            "Conv", given, raw,
            kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[before, before, after, after],
            group=weight.shape[2] if depthwise else 1,
        )  # fmt: skip
        if fused[1:] == ["Relu"]:
            self.node("Relu", [raw], output)
        elif fused[1:] == ["Relu6"]:
            self.clipped_to_6(raw, output)
        self.sizes[name] = rows

    def _widening(self, name: str, inputs: Sequence[str], options: Options, output: str) -> None:
        """A transposed convolution whose kernel is as wide as its stride, so that nothing overlaps."""
        wanted, weight = self.weight(inputs[0]), self.weight(inputs[1])  # (rows, columns, outputs, inputs)
        kernel, stride = weight.shape[0], _numbers(options["strides"])[1]
        if kernel != stride or int(wanted[1]) != stride * self.sizes[inputs[2]]:
            raise ConversionRefused(f"{name} is a transposed convolution that is not converted here.")
        turned = weight.transpose(3, 2, 0, 1)
        self.node(
            "ConvTranspose", [self.names[inputs[2]], self.constant(f"{output}.weight", turned)], output,
            kernel_shape=[kernel, kernel], strides=[stride, stride],
        )  # fmt: skip
        self.sizes[name] = int(wanted[1])

    def _resize(self, name: str, inputs: Sequence[str], options: Options, output: str) -> None:
        rows = int(self.weight(inputs[1])[0])
        if not options["half_pixel_centers"]["b"] or options["align_corners"]["b"]:
            raise ConversionRefused(f"{name} makes a picture larger in a way that is not converted here.")
        factor = rows / self.sizes[inputs[0]]
        scales = self.constant(f"{output}.scales", np.array([1, 1, factor, factor], np.float32))
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self.node("Resize", [self.names[inputs[0]], "", scales], output, **mode)
        self.sizes[name] = rows


def tfjs_to_onnx(
    graph: bytes, content: bytes, *, side: int, outputs: Mapping[str, str], metadata: Mapping[str, str]
) -> onnx.ModelProto:
    """The network as ONNX, with the input `input` (N, 3, side, side).

    Args:
        graph: the JSON file.
        content: the file with the weights.
        side: rows and columns of the input.
        outputs: names for what is wanted, by the source's own; what comes behind them is left out.
        metadata: what is written into the file.

    Raises:
        ConversionRefused: something in it is not converted here.
    """
    try:
        document = json.loads(graph)
        nodes = document["modelTopology"]["node"]
        weights = _weights(document["weightsManifest"], content)
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionRefused(f"It is not a graph model of TensorFlow.js: {error}.") from error
    writer = _Writer(weights, side)
    wanted = _needed(nodes, outputs)
    for node in nodes:
        if node["op"] != "Const" and node["name"] in wanted:
            writer.add(node)
    missing = [name for name in outputs if name not in writer.names]
    if missing:
        raise ConversionRefused(f"The file has no tensor {', '.join(missing)}.")
    found = []
    for name, called in outputs.items():
        writer.node("Identity", [writer.names[name]], called)
        size = writer.sizes[name]
        found.append(helper.make_tensor_value_info(called, TensorProto.FLOAT, ["N", None, size, size]))
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, side, side])
    return writer.checked_model(given, found, metadata)


def _needed(nodes: Sequence[Node], outputs: Mapping[str, str]) -> set[str]:
    """Names of the nodes that the wanted tensors come from."""
    sources = {str(node["name"]): [str(one) for one in node.get("input", [])] for node in nodes}
    found: set[str] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += sources.get(name, [])
    return found


def _weights(manifest: Sequence[Mapping[str, Any]], content: bytes) -> dict[str, Array]:
    found: dict[str, Array] = {}
    at = 0
    for item in (one for part in manifest for one in part["weights"]):
        kind = "<f2" if "quantization" in item else {"float32": "<f4", "int32": "<i4"}[item["dtype"]]
        count = int(np.prod(item["shape"]))
        found[item["name"]] = np.frombuffer(content, kind, count, at).reshape(item["shape"])
        at += count * np.dtype(kind).itemsize
    if at != len(content):
        raise ConversionRefused(f"The weights have {len(content)} bytes, and {at} were expected.")
    return found


def _text(option: Mapping[str, Any]) -> str:
    return base64.b64decode(option["s"]).decode("ascii")


def _numbers(option: Mapping[str, Any]) -> list[int]:
    return [int(one) for one in option["list"]["i"]]
