"""Writes a small Keras network (a .hdf5 file of Keras 2) as an ONNX graph, layer by layer. Needs h5py, onnx and numpy.

Only what the network for expressions uses: a mini-Xception (Arriaga, Valdenegro-Toro, Plöger 2017, "Real-time
Convolutional Neural Networks for Emotion and Gender Classification", arXiv 1710.07557), of which it has the part for
emotions alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from popscore.training.errors import ConversionRefused
from popscore.training.onnx_writer import GraphWriter

Weights = Mapping[str, NDArray[np.float32]]


class _Writer(GraphWriter):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights
        self.sizes: dict[str, int] = {}  # rows of each layer's result, which is square

    def weight(self, layer: str, part: str) -> NDArray[np.float32]:
        return self._weights[f"{layer}/{part}"]

    def pads(self, source: str, kernel: int, stride: int, padding: str) -> tuple[list[int], int]:
        """Rows of zeros on all sides by TensorFlow's rule, and the rows of the result."""
        size = self.sizes[source]
        if padding == "valid":
            return [0] * 4, (size - kernel) // stride + 1
        rows = -(-size // stride)
        total = max((rows - 1) * stride + kernel - size, 0)
        before = total // 2
        return [before, before, total - before, total - before], rows

    # --- layers ---

    def Conv2D(self, name: str, sources: list[str], options: Mapping[str, Any]) -> None:  # noqa: N802
        (kernel, _), (stride, _) = options["kernel_size"], options["strides"]
        pads, self.sizes[name] = self.pads(sources[0], kernel, stride, options["padding"])
        inputs = [sources[0], self.constant(f"{name}.weight", self.weight(name, "kernel:0").transpose(3, 2, 0, 1))]
        if options["use_bias"]:
            inputs.append(self.constant(f"{name}.bias", self.weight(name, "bias:0")))
        self.node("Conv", inputs, name, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads)

    def SeparableConv2D(self, name: str, sources: list[str], options: Mapping[str, Any]) -> None:  # noqa: N802
        (kernel, _), (stride, _) = options["kernel_size"], options["strides"]
        pads, self.sizes[name] = self.pads(sources[0], kernel, stride, options["padding"])
        depthwise = self.weight(name, "depthwise_kernel:0").transpose(2, 3, 0, 1)  # (channels, 1, rows, columns)
        filtered = self.node(
            "Conv", [sources[0], self.constant(f"{name}.depthwise", depthwise)], f"{name}.filtered",
            kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads, group=len(depthwise),
        )  # fmt: skip
        pointwise = self.weight(name, "pointwise_kernel:0").transpose(3, 2, 0, 1)
        self.node("Conv", [filtered, self.constant(f"{name}.pointwise", pointwise)], name, kernel_shape=[1, 1])

    def BatchNormalization(self, name: str, sources: list[str], options: Mapping[str, Any]) -> None:  # noqa: N802
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        inputs = [self.constant(f"{name}.{part}", self.weight(name, f"{part}:0")) for part in parts]
        self.node("BatchNormalization", [sources[0], *inputs], name, epsilon=options["epsilon"])

    def MaxPooling2D(self, name: str, sources: list[str], options: Mapping[str, Any]) -> None:  # noqa: N802
        (kernel, _), (stride, _) = options["pool_size"], options["strides"]
        pads, self.sizes[name] = self.pads(sources[0], kernel, stride, options["padding"])
        self.node("MaxPool", sources, name, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads)

    def Activation(self, name: str, sources: list[str], options: Mapping[str, Any]) -> None:  # noqa: N802
        operator = {"relu": "Relu", "softmax": "Softmax"}[options["activation"]]
        self.node(operator, sources, name, **({"axis": 1} if operator == "Softmax" else {}))

    def Add(self, name: str, sources: list[str], _: Mapping[str, Any]) -> None:  # noqa: N802
        self.node("Add", sources, name)

    def GlobalAveragePooling2D(self, name: str, sources: list[str], _: Mapping[str, Any]) -> None:  # noqa: N802
        self.node("Flatten", [self.node("GlobalAveragePool", sources, f"{name}.mean")], name)


def keras_to_onnx(content: bytes, *, output: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The network as ONNX, with the input `input` (N, 1, rows, columns).

    Args:
        content: the .hdf5 file.
        output: the name that its only output gets, (N, classes).
        metadata: what is written into the file.

    Raises:
        ConversionRefused: it has a layer that is not converted here.
    """
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with h5py.File(io.BytesIO(content), "r") as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        found: dict[str, NDArray[np.float32]] = {}

        def take(path: str, item: Any) -> None:
            if hasattr(item, "shape"):  # layer/layer_1/part
                found[f"{path.split('/')[0]}/{path.split('/')[-1]}"] = np.asarray(item, np.float32)

        file["model_weights"].visititems(take)
    writer = _Writer(found)
    side = 0
    for layer in layers:
        kind, options, name = layer["class_name"], layer["config"], layer["name"]
        if kind == "InputLayer":
            side = writer.sizes[name] = options["batch_input_shape"][1]
            writer.node("Identity", ["input"], name)
            continue
        if not hasattr(writer, kind):
            raise ConversionRefused(f"The layer {name} is a {kind}, which is not converted here.")
        sources = [source[0] for source in layer["inbound_nodes"][0]]
        writer.sizes[name] = writer.sizes[sources[0]]
        getattr(writer, kind)(name, sources, options)
    writer.node("Identity", [layers[-1]["name"]], output)
    classes = len(found[f"{layers[-3]['name']}/bias:0"])
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, side, side])
    made = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", classes])
    return writer.checked_model(given, [made], metadata)
