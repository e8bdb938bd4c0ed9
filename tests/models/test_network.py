"""Any ONNX file as a network: named inputs and outputs, batches, clear errors."""

import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_files import tiny

from popscore.errors import ModelRefused, ScoringFailed
from popscore.models.network import Network
from popscore.models.session import open_session


def two_by_two(batch: int | str = "N") -> bytes:
    """Inputs a and b [batch, 2], outputs their sum [batch, 2] and the mean of a [batch]."""
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("ReduceMean", ["a"], ["mean"], axes=[1], keepdims=0),
        ],
        "two",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 2]) for name in ("a", "b")],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, [batch, 2]),
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, [batch]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"what": "two"})
    return bytes(model.SerializeToString())


def items(count: int) -> dict[str, np.ndarray]:
    values = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    return {"a": values, "b": 10 * values}


def test_it_says_what_it_takes_and_gives() -> None:
    network = Network(two_by_two(), file="two.onnx")
    assert [(item.name, str(item)) for item in network.inputs] == [
        ("a", "tensor(float) [N, 2]"),
        ("b", "tensor(float) [N, 2]"),
    ]
    assert [(item.name, item.shape) for item in network.outputs] == [("sum", (None, 2)), ("mean", (None,))]
    assert network.metadata == {"what": "two"}
    assert network.output("nothing") is None


def test_what_is_asked_for_is_computed() -> None:
    network = Network(two_by_two(), file="two.onnx")
    given = items(3)
    assert list(network.run(given)) == ["sum", "mean"]
    assert list(network.run(given, ["mean"])) == ["mean"]
    np.testing.assert_array_equal(network.run(given)["sum"], 11 * given["a"])


@pytest.mark.parametrize("batch", ["N", 1, 4])
@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_batches_give_what_one_after_the_other_gives(batch: int | str, at_once: int, count: int) -> None:
    found = Network(two_by_two(batch), file="two.onnx").run_batch(items(count), at_once=at_once)
    np.testing.assert_array_equal(found["sum"], 11 * items(count)["a"])
    np.testing.assert_array_equal(found["mean"], items(count)["a"].mean(axis=1))


def test_threads_share_it() -> None:
    network = Network(two_by_two(), file="two.onnx")
    found: list[bool] = []

    def work(number: int) -> None:
        given = {name: values + number for name, values in items(5).items()}
        sums = [network.run(given)["sum"] for _ in range(50)]
        found.append(all(np.array_equal(one, given["a"] + given["b"]) for one in sums))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"a": np.zeros((1, 2), np.float32)}, "b"),
        ({"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 3), np.float32)}, "Got invalid dimensions"),
        ({"a": np.zeros((1, 2), np.float64), "b": np.zeros((1, 2), np.float64)}, "nexpected input data type"),
        ({"a": np.zeros((1, 2), np.float32), "b": np.zeros((1, 2), np.float32), "c": np.zeros(1)}, "c"),
    ],
)
def test_inputs_that_do_not_fit(given: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ScoringFailed, match=reason) as caught:
        Network(two_by_two(), file="two.onnx").run(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no model", two_by_two()[:-20]])
def test_files_that_are_no_network(content: bytes) -> None:
    with pytest.raises(ModelRefused, match=r"two\.onnx was refused: it is not an ONNX model that runs here"):
        Network(content, file="two.onnx")


def test_an_answer_of_another_length_is_refused() -> None:
    model = onnx.ModelProto.FromString(two_by_two())
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((5,), np.float32), "five"))
    model.graph.node.append(helper.make_node("Identity", ["five"], ["other"]))
    model.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [5]))
    with pytest.raises(ScoringFailed, match="another number of answers"):
        Network(model.SerializeToString(), file="two.onnx").run_batch(items(2))


# --- a scorer on a network -----------------------------------------------------------------------------


def test_map_and_embedding_come_from_the_run_that_gives_the_score(embedded_model: object) -> None:
    session = open_session(embedded_model.read_bytes(), file="the embedded model")  # type: ignore[attr-defined]
    height, width = session.spec.input_size
    photo = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    plain, full = session.predict(photo), session.predict(photo, activation_map=True, embedding=True)
    assert session.has_map and session.has_embedding
    assert (plain.activation_map, plain.embedding) == (None, None)
    assert full.activation_map is not None and full.embedding is not None
    assert full.score == plain.score
    assert full.activation_map.mean() == pytest.approx(full.score, abs=1e-4)
    assert full.embedding.ndim == 1


def test_a_model_without_map_and_embedding_gives_none() -> None:
    session = open_session(tiny(), file="tiny.onnx")
    found = session.predict(np.zeros((1, 3, 224, 224), np.float32), activation_map=True, embedding=True)
    assert (found.activation_map, found.embedding) == (None, None)
    assert not session.has_map and not session.has_embedding


def test_scores_of_many() -> None:
    session = open_session(tiny(), file="tiny.onnx")
    photos = np.stack([np.full((3, 224, 224), value, np.float32) for value in (0.0, 0.5, 1.0)])
    np.testing.assert_allclose(session.scores(photos), [session.predict(photo[None]).score for photo in photos])
