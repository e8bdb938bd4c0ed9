"""Models without an activation map get one while they are loaded; those whose own map is not true are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_files import model_bytes
from pooled_networks import fragile_network, small_network

from popscore.errors import ModelRefused
from popscore.models.map_output import with_map_output
from popscore.models.network import Network
from popscore.models.session import MAP_OUTPUT, SCORE_OUTPUT, ScoringSession, open_session


def pictures(count: int = 2) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    return [random.random((1, 3, 224, 224), dtype=np.float32) for _ in range(count)]


def plain_scores(content: bytes, output: str = SCORE_OUTPUT) -> list[float]:
    """By the file as it is."""
    network = Network(content, file="plain")
    return [float(network.run({"input": picture}, [output])[output].reshape(-1)[0]) for picture in pictures()]


def check_map(session: ScoringSession, scores: list[float], size: tuple[int, int] = (7, 7)) -> None:
    """Scores are those of the plain file, to the bit, and the mean of the map is the score."""
    assert session.has_map
    for picture, score in zip(pictures(), scores, strict=True):
        found = session.predict(picture, activation_map=True)
        assert session.predict(picture).score == found.score == score
        assert found.activation_map is not None and found.activation_map.shape == size
        assert found.activation_map.std() > 0
        assert found.activation_map.mean() == pytest.approx(score, rel=1e-3, abs=1e-5)


# --- files that end in pooling and a linear layer ---------------------------------------------------------

ENDS = ("Gemm", "Gemm transposed", "MatMul+Add", "Conv")
POOLS = {"GlobalAveragePool": (9, 13, 17, 22), "ReduceMean kept": (11, 17), "ReduceMean input": (18, 21)}


@pytest.mark.parametrize("batch", [1, "N"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("pool", POOLS)
def test_a_map_is_added(end: str, pool: str, batch: int | str) -> None:
    for opset in POOLS[pool]:
        if end == "Conv" and pool == "ReduceMean input":
            continue  # no such network: a convolution needs the two axes
        content = small_network(end=end, pool=pool, batch=batch, opset=opset)
        check_map(open_session(content, file="some.onnx"), plain_scores(content))


def test_resnet50_gets_a_map(resnet50_file: Path) -> None:
    content = resnet50_file.read_bytes()
    check_map(open_session(content, file="resnet50.onnx"), plain_scores(content))


def changed(content: bytes, change: str) -> bytes:
    """The same network, written in another way."""
    model = onnx.ModelProto.FromString(content)
    graph = model.graph
    weights = {item.name: item for item in graph.initializer}
    if change == "numbers one by one":
        for name in "wb":
            values = numpy_helper.to_array(weights[name])
            weights[name].CopyFrom(helper.make_tensor(name, TensorProto.FLOAT, values.shape, values.reshape(-1)))
    elif change == "weights among the inputs":
        model.ir_version = 3
        model.opset_import[0].version = 8
        graph.input.extend(
            helper.make_tensor_value_info(name, item.data_type, item.dims) for name, item in weights.items()
        )
    elif change == "weights as nodes":
        for name in "wb":
            graph.node.insert(0, helper.make_node("Constant", [], [name], value=weights[name]))
            graph.initializer.remove(weights[name])
    elif change == "names that are taken":
        for node in graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    names[place] = {"relu": MAP_OUTPUT, "conv": "popscore.map.weight.1"}.get(name, name)
    elif change == "one score in a scalar":
        shape = numpy_helper.from_array(np.array([], np.int64), "none")
        graph.initializer.append(shape)
        graph.node.append(helper.make_node("Reshape", ["output", "none"], ["popularity"]))
        graph.output[0].CopyFrom(helper.make_tensor_value_info("popularity", TensorProto.FLOAT, []))
    return model.SerializeToString()


@pytest.mark.parametrize(
    "change",
    [
        "numbers one by one",
        "weights among the inputs",
        "weights as nodes",
        "names that are taken",
        "one score in a scalar",
    ],
)
def test_other_ways_to_write_it(change: str) -> None:
    content = changed(small_network(), change)
    output = "popularity" if "scalar" in change else SCORE_OUTPUT
    check_map(open_session(content, file="some.onnx"), plain_scores(content, output))


# --- files that stay as they are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        small_network(end="Sigmoid"),
        small_network(pool="MaxPool"),
        fragile_network(),
    ],
    ids=["sigmoid", "max pool", "fragile"],
)
def test_other_ends_are_no_error(content: bytes) -> None:
    session = open_session(content, file="some.onnx")
    assert [session.predict(picture).score for picture in pictures()] == plain_scores(content)
    if session.has_map:  # of large numbers that nearly cancel out, the mean is still the score
        check_map(session, plain_scores(content))


def test_weights_in_16_bits_are_left_alone() -> None:
    model = onnx.ModelProto.FromString(small_network())
    weights = {item.name: item for item in model.graph.initializer}
    half = numpy_helper.from_array(numpy_helper.to_array(weights["w"]).astype(np.float16), "half")
    model.graph.initializer.remove(weights["w"])
    model.graph.initializer.append(half)
    model.graph.node.insert(0, helper.make_node("Cast", ["half"], ["w"], to=TensorProto.FLOAT))
    session = open_session(model.SerializeToString(), file="some.onnx")
    assert not session.has_map
    assert session.predict(pictures()[0], activation_map=True).activation_map is None


def test_a_layer_between_pooling_and_the_end_is_left_alone() -> None:
    model = onnx.ModelProto.FromString(small_network())
    end = next(node for node in model.graph.node if node.op_type == "Gemm")
    model.graph.node.insert(list(model.graph.node).index(end), helper.make_node("Relu", ["flat"], ["positive"]))
    end.input[0] = "positive"
    content = model.SerializeToString()
    session = open_session(content, file="some.onnx")
    assert not session.has_map
    assert [session.predict(picture).score for picture in pictures()] == plain_scores(content)


def test_features_of_five_dimensions_are_left_alone() -> None:
    """Pooled over axes 2 and 3 as well, but no photo's: what would be added does not fit, and the file still scores."""
    model = onnx.ModelProto.FromString(small_network(pool="ReduceMean kept"))
    pool = next(node for node in model.graph.node if node.op_type == "ReduceMean")
    shape = numpy_helper.from_array(np.array([1, 8, 7, 7, 1], np.int64), "five")
    model.graph.initializer.append(shape)
    place = list(model.graph.node).index(pool)
    model.graph.node.insert(place, helper.make_node("Reshape", ["relu", "five"], ["deep"]))
    pool.input[0] = "deep"
    content = model.SerializeToString()
    assert with_map_output(content, score=SCORE_OUTPUT, wish=MAP_OUTPUT) is not None
    session = open_session(content, file="some.onnx")
    assert not session.has_map
    assert [session.predict(picture).score for picture in pictures()] == plain_scores(content)


def test_hostile_bytes_are_not_extended() -> None:
    content = small_network()
    random = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(content[: random.integers(1, len(content))] if random.random() < 0.3 else content)
        for place in random.integers(0, len(damaged), random.integers(1, 8)):
            damaged[place] = random.integers(0, 256)
        with_map_output(bytes(damaged), score=SCORE_OUTPUT, wish=MAP_OUTPUT)  # must not raise
    for hostile in (b"", b"\x3a", b"\x3a\xff\xff\xff\xff\xff\x7f", content + content, b"\x3a\x00"):
        assert with_map_output(hostile, score=SCORE_OUTPUT, wish=MAP_OUTPUT) is None


def test_circles_end() -> None:
    nodes = [helper.make_node("Identity", ["a"], ["output"]), helper.make_node("Identity", ["output"], ["a"])]
    content = model_bytes(
        nodes,
        inputs=[helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])],
        outputs=[helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1])],
    )
    assert with_map_output(content, score=SCORE_OUTPUT, wish=MAP_OUTPUT) is None
    with pytest.raises(ModelRefused):
        open_session(content, file="some.onnx")


def test_weights_of_another_file_are_left_alone() -> None:
    model = onnx.ModelProto.FromString(small_network())
    weight = next(item for item in model.graph.initializer if item.name == "w")
    onnx.external_data_helper.set_external_data(weight, location="/etc/passwd", offset=0, length=32)
    assert with_map_output(model.SerializeToString(), score=SCORE_OUTPUT, wish=MAP_OUTPUT) is None


# --- models that declare a map ------------------------------------------------------------------------------


def declaring(*, gain: float = 1.0, shift: float = 0.0, rank: int = 3, kind: int = TensorProto.FLOAT) -> bytes:
    """A score, the mean brightness, with a map that is `gain` times true and off by `shift`."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["bright"], axes=[1], keepdims=int(rank == 4)),
        helper.make_node("ReduceMean", ["input"], ["output"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["bright", "gain"], ["more"]),
        helper.make_node("Add", ["more", "shift"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], [MAP_OUTPUT], to=kind),
    ]
    shape = [1, 1, 224, 224] if rank == 4 else [1, 224, 224]
    return model_bytes(
        nodes,
        inputs=[helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])],
        outputs=[
            helper.make_tensor_value_info("output", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info(MAP_OUTPUT, kind, shape),
        ],
        initializers=[
            numpy_helper.from_array(np.float32(gain), "gain"),
            numpy_helper.from_array(np.float32(shift), "shift"),
        ],
    )


def test_a_true_map_is_taken() -> None:
    check_map(open_session(declaring(), file="some.onnx"), plain_scores(declaring()), size=(224, 224))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (declaring(rank=4), "is tensor(float) [1, 1, 224, 224]"),
        (declaring(kind=TensorProto.DOUBLE), "is tensor(double) [1, 224, 224]"),
        (declaring(gain=1.01), "has a mean of"),
        (declaring(shift=0.5), "has a mean of"),
        (declaring(gain=float("nan")), "could not be had"),
        (declaring(gain=float("inf")), "could not be had"),
    ],
    ids=["four dimensions", "64 bits", "too large", "shifted", "not a number", "infinite"],
)
def test_a_false_map_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ModelRefused) as found:
        open_session(content, file="some.onnx")
    message = str(found.value)
    assert message.startswith(f"some.onnx was refused: its output activation_map {reason}")
    assert "its mean the score" in message and len(message) < 500 and message.isprintable()
