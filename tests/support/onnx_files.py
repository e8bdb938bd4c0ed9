"""Makers of small ONNX files, good and bad ones, and of a real ResNet-50 without torch."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = dict[str, npt.NDArray[np.float32]]

# Opset 17 and IR 8 are what the exporters of 2022 and later write.
_OPSET, _IR = 17, 8

METADATA = {
    "popscore.name": "tiny",
    "popscore.version": "7",
    "popscore.kind": "appeal",
    "popscore.description": "Mean brightness.",
    "popscore.input_size": "[32, 48]",
    "popscore.resize": "squash",
    "popscore.mean": "[0.1, 0.2, 0.3]",
    "popscore.std": "[0.5, 0.6, 0.7]",
    "popscore.reference_mean": "1.5",
    "popscore.reference_std": "0.5",
    "popscore.reference_population": "photos of a test",
    "popscore.win_scale": "2.0",
    "popscore.license": "MIT",
    "popscore.training_data": "none",
    "popscore.accuracy": '{"spearman": 0.5}',
}


def model_bytes(
    nodes: Sequence[onnx.NodeProto],
    *,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
    metadata: Mapping[str, str] | None = None,
    ir_version: int = _IR,
) -> bytes:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=ir_version)
    helper.set_model_props(model, dict(metadata or {}))
    return model.SerializeToString()


def tiny(
    *,
    batch: int | str = 1,
    size: tuple[int | str, int | str] = (224, 224),
    metadata: Mapping[str, str] | None = None,
    output_shape: Sequence[int | str] | None = None,
    input_type: int = TensorProto.FLOAT,
    factor: float = 4.0,
    outputs: Sequence[str] = ("output",),
    extra_input: bool = False,
    channels: int = 3,
    rank: int = 4,
    ir_version: int = _IR,
) -> bytes:
    """A model whose score is `factor` times the mean of its input; NaN as factor gives NaN as score.

    Args:
        output_shape: () for a scalar, [1], [batch] or [batch, 1]; the last by default. Any other last
            length repeats the score.
    """
    shape = [batch, channels, *size][:rank]
    output_shape = (batch, 1) if output_shape is None else output_shape
    inputs = [helper.make_tensor_value_info("input", input_type, shape)]
    if extra_input:
        inputs.append(helper.make_tensor_value_info("caption", TensorProto.FLOAT, [1]))
    target = [length if isinstance(length, int) else -1 for length in output_shape]
    width = target[-1] if target and target[-1] > 1 else 1
    if width > 1:
        target[-1] = 1
    constants = [
        numpy_helper.from_array(np.float32(factor), "factor"),
        numpy_helper.from_array(np.array(target, dtype=np.int64), "target"),
        numpy_helper.from_array(np.array([1, width], dtype=np.int64), "times"),
    ]
    nodes = [
        helper.make_node("Cast", ["input"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=list(range(1, rank)), keepdims=0),
        helper.make_node("Mul", ["mean", "factor"], ["scaled"]),
    ]
    for name in outputs:
        if width > 1:
            nodes += [
                helper.make_node("Reshape", ["scaled", "target"], [f"{name}_one"]),
                helper.make_node("Tile", [f"{name}_one", "times"], [name]),
            ]
        else:
            nodes.append(helper.make_node("Reshape", ["scaled", "target"], [name]))
    return model_bytes(
        nodes,
        inputs=inputs,
        outputs=[helper.make_tensor_value_info(name, TensorProto.FLOAT, list(output_shape)) for name in outputs],
        initializers=constants if width > 1 else constants[:2],
        metadata=metadata,
        ir_version=ir_version,
    )


def with_external_weights(location: str, *, length: int = 1) -> bytes:
    """A model whose only weight, of 1 or 3 * 224 * 224 numbers, lies in another file."""
    weight = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[length, 1])
    weight.raw_data = bytes(4)  # set_external_data wants some
    onnx.external_data_helper.set_external_data(weight, location=location, offset=0, length=4 * length)
    weight.ClearField("raw_data")
    shape = numpy_helper.from_array(np.array([-1, length], dtype=np.int64), "shape")
    return model_bytes(
        [
            helper.make_node("Reshape", ["input", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["product"]),
            helper.make_node("ReduceMean", ["product"], ["output"], axes=[0, 1], keepdims=0),
        ],
        inputs=[helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])],
        outputs=[helper.make_tensor_value_info("output", TensorProto.FLOAT, [])],
        initializers=[weight, shape],
    )


# --- ResNet-50 --------------------------------------------------------------------------------------

# (blocks, width, stride of the first block) of the four stages. Source: He et al. 2016, table 1; the
# stride sits on the 3x3 convolution, as in torchvision.
_STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))


def resnet50_weights(seed: int = 0) -> Weights:
    """He-initialised weights with the batch normalisation folded into scale and shift per convolution."""
    random = np.random.default_rng(seed)
    weights: Weights = {}

    def convolution(name: str, out: int, into: int, side: int, gain: float = 1.0) -> None:
        deviation = gain * np.sqrt(2 / (into * side * side))
        weights[f"{name}.weight"] = random.normal(0, deviation, (out, into, side, side)).astype(np.float32)
        weights[f"{name}.bias"] = random.normal(0, 0.05, out).astype(np.float32)

    convolution("stem", 64, 3, 7)
    into = 64
    for stage, (blocks, width, _) in enumerate(_STAGES):
        for block in range(blocks):
            name = f"{stage}.{block}"
            convolution(f"{name}.a", width, into, 1)
            convolution(f"{name}.b", width, width, 3)
            convolution(f"{name}.c", 4 * width, width, 1, gain=0.3)  # keeps 16 sums of blocks in range
            if block == 0:
                convolution(f"{name}.short", 4 * width, into, 1)
            into = 4 * width
    weights["fc.weight"] = random.normal(0, np.sqrt(1 / into), (into, 1)).astype(np.float32)
    weights["fc.bias"] = np.array([2.5], dtype=np.float32)
    return weights


def resnet50(weights: Weights, *, batch: int | str = 1) -> bytes:
    """The graph of a PopScore file: `input` float32 [batch, 3, 224, 224], `output` [batch, 1], no metadata."""
    nodes: list[onnx.NodeProto] = []

    def convolution(into: str, name: str, *, stride: int = 1, relu: bool = True) -> str:
        side = weights[f"{name}.weight"].shape[2]
        nodes.append(
            helper.make_node(
                "Conv",
                [into, f"{name}.weight", f"{name}.bias"],
                [name],
                strides=[stride, stride],
                pads=[side // 2] * 4,
                kernel_shape=[side, side],
            )
        )
        if not relu:
            return name
        nodes.append(helper.make_node("Relu", [name], [f"{name}.relu"]))
        return f"{name}.relu"

    convolution("input", "stem", stride=2)
    nodes.append(
        helper.make_node("MaxPool", ["stem.relu"], ["pooled"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    )
    last = "pooled"
    for stage, (blocks, _, first_stride) in enumerate(_STAGES):
        for block in range(blocks):
            name, stride = f"{stage}.{block}", first_stride if block == 0 else 1
            inner = convolution(convolution(last, f"{name}.a"), f"{name}.b", stride=stride)
            inner = convolution(inner, f"{name}.c", relu=False)
            short = convolution(last, f"{name}.short", stride=stride, relu=False) if block == 0 else last
            nodes.append(helper.make_node("Add", [inner, short], [f"{name}.sum"]))
            nodes.append(helper.make_node("Relu", [f"{name}.sum"], [f"{name}.out"]))
            last = f"{name}.out"
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["average"]),
        helper.make_node("Flatten", ["average"], ["features"]),
        helper.make_node("Gemm", ["features", "fc.weight", "fc.bias"], ["output"]),
    ]
    return model_bytes(
        nodes,
        inputs=[helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 224, 224])],
        outputs=[helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 1])],
        initializers=[numpy_helper.from_array(value, name) for name, value in weights.items()],
    )


def resnet50_reference(weights: Weights, pixels: npt.NDArray[np.float32]) -> float:
    """The same network in plain numpy, in double precision.

    Args:
        pixels: (3, 224, 224), the model's input.
    """

    def convolution(values: npt.NDArray[np.float64], name: str, *, stride: int = 1) -> npt.NDArray[np.float64]:
        weight = weights[f"{name}.weight"].astype(np.float64)
        side = weight.shape[2]
        patches = _patches(values, side, stride, fill=0.0)  # (C, H, W, side, side)
        return np.tensordot(weight, patches, ([1, 2, 3], [0, 3, 4])) + weights[f"{name}.bias"][:, None, None]

    values = np.maximum(convolution(pixels.astype(np.float64), "stem", stride=2), 0)
    values = _patches(values, 3, 2, fill=-np.inf).max(axis=(3, 4))
    for stage, (blocks, _, first_stride) in enumerate(_STAGES):
        for block in range(blocks):
            name, stride = f"{stage}.{block}", first_stride if block == 0 else 1
            inner = np.maximum(convolution(values, f"{name}.a"), 0)
            inner = np.maximum(convolution(inner, f"{name}.b", stride=stride), 0)
            inner = convolution(inner, f"{name}.c")
            short = convolution(values, f"{name}.short", stride=stride) if block == 0 else values
            values = np.maximum(inner + short, 0)
    features = values.mean(axis=(1, 2))
    return float(features @ weights["fc.weight"][:, 0].astype(np.float64) + weights["fc.bias"][0])


def _patches(values: npt.NDArray[np.float64], side: int, stride: int, *, fill: float) -> npt.NDArray[np.float64]:
    edge = side // 2
    padded = np.pad(values, ((0, 0), (edge, edge), (edge, edge)), constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return windows[:, ::stride, ::stride]
