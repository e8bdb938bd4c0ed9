"""Gives a scorer that has no activation map one, by a few bytes at the end of its file.

That is possible where the graph ends in global average pooling and one linear layer, as the authors' ResNet-50 does:
the mean over positions and the linear layer change places, so score = mean of (weight . features[:, y, x] + bias).
Source: Zhou et al. 2016, "class activation mapping", with the bias kept.

Nothing of the file is changed: where a message of protobuf has a field twice that is a message itself, the two are read
as one, and lists in them are joined. So a second graph, appended, adds nodes, weights and an output to the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from popscore.models.wire import Wire, field

# Numbers of fields in onnx.proto, which never change.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP_TYPE, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_F, _ATTRIBUTE_I, _ATTRIBUTE_S, _ATTRIBUTE_T, _ATTRIBUTE_INTS = 1, 2, 3, 4, 5, 8
_ATTRIBUTE_TYPE, _TYPE_INT = 20, 2
_TENSOR_DIMS, _TENSOR_KIND, _TENSOR_FLOATS, _TENSOR_INT64S, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 4, 7, 8, 9
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_VALUE_NAME, _VALUE_TYPE = 1, 2
_FLOAT, _INT64 = 1, 7

# These change the shape of what goes through them, never its numbers (Dropout does nothing in a finished model).
_RESHAPES = {b"Flatten", b"Reshape", b"Squeeze", b"Unsqueeze", b"Identity", b"Dropout"}
_MAX_STEPS = 20
_MAX_CHANNELS = 100_000
_MAX_TENSOR_BYTES = 1_000_000

Span = tuple[int, int]
"""Begin and end of a message in the file."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Extended:
    """A file with a map.

    Attributes:
        content: of the file.
        map_output: name of the output; its shape is (N, rows, columns), and the mean over both is the score.
    """

    content: bytes
    map_output: str


def with_map_output(content: bytes, *, score: str, wish: str) -> Extended | None:
    """The file with one more output, the activation map; None where its graph ends in another way.

    Whether the map is true, only a run can say: nothing is known here about shapes.

    Args:
        content: an ONNX file. What is none is not extended.
        score: what the output is called that is the score, if there are several.
        wish: what to call the map, if nothing in the graph is called so.
    """
    try:
        graph = _Graph(content)
        if wish in graph.outputs:
            return None
        graph.read_nodes()
        tail = _tail(graph, graph.outputs[0] if len(graph.outputs) == 1 else score)
    except (ValueError, IndexError, RecursionError, OverflowError):
        return None
    if tail is None:
        return None
    name = wish if wish not in graph.names else graph.free(wish)
    return Extended(content + field(_MODEL_GRAPH, _addition(graph, tail, name)), name)


# --- what the graph ends in -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tail:
    """score = weight . mean over positions of features + bias."""

    features: str
    weight: Values
    bias: float


def _tail(graph: "_Graph", score: str) -> _Tail | None:
    bias = 0.0
    node = graph.maker(score)
    if node is not None and node.op_type == b"Add" and len(node.inputs) == 2:
        added = [(graph.constant(name), other) for name, other in zip(node.inputs, reversed(node.inputs), strict=True)]
        constants = [(value, other) for value, other in added if value is not None and value.size == 1]
        if len(constants) != 1:
            return None
        bias = float(constants[0][0].reshape(-1)[0])
        node = graph.maker(constants[0][1])
    if node is None:
        return None
    if _is_average(graph, node):  # of a map that is there already, with one channel
        return _Tail(node.inputs[0], np.ones(1), bias)
    weight = _linear_weight(graph, node)
    if weight is None or not 0 < weight.size <= _MAX_CHANNELS:
        return None
    if len(node.inputs) > 2 and node.inputs[2]:
        own = graph.constant(node.inputs[2])
        if own is None or own.size != 1:
            return None
        bias += float(own.reshape(-1)[0]) * node.number("beta", 1.0)
    pool = graph.maker(node.inputs[0])
    if pool is None or not _is_average(graph, pool):
        return None
    return _Tail(pool.inputs[0], weight, bias)


def _linear_weight(graph: "_Graph", node: "_Node") -> Values | None:
    """(C,) weights of a linear layer with one output; None if the node is none."""
    if node.op_type not in (b"Gemm", b"MatMul", b"Conv") or len(node.inputs) < 2:
        return None
    found = graph.constant(node.inputs[1])
    if found is None:
        return None
    if node.op_type == b"Conv":
        plain = found.ndim == 4 and found.shape[0] == 1 and found.shape[2:] == (1, 1)
        return found.reshape(-1) if plain and not any(node.integers("pads")) else None
    if node.op_type == b"MatMul":
        return found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else None
    outputs = found.shape[0] if node.integer("transB") else found.shape[-1]
    if found.ndim != 2 or outputs != 1 or node.integer("transA"):
        return None
    return found.reshape(-1) * node.number("alpha", 1.0)


def _is_average(graph: "_Graph", node: "_Node") -> bool:
    if node.op_type == b"GlobalAveragePool":
        return len(node.inputs) == 1
    if node.op_type != b"ReduceMean":
        return False
    axes = node.integers("axes")
    if len(node.inputs) > 1:
        found = graph.constant(node.inputs[1])
        axes = [] if found is None else [int(axis) for axis in found.reshape(-1)]
    return sorted(axis % 4 for axis in axes if -4 <= axis < 4) == [2, 3]


# --- reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Node:
    """An operator, with its attributes still to be read."""

    wire: Wire
    op_type: bytes
    inputs: list[str]
    outputs: list[str]
    attributes: list[Span]

    def _attribute(self, name: str) -> Span | None:
        for start, end in self.attributes:
            if self.wire.text(start, end, _ATTRIBUTE_NAME) == name.encode():
                return start, end
        return None

    def number(self, name: str, default: float) -> float:
        """A floating-point attribute."""
        span = self._attribute(name)
        bits = dict(self.wire.numbers(*span)).get(_ATTRIBUTE_F) if span else None
        return default if bits is None else float(np.array([bits], "<u4").view("<f4")[0])

    def integer(self, name: str) -> int:
        """A whole number, 0 where it is not given."""
        span = self._attribute(name)
        return dict(self.wire.numbers(*span)).get(_ATTRIBUTE_I, 0) if span else 0

    def integers(self, name: str) -> list[int]:
        """A list of whole numbers."""
        span = self._attribute(name)
        return [] if span is None else self.wire.integers(*span, _ATTRIBUTE_INTS)

    def tensor(self, name: str) -> Span | None:
        """A tensor as an attribute."""
        span = self._attribute(name)
        found = [] if span is None else [part for part in self.wire.fields(*span) if part[0] == _ATTRIBUTE_T]
        return found[-1][1:] if found else None


class _Graph:
    """As much of the graph as it takes to find its end.

    Attributes:
        outputs: names of the outputs.
        names: of all tensors.

    Raises:
        ValueError, IndexError: the file is no ONNX file, or has not exactly one graph without functions.
    """

    def __init__(self, content: bytes) -> None:
        self._wire = wire = Wire(content)
        graphs = [(start, end) for number, start, end in wire.fields(0, len(content)) if number == _MODEL_GRAPH]
        if len(graphs) != 1:
            raise ValueError
        self._makers: dict[str, _Node] = {}
        self._weights: dict[str, Span] = {}
        self.outputs: list[str] = []
        self.names: set[str] = set()
        self._fields = list(wire.fields(*graphs[0]))
        for number, start, end in self._fields:
            if number == _GRAPH_OUTPUT:
                self.outputs.append(wire.text(start, end, _VALUE_NAME).decode())
        if not self.outputs:
            raise ValueError

    def read_nodes(self) -> None:
        """Read all else that is looked at."""
        wire = self._wire
        for number, start, end in self._fields:
            if number == _GRAPH_NODE:
                node = self._node(start, end)
                self._makers.update(dict.fromkeys(node.outputs, node))
                self.names.update(node.inputs, node.outputs)
            elif number == _GRAPH_INITIALIZER:
                self._weights[wire.text(start, end, _TENSOR_NAME).decode()] = (start, end)
            elif number == _GRAPH_INPUT:
                self.names.add(wire.text(start, end, _VALUE_NAME).decode())
        self.names.update(self._weights, self.outputs)

    def _node(self, start: int, end: int) -> _Node:
        parts: dict[int, list[Span]] = {}
        for number, at, to in self._wire.fields(start, end):
            parts.setdefault(number, []).append((at, to))

        def texts(number: int) -> Iterator[bytes]:
            return (bytes(self._wire.data[at:to]) for at, to in parts.get(number, ()))

        foreign = next(texts(_NODE_DOMAIN), b"") not in (b"", b"ai.onnx")
        return _Node(
            wire=self._wire,
            op_type=b"" if foreign else next(texts(_NODE_OP_TYPE), b""),
            inputs=[name.decode() for name in texts(_NODE_INPUT)],
            outputs=[name.decode() for name in texts(_NODE_OUTPUT)],
            attributes=parts.get(_NODE_ATTRIBUTE, []),
        )

    def free(self, wish: str) -> str:
        """A name that no tensor has."""
        number = 1
        while (name := f"popscore.{wish}.{number}") in self.names:
            number += 1
        return name

    def maker(self, name: str) -> _Node | None:
        """The operator that these numbers come from, whatever shape they were brought into afterwards."""
        node = self._makers.get(name)
        for _ in range(_MAX_STEPS):
            if node is None or node.op_type not in _RESHAPES or not node.inputs:
                return node
            node = self._makers.get(node.inputs[0])
        return None

    def constant(self, name: str) -> Values | None:
        """A weight; None where it depends on the photo, or is not made of float32 or int64 in this file."""
        for _ in range(_MAX_STEPS):
            if name in self._weights:
                return self._tensor(*self._weights[name])
            node = self._makers.get(name)
            if node is None or node.op_type not in (b"Identity", b"Constant"):
                return None
            if node.op_type == b"Constant":
                span = node.tensor("value")
                return None if span is None else self._tensor(*span)
            name = node.inputs[0]
        return None

    def _tensor(self, start: int, end: int) -> Values | None:
        wire = self._wire
        values = dict(wire.numbers(start, end))
        shape = wire.integers(start, end, _TENSOR_DIMS)
        spans = {number: (at, to) for number, at, to in wire.fields(start, end)}
        kind = {_FLOAT: "<f4", _INT64: "<i8"}.get(values.get(_TENSOR_KIND, 0))
        elsewhere = _TENSOR_EXTERNAL in spans or values.get(_TENSOR_LOCATION)
        if kind is None or elsewhere or end - start > _MAX_TENSOR_BYTES:
            return None
        if _TENSOR_RAW in spans or (kind == "<f4" and _TENSOR_FLOATS in spans):
            at, to = spans.get(_TENSOR_RAW) or spans[_TENSOR_FLOATS]
            found = np.frombuffer(wire.data[at:to], kind)
        else:
            numbers = wire.integers(start, end, _TENSOR_INT64S) if kind == "<i8" else []
            found = np.array(numbers, kind)
        return found.reshape(shape).astype(np.float64)  # a ValueError where the counts differ


# --- writing ---------------------------------------------------------------------------------------------


def _addition(graph: _Graph, tail: _Tail, map_output: str) -> bytes:
    """A graph of two nodes: a convolution of one point, and what takes its one channel away."""
    weight, bias, first, map4 = (graph.free(wish) for wish in ("map.weight", "map.bias", "map.first", "map.channel"))
    axis = field(_ATTRIBUTE_NAME, "axis") + field(_ATTRIBUTE_I, 1) + field(_ATTRIBUTE_TYPE, _TYPE_INT)
    any_length = field(1, b"")  # TensorShapeProto.dim
    tensor_type = field(1, _FLOAT) + field(2, any_length * 3)
    return b"".join(
        [
            field(_GRAPH_NODE, _node_bytes("Conv", [tail.features, weight, bias], map4)),
            field(_GRAPH_NODE, _node_bytes("Gather", [map4, first], map_output) + field(_NODE_ATTRIBUTE, axis)),
            field(_GRAPH_INITIALIZER, _tensor_bytes(weight, tail.weight.reshape(1, -1, 1, 1), _FLOAT)),
            field(_GRAPH_INITIALIZER, _tensor_bytes(bias, np.array([tail.bias]), _FLOAT)),
            field(_GRAPH_INITIALIZER, _tensor_bytes(first, np.array(0), _INT64)),
            field(_GRAPH_OUTPUT, field(_VALUE_NAME, map_output) + field(_VALUE_TYPE, field(1, tensor_type))),
        ]
    )


def _node_bytes(operator: str, inputs: list[str], output: str) -> bytes:
    return (
        b"".join(field(_NODE_INPUT, name) for name in inputs)
        + field(_NODE_OUTPUT, output)
        + field(_NODE_NAME, output)
        + field(_NODE_OP_TYPE, operator)
    )


def _tensor_bytes(name: str, values: npt.NDArray[np.generic], kind: int) -> bytes:
    dims = b"".join(field(_TENSOR_DIMS, length) for length in values.shape)
    raw = values.astype("<f4" if kind == _FLOAT else "<i8").tobytes()
    return dims + field(_TENSOR_KIND, kind) + field(_TENSOR_NAME, name) + field(_TENSOR_RAW, raw)
