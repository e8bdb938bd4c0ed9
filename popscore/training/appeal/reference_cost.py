"""A ResNet-50 with random weights: the yardstick for the cost of one score.

Random weights cost what trained ones cost, and the graph needs no weight file. Normalisation is folded, as in any
deployed ResNet-50.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride; He et al. 2016, table 1


def resnet50_bytes(*, seed: int = 0) -> bytes:
    """ONNX file of a ResNet-50 (stride in the 3x3) for input float32 (N, 3, 224, 224) and one number per image."""
    rng = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []

    def constant(value: NDArray[Any]) -> str:
        initializers.append(numpy_helper.from_array(value.astype(np.float32), f"c{len(initializers)}"))
        return initializers[-1].name

    def node(operator: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [f"t{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def conv(x: str, inputs: int, outputs: int, kernel: int, stride: int = 1) -> str:
        weight = rng.normal(0, (2 / (inputs * kernel**2)) ** 0.5, (outputs, inputs, kernel, kernel))
        return node("Conv", x, constant(weight), constant(np.zeros(outputs)), kernel_shape=[kernel, kernel],
                    strides=[stride, stride], pads=[kernel // 2] * 4)  # fmt: skip

    x = node("Relu", conv("input", 3, 64, 7, 2))
    x = node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            step = stride if block == 0 else 1
            y = node("Relu", conv(x, channels, width, 1))
            y = node("Relu", conv(y, width, width, 3, step))
            y = conv(y, width, 4 * width, 1)
            if block == 0:
                x = conv(x, channels, 4 * width, 1, step)
            x, channels = node("Relu", node("Add", x, y)), 4 * width
    pooled = node("Flatten", node("GlobalAveragePool", x))
    score = node("Gemm", pooled, constant(rng.normal(0, 0.01, (channels, 1))), constant(np.zeros(1)))
    graph = helper.make_graph(
        nodes, "resnet50",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info(score, TensorProto.FLOAT, ["N", 1])], initializers,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def compare_cost(model: bytes, *, repeats: int = 25) -> tuple[float, float]:
    """CPU time of one score of `model` and of the ResNet-50, in ms: medians of runs that take turns, 1 thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    runs: list[Callable[[], object]] = []
    for file in (model, resnet50_bytes()):
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        photo = np.random.default_rng(0).random((1, *given.shape[1:]), dtype=np.float32)
        outputs = [session.get_outputs()[0].name]
        runs.append(lambda s=session, o=outputs, n=given.name, p=photo: s.run(o, {n: p}))  # type: ignore[misc]
    times: list[list[float]] = [[], []]
    for repeat in range(repeats + 3):
        for run, taken in zip(runs, times, strict=True):
            start = time.process_time()
            run()
            if repeat >= 3:  # the first runs allocate memory
                taken.append((time.process_time() - start) * 1000)
    return float(np.median(times[0])), float(np.median(times[1]))
