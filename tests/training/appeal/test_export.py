"""What the graph writer writes is what the numbers say: convolutions, padding, 8-bit weights, the file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from appeal_parts import Maker, small
from convolutions import convolved, run_graph

from popscore.training.appeal.backbones import Block, Conv
from popscore.training.appeal.export import GraphWriter, quantise, rounded, write_file


def written(conv: Conv, x: np.ndarray) -> np.ndarray:
    graph = GraphWriter()
    y, _ = graph.convolution("input", conv, x.shape[2])
    graph.node("Identity", y, output="output")
    (found,) = run_graph(graph, {"output": ["N", "C", "H", "W"]}, input=x)
    return found


# --- 8-bit weights -----------------------------------------------------------------------------------


def test_rounding_is_to_the_nearest_of_255_steps() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)
    steps, scale = quantise(weight)
    assert steps.dtype == np.int8
    assert scale.shape == (5, 1, 1, 1)
    assert np.abs(steps.astype(int)).max(axis=(1, 2, 3)).tolist() == [127] * 5  # the largest weight is kept
    assert (np.abs(rounded(weight) - weight) <= scale * 0.5001).all()
    assert np.array_equal(rounded(rounded(weight)), rounded(weight))


def test_an_output_of_zeros_stays_zeros() -> None:
    assert not rounded(np.zeros((2, 4))).any()


def test_the_file_holds_8_bit_weights_and_computes_with_the_rounded_ones() -> None:
    conv = Maker(3, tf_padding=False).conv(6, 4, 3)
    x = np.random.default_rng(1).normal(size=(1, 4, 9, 9)).astype(np.float32)
    found = written(conv, x)[0]
    assert found == pytest.approx(convolved(x[0], conv, rounded(conv.weight)), abs=1e-5)
    assert np.abs(found - convolved(x[0], conv)).max() > 1e-3  # the rounding shows
    graph = GraphWriter()
    graph.compressed(conv.weight)
    assert {
        item.data_type for item in graph.initializers if item.dims and len(item.dims) == 4 and item.dims[1] == 4
    } == {onnx.TensorProto.INT8}


# --- convolutions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 8, 9, 240])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_padding_conventions(kernel: int, stride: int, size: int) -> None:
    """PyTorch pads kernel // 2 on both sides; TensorFlow's SAME as little as ceil(size / stride) rows need."""
    outputs = -(-size // stride)
    for tf_padding in (False, True):
        before, after = Maker(0, tf_padding=tf_padding).conv(1, 1, kernel, stride).pads(size)
        assert (size + before + after - kernel) // stride + 1 == outputs
        if tf_padding:
            needed = max((outputs - 1) * stride + kernel - size, 0)
            assert before + after == needed
            assert after - before in (0, 1)
        else:
            assert before == after == kernel // 2


@pytest.mark.parametrize("tf_padding", [False, True])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "size"), [(1, 1, 6), (3, 1, 7), (3, 2, 8), (3, 2, 9), (5, 2, 10)])
def test_a_written_convolution_is_the_one_by_hand(
    kernel: int, stride: int, size: int, depthwise: bool, tf_padding: bool
) -> None:
    conv = Maker(kernel + size, tf_padding=tf_padding).conv(4, 4, kernel, stride, depthwise=depthwise)
    x = np.random.default_rng(size).normal(0, 2, (1, 4, size, size)).astype(np.float32)
    found = written(conv, x)[0]
    assert found == pytest.approx(convolved(x[0], conv, rounded(conv.weight)), abs=1e-5)
    assert 0 <= found.min() <= found.max() <= 6


def test_the_two_conventions_differ_where_an_even_size_is_halved() -> None:
    torch, tf = (Maker(0, tf_padding=tf_padding).conv(2, 2, 3, 2) for tf_padding in (False, True))
    x = np.random.default_rng(0).normal(size=(1, 2, 8, 8)).astype(np.float32)
    assert (torch.pads(8), tf.pads(8)) == ((1, 1), (0, 1))
    assert np.abs(written(torch, x) - written(tf, x)).max() > 0.1


def test_no_relu_lets_negative_numbers_through() -> None:
    conv = Maker(0, tf_padding=True).conv(4, 3, relu=False)
    assert written(conv, np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32)).min() < 0


def test_a_residual_block_adds_its_input() -> None:
    make = Maker(5, tf_padding=True)
    first, second = make.conv(3, 3, 3, relu=False), make.conv(3, 3, 3)
    x = np.random.default_rng(2).normal(size=(1, 3, 6, 6)).astype(np.float32)
    graph = GraphWriter()
    (y, rows), (z, _) = graph.chain("input", [Block((first,), residual=True), Block((second,))], 6)
    graph.node("Identity", y, output="sum")
    graph.node("Identity", z, output="after")
    shape: list[int | str] = ["N", 3, 6, 6]
    total, after = run_graph(graph, {"sum": shape, "after": shape}, input=x)
    wanted = x[0] + convolved(x[0], first, rounded(first.weight))
    assert rows == 6
    assert total[0] == pytest.approx(wanted, abs=1e-5)
    assert after[0] == pytest.approx(convolved(wanted, second, rounded(second.weight)), abs=1e-4)


def test_pooling_is_the_mean_over_positions() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    graph = GraphWriter()
    graph.node("Identity", graph.pooled("input"), output="output")
    (found,) = run_graph(graph, {"output": ["N", 3]}, input=x)
    assert found == pytest.approx(x.mean(axis=(2, 3)), abs=1e-6)


# --- the file ----------------------------------------------------------------------------------------


def model_of(seed: int) -> onnx.ModelProto:
    graph = GraphWriter()
    (y, _) = graph.chain("input", small(1, 2, seed=seed, tf_padding=True), 8)[-1]
    graph.node("Identity", y, output="output")
    return graph.model("test", {"input": ["N", 3, 8, 8]}, {"output": ["N", 2, 4, 4]})


def test_the_file_is_whole_says_what_it_was_told_and_is_the_same_every_time(tmp_path: Path) -> None:
    metadata = {"popscore.name": "x", "popscore.version": "2"}
    for name in ("a.onnx", "deep/er/b.onnx"):
        write_file(model_of(0), metadata, tmp_path / name)
    content = (tmp_path / "a.onnx").read_bytes()
    assert (tmp_path / "deep" / "er" / "b.onnx").read_bytes() == content
    assert {item.key: item.value for item in onnx.ModelProto.FromString(content).metadata_props} == metadata
    write_file(model_of(1), metadata, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() != content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "deep"]


def test_a_graph_that_does_not_fit_together_is_noticed() -> None:
    graph = GraphWriter()
    graph.node("Relu", "nowhere", output="output")
    with pytest.raises(onnx.checker.ValidationError):
        graph.model("test", {"input": ["N"]}, {"output": ["N"]})
