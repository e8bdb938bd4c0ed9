"""Gives a bare ONNX scorer the outputs of popscore's own files: a feature map, an exact activation map, a free batch.

That is possible where the graph ends in global average pooling and one linear layer, as PopScore's ResNet-50 does:
the mean over positions and the linear layer change places, so score = mean of (w . features[:, y, x] + b).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SCORE, FEATURES, ACTIVATION_MAP = "output", "features", "activation_map"
_OLDEST_OPSET = 7  # before, operators broadcast in another way
_FREE_WEIGHTS_IR = 4  # before, a weight had to be listed among the inputs too
_RESHAPES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout"}


class NotUnderstood(Exception):
    """The graph has no end that popscore can open; the text says what is in the way."""


@dataclass(frozen=True)
class Tail:
    """The end of a scorer: score = weight . mean(features) + bias.

    Attributes:
        features: name of the tensor (N, C, H, W) that goes into the pooling.
        pooled: name of what comes out.
        weight: (C,) float32.
        bias: one number.
        shape: (C, H, W) of the features.
    """

    features: str
    pooled: str
    weight: NDArray[np.float32]
    bias: float
    shape: tuple[int, int, int]


def with_maps(model: onnx.ModelProto, score: str, *, free_batch: bool) -> onnx.ModelProto:
    """A copy of the model with the outputs `output`, `features` and `activation_map` and without metadata changes.

    Args:
        model: a scorer with one image as input.
        score: name of the output that is the score.
        free_batch: whether any number of photos may be scored at once; else the batch stays as it is.

    Raises:
        NotUnderstood: the graph ends in another way.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = max(copy.ir_version, _FREE_WEIGHTS_IR)
    graph = copy.graph
    tail = find_tail(copy, score)
    names = _Names(graph)
    others = [output for output in graph.output if output.name != score]
    for name in (SCORE, FEATURES, ACTIVATION_MAP):
        if any(output.name == name for output in others):
            raise NotUnderstood(f"it has an output called {name} already")
    for name in (SCORE, FEATURES, ACTIVATION_MAP):
        names.make_room(name, keep=tail.features)
    features, pooled = names.of(tail.features), names.of(tail.pooled)
    names.rename(features, FEATURES)

    channels, rows, columns = tail.shape
    flat, linear, raw_map = names.new("flat"), names.new("fc.weight"), names.new("map")
    kernel, bias, shape = names.new("map.weight"), names.new("fc.bias"), names.new("map.shape")
    graph.initializer.extend(
        [
            numpy_helper.from_array(tail.weight.reshape(channels, 1), linear),
            numpy_helper.from_array(tail.weight.reshape(1, channels, 1, 1), kernel),
            numpy_helper.from_array(np.array([tail.bias], np.float32), bias),
            numpy_helper.from_array(np.array([-1, rows, columns], np.int64), shape),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("Flatten", [pooled], [flat], name=flat, axis=1),
            helper.make_node("Gemm", [flat, linear, bias], [SCORE], name=SCORE),
            helper.make_node("Conv", [FEATURES, kernel, bias], [raw_map], name=raw_map, kernel_shape=[1, 1]),
            helper.make_node("Reshape", [raw_map, shape], [ACTIVATION_MAP], name=ACTIVATION_MAP),
        ]
    )
    image = _inputs(graph)[0].type.tensor_type.shape.dim[0]
    if free_batch:
        image.Clear()
        image.dim_param = "N"
    batch: int | str = image.dim_value if image.HasField("dim_value") else image.dim_param or "N"
    shapes: dict[str, list[int | str]] = {
        SCORE: [batch, 1],
        FEATURES: [batch, *tail.shape],
        ACTIVATION_MAP: [batch, rows, columns],
    }
    kept = [onnx.ValueInfoProto.FromString(output.SerializeToString()) for output in others]
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in shapes.items())
    for output in kept:
        if free_batch:  # whatever was said of their shape was said for one photo
            output.type.tensor_type.ClearField("shape")
        graph.output.append(output)
    del graph.value_info[:]
    _drop_unused(graph)
    return copy


def find_tail(model: onnx.ModelProto, score: str) -> Tail:
    """Find global average pooling and a linear layer before the score.

    Raises:
        NotUnderstood: the graph ends in another way.
    """
    opset = max((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0)
    if opset < _OLDEST_OPSET:
        raise NotUnderstood(f"it is written in ONNX opset {opset}, older than {_OLDEST_OPSET}")
    if any(attribute.HasField("g") or attribute.graphs for node in model.graph.node for attribute in node.attribute):
        raise NotUnderstood("it has branches or loops")
    graph = _Index(model.graph)
    bias = 0.0
    node = graph.producer(graph.before_reshapes(score))
    if node is not None and node.op_type == "Add":
        added = [(graph.constant(name), other) for name, other in zip(node.input, reversed(node.input), strict=True)]
        constants = [(value, other) for value, other in added if value is not None and value.size == 1]
        if len(constants) == 1:
            bias = float(constants[0][0].reshape(-1)[0])
            node = graph.producer(constants[0][1])
    weight = None if node is None else _linear_weight(node, graph)
    if node is None or weight is None:
        raise NotUnderstood(f"the score does not come from a linear layer (but from {_operator(node)})")
    if len(node.input) == 3 and node.input[2]:
        own = graph.constant(node.input[2])
        if own is None or own.size != 1:
            raise NotUnderstood("the linear layer before the score has no constant bias")
        bias += float(own.reshape(-1)[0]) * _attribute(node, "beta", 1.0)
    pooled = graph.before_reshapes(node.input[0])
    pool = graph.producer(pooled)
    if pool is None or not _is_global_average(pool, graph):
        raise NotUnderstood(f"no global average pooling comes before its last layer (but {_operator(pool)})")
    shape = _shape_of(model, pool.input[0])
    if len(shape) != 4 or shape[1] != weight.size or min(shape[1:]) < 1:
        raise NotUnderstood("the size of its last feature map is not known")
    return Tail(pool.input[0], pooled, weight, bias, (shape[1], shape[2], shape[3]))


def _linear_weight(node: onnx.NodeProto, graph: _Index) -> NDArray[np.float32] | None:
    """(C,) weights of a linear layer with one output; None if the node is none."""
    if node.op_type not in ("Gemm", "MatMul", "Conv") or len(node.input) < 2:
        return None
    found = graph.constant(node.input[1])
    if found is None or found.dtype != np.float32:
        return None
    if node.op_type == "Conv":
        plain = found.ndim == 4 and found.shape[0] == 1 and found.shape[2:] == (1, 1)
        plain = (
            plain and not any(_attribute(node, "pads", [0])) and _attribute(node, "auto_pad", b"NOTSET") == b"NOTSET"
        )
        return found.reshape(-1) if plain else None
    outputs = found.shape[0] if _attribute(node, "transB", 0) else found.shape[-1]
    if found.ndim != 2 or outputs != 1 or _attribute(node, "transA", 0):
        return None
    return (found.reshape(-1) * np.float32(_attribute(node, "alpha", 1.0))).astype(np.float32)


def _is_global_average(node: onnx.NodeProto, graph: _Index) -> bool:
    if node.op_type == "GlobalAveragePool":
        return True
    if node.op_type != "ReduceMean":
        return False
    axes = _attribute(node, "axes", None)
    if axes is None and len(node.input) > 1:
        found = graph.constant(node.input[1])
        axes = None if found is None else found.tolist()
    return axes is not None and sorted(axis % 4 for axis in axes) == [2, 3]


def _shape_of(model: onnx.ModelProto, name: str) -> tuple[int, ...]:
    """Lengths that shape inference finds; 0 where it finds none."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        return ()
    for info in inferred.graph.value_info:
        if info.name == name:
            return tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
    return ()


def _operator(node: onnx.NodeProto | None) -> str:
    return "an input" if node is None else f"{node.op_type[:40]}"


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(item) for item in node.attribute if item.name == name), default)


def _inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are no weights; old files list weights among the inputs."""
    weights = {item.name for item in graph.initializer}
    return [item for item in graph.input if item.name not in weights]


class _Index:
    """Who makes which tensor, and which tensors are constants."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._producers = {name: node for node in graph.node for name in node.output}
        self._constants = {item.name: item for item in graph.initializer}

    def producer(self, name: str) -> onnx.NodeProto | None:
        return self._producers.get(name)

    def before_reshapes(self, name: str) -> str:
        """The tensor whose numbers these are, before they were arranged in another shape."""
        node = self.producer(name)
        while node is not None and node.op_type in _RESHAPES:
            name = node.input[0]
            node = self.producer(name)
        return name

    def constant(self, name: str) -> NDArray[Any] | None:
        name = self.before_reshapes(name) if self._is_identity(name) else name
        if name in self._constants:
            return numpy_helper.to_array(self._constants[name])
        node = self.producer(name)
        if node is None or node.op_type != "Constant":
            return None
        value = _attribute(node, "value", None)
        return numpy_helper.to_array(value) if isinstance(value, TensorProto) else None

    def _is_identity(self, name: str) -> bool:
        node = self.producer(name)
        return node is not None and node.op_type == "Identity"


@dataclass
class _Names:
    """Renames tensors of a graph, and finds names that are free."""

    graph: onnx.GraphProto
    _renamed: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """What a tensor is called by now."""
        while name in self._renamed:
            name = self._renamed[name]
        return name

    def make_room(self, name: str, *, keep: str) -> None:
        """Take a name away from whatever tensor bears it, unless that is `keep`, which is renamed later anyway."""
        if name in set(self._used()) and not (name == FEATURES and self.of(keep) == name):
            self.rename(name, self.new(f"{name}_inside"))

    def new(self, wish: str) -> str:
        """A name that nothing bears."""
        used, name, number = set(self._used()), f"popscore.{wish}", 1
        while name in used:
            name, number = f"popscore.{wish}.{number}", number + 1
        return name

    def rename(self, old: str, new: str) -> None:
        if old == new:
            return
        self._renamed[old] = new
        for node in self.graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == old:
                        names[place] = new
        for item in (*self.graph.initializer, *self.graph.input, *self.graph.output):
            if item.name == old:
                item.name = new

    def _used(self) -> Iterator[str]:
        for node in self.graph.node:
            yield from (*node.input, *node.output)
        yield from (item.name for item in (*self.graph.initializer, *self.graph.input, *self.graph.output))


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and weights that no output needs any more."""
    needed = {output.name for output in graph.output}
    pending = list(graph.node)
    producers = {name: node for node in pending for name in node.output}
    stack, seen = [*needed], set[int]()
    while stack:
        node = producers.get(stack.pop())
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        needed.update(node.input)
        stack.extend(node.input)
    kept = [node for node in pending if id(node) in seen]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    unused = {item.name for item in graph.initializer} - needed
    for items in (graph.initializer, graph.input):
        # By place: to remove a weight by itself, protobuf compares it with all that come before.
        for place in reversed([place for place, item in enumerate(items) if item.name in unused]):
            del items[place]
