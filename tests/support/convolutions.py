"""A convolution in plain numpy, and small graphs run by onnxruntime: what written graphs are compared with."""

import numpy as np
import numpy.typing as npt
import onnxruntime

from popscore.training.appeal.backbones import Conv
from popscore.training.appeal.export import GraphWriter

Floats = npt.NDArray[np.float64]


def convolved(x: npt.ArrayLike, conv: Conv, weight: npt.ArrayLike | None = None) -> Floats:
    """(C, H, W) -> (outputs, ceil(H / stride), ceil(W / stride)), in double precision, one place after the other.

    Args:
        weight: in place of the convolution's own.
    """
    values = np.asarray(x, dtype=np.float64)
    kernels = np.asarray(conv.weight if weight is None else weight, dtype=np.float64)
    (top, bottom), (left, right) = conv.pads(values.shape[1]), conv.pads(values.shape[2])
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right)))
    rows, columns = (-(-size // conv.stride) for size in values.shape[1:])
    each = len(kernels) // conv.groups
    result = np.empty((len(kernels), rows, columns))
    for output, kernel in enumerate(kernels):
        first = output // each * kernel.shape[0]
        for y in range(rows):
            for z in range(columns):
                part = padded[first : first + kernel.shape[0], y * conv.stride :, z * conv.stride :]
                result[output, y, z] = (part[:, : conv.kernel, : conv.kernel] * kernel).sum() + conv.bias[output]
    return np.clip(result, 0, 6) if conv.relu else result


def run_graph(
    graph: GraphWriter, outputs: dict[str, list[int | str]], **given: npt.NDArray[np.float32]
) -> list[Floats]:
    """The outputs (name -> shape) of a graph for these inputs."""
    model = graph.model("test", {name: list(value.shape) for name, value in given.items()}, outputs)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(list(outputs), given))
