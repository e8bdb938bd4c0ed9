"""The yardstick is a ResNet-50: as many multiplications and weights as the literature says, and it runs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_files import tiny

from popscore.training.appeal.reference_cost import compare_cost, resnet50_bytes


@pytest.fixture(scope="module")
def content() -> bytes:
    return resnet50_bytes()


def multiplications(model: onnx.ModelProto) -> int:
    """Of one photo, in all convolutions."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    rows = {info.name: info.type.tensor_type.shape.dim for info in (*graph.value_info, *graph.output)}
    kernels = {item.name: list(item.dims) for item in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            _, _, height, width = (dim.dim_value for dim in rows[node.output[0]])
            total += int(np.prod(kernels[node.input[1]])) * height * width
    return total


@pytest.mark.slow
def test_it_costs_what_a_resnet50_costs(content: bytes) -> None:
    model = onnx.ModelProto.FromString(content)
    # 4.09 billion with the stride on the 3x3 ("v1.5") and 1000 classes, which are 2 million of them.
    assert multiplications(model) == pytest.approx(4.087e9, rel=1e-3)
    weights = sum(int(np.prod(item.dims)) for item in model.graph.initializer)
    # 25.557 million with 1000 classes and two numbers per channel for each norm, one of which is folded away.
    assert weights == 25_557_032 - 1000 * 2049 + 2049 - 26_560 + 1


def test_it_runs_and_gives_one_finite_number(content: bytes) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    photo = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)
    assert session.get_outputs()[0].name == "output"
    (score,) = session.run(["output"], {"input": photo})
    assert score.shape == (1,)
    assert np.isfinite(score).all()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_file(content: bytes) -> None:
    assert resnet50_bytes(seed=0) == content
    assert resnet50_bytes(seed=1) != content


@pytest.mark.slow
def test_compare_cost() -> None:
    own, reference = compare_cost(tiny(), repeats=3)
    assert 0 <= own < reference / 10
