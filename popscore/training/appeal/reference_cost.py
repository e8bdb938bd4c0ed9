"""A ResNet-50 with random weights: the yardstick for the cost of one score.

Random weights cost what trained ones cost, and the graph needs no weight file. Normalisation is folded, as in any
deployed ResNet-50.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnxruntime

from popscore.training.conversion.resnet50_graph import Weights, resnet50_model
from popscore.training.conversion.resnet50_shape import weight_shapes


def resnet50_bytes(*, seed: int = 0) -> bytes:
    """ONNX file of a ResNet-50 (stride in the 3x3) for input float32 (N, 3, 224, 224); `output` (N,) comes first."""
    return bytes(resnet50_model(random_weights(seed=seed)).SerializeToString())


def random_weights(*, seed: int = 0) -> Weights:
    """Weights by torchvision's names: normal with the deviation of He et al. 2015, and norms that change nothing."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in weight_shapes().items():
        if len(shape) > 1:
            values = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        else:
            values = np.full(shape, float(name.endswith(("running_var", ".weight"))))
        weights[name] = values.astype(np.float32)
    return weights


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
