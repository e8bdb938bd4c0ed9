"""Makers of small ONNX networks that end in pooling and a linear layer, in the ways that exporters write them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def small_network(
    *,
    end: str = "Gemm",
    pool: str = "GlobalAveragePool",
    batch: int | str = 1,
    names: tuple[str, ...] = (),
    opset: int = 17,
    fixed_reshape: bool = False,
) -> bytes:
    """A convolution, global average pooling and a linear layer, written in one of the ways that exporters choose.

    Args:
        end: Gemm, Gemm transposed, MatMul+Add, Conv, or Sigmoid for an end that cannot be opened.
        pool: GlobalAveragePool, ReduceMean, ReduceMean kept, ReduceMean input (axes as an input) or MaxPool.
        names: what tensors on the way are called: pooled, flat.
        fixed_reshape: a Reshape inside that is written for one photo.
    """
    random = np.random.default_rng(3)
    weight, bias = random.normal(0, 1, (8, 1)).astype(np.float32), np.array([0.5], np.float32)
    pooled, flat = names or ("pooled", "flat")
    constants = {"k": random.normal(0, 0.2, (8, 3, 3, 3)).astype(np.float32), "w": weight, "b": bias}
    first = "input"
    nodes = []
    if fixed_reshape:
        constants["one_photo"] = np.array([1, 3, 224, 224], np.int64)
        nodes.append(helper.make_node("Reshape", ["input", "one_photo"], ["same"]))
        first = "same"
    nodes += [
        helper.make_node("Conv", [first, "k"], ["conv"], strides=[32, 32], pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Relu", ["conv"], ["relu"]),
    ]
    if pool == "GlobalAveragePool":
        nodes.append(helper.make_node("GlobalAveragePool", ["relu"], [pooled]))
    elif pool == "MaxPool":
        nodes.append(helper.make_node("GlobalMaxPool", ["relu"], [pooled]))
    elif pool == "ReduceMean input":
        constants["axes"] = np.array([-2, -1], np.int64)
        nodes.append(helper.make_node("ReduceMean", ["relu", "axes"], [pooled], keepdims=0))
    else:
        nodes.append(helper.make_node("ReduceMean", ["relu"], [pooled], axes=[2, 3], keepdims=int("kept" in pool)))
    if end == "Conv":
        constants["w"] = weight.reshape(1, 8, 1, 1)
        nodes += [
            helper.make_node("Conv", [pooled, "w", "b"], ["linear"], kernel_shape=[1, 1]),
            helper.make_node("Flatten", ["linear"], ["output"]),
        ]
    else:
        constants["flat_shape"] = np.array([1, 8], np.int64)
        nodes.append(helper.make_node("Reshape", [pooled, "flat_shape"], [flat]))
        if end == "MatMul+Add":
            nodes += [
                helper.make_node("MatMul", [flat, "w"], ["product"]),
                helper.make_node("Add", ["b", "product"], ["output"]),
            ]
        elif end == "Gemm transposed":
            constants["w"] = weight.T
            nodes.append(helper.make_node("Gemm", [flat, "w", "b"], ["output"], transB=1, alpha=2.0, beta=3.0))
        else:
            nodes.append(helper.make_node("Gemm", [flat, "w", "b"], ["score" if end == "Sigmoid" else "output"]))
        if end == "Sigmoid":
            nodes.append(helper.make_node("Sigmoid", ["score"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 224, 224])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model.SerializeToString()


def fragile_network() -> bytes:
    """Differences of large, nearly equal numbers: channels in pairs with opposite weights."""
    model = onnx.ModelProto.FromString(small_network())
    for item in model.graph.initializer:
        values = numpy_helper.to_array(item).copy()
        if item.name == "w":
            values[1::2] = -values[::2]
        if item.name == "k":
            values = np.abs(values)
            values[1::2] = values[::2] * 1.0005
        item.CopyFrom(numpy_helper.from_array(values, item.name))
    return model.SerializeToString()
