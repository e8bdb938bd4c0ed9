"""ONNX files that want too much: time, or memory, on loading or in each run."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_files import model_bytes

Nodes = Sequence[onnx.NodeProto]

FOR_EVER = 2**62


def scorer(nodes: Nodes, *, scalar: bool = False, **constants: npt.ArrayLike) -> bytes:
    """A scorer in the form of an I2PA file; its score is the sum of what the nodes make of `mean` and call `made`.

    Args:
        scalar: the score has no length, so that popscore tries whether it is one number per photo.
        constants: by name; whole numbers become int64, others float32.
    """
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    kinds = {"i": np.int64, "f": np.float32, "b": np.bool_}
    return model_bytes(
        [
            helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
            *nodes,
            helper.make_node("ReduceSum", ["made"], ["sum"], keepdims=0),
            helper.make_node("Identity", ["sum"], ["output"])
            if scalar
            else helper.make_node("Reshape", ["sum", "one_by_one"], ["output"]),
        ],
        inputs=[helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])],
        outputs=[helper.make_tensor_value_info("output", TensorProto.FLOAT, [] if scalar else [1, 1])],
        initializers=[
            numpy_helper.from_array(np.array([1, 1], np.int64), "one_by_one"),
            *(numpy_helper.from_array(array.astype(kinds[array.dtype.kind]), name) for name, array in arrays.items()),
        ],
    )


def endless(*, constant: bool = False, scalar: bool = False) -> bytes:
    """Goes round and round.

    Args:
        constant: it begins with a constant, so that it could be computed on loading.
        scalar: see `scorer`.
    """
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Add", ["before", "before"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["rounds", "true", "first" if constant else "mean"], ["made"], body=body)
    return scorer([loop], rounds=FOR_EVER, true=True, first=np.float32(1), scalar=scalar)


def expanded(count: int, *, constant: bool = False, operator: str = "Expand", layers: int = 1) -> bytes:
    """Makes `count` numbers of one, `layers` times.

    Args:
        constant: of a constant, so that it could be computed on loading.
    """
    nodes = []
    for layer in range(layers):
        source = "first" if constant else "many"
        if not constant and layer == 0:
            nodes.append(helper.make_node("Reshape", ["mean", "one"], ["many"]))
        nodes.append(helper.make_node(operator, [source, "count"], [f"large{layer}"]))
    names = [f"large{layer}" for layer in range(layers)]
    nodes.append(
        helper.make_node("Sum", names, ["made"]) if layers > 1 else helper.make_node("Identity", names, ["made"])
    )
    return scorer(nodes, count=[count], one=[1], first=np.array([1], np.float32))


def long_product(side: int, times: int) -> bytes:
    """Multiplies constant matrices, which onnxruntime does on loading."""
    nodes = [helper.make_node("Tile", ["first", "sides"], ["product0"])]
    nodes += [
        helper.make_node("MatMul", [f"product{number}", "product0"], [f"product{number + 1}"])
        for number in range(times)
    ]
    nodes.append(helper.make_node("Identity", [f"product{times}"], ["made"]))
    return scorer(nodes, sides=[side, side], first=np.array([[1e-5]], np.float32))


def one_long_step(count: int) -> bytes:
    """One operator that takes about 3 s per 10^8 numbers, which onnxruntime cannot interrupt."""
    nodes = [
        helper.make_node("Reshape", ["mean", "one"], ["source"]),
        helper.make_node("Resize", ["source", "", "", "count"], ["made"]),
    ]
    return scorer(nodes, count=[count], one=[1])
