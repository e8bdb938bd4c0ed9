"""Reads a TensorFlow Lite file: its tensors and its operators, in order. Needs flatbuffers and numpy alone.

Only what the networks of `sources` use. Field numbers: TensorFlow 2.18,
tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers.encode
import flatbuffers.number_types as kinds
import numpy as np
from flatbuffers.table import Table as _FlatTable
from numpy.typing import NDArray

from popscore.training.errors import ConversionRefused

OPERATORS = {
    0: "ADD", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 5: "DEPTH_TO_SPACE", 6: "DEQUANTIZE",
    17: "MAX_POOL_2D", 19: "RELU", 22: "RESHAPE", 23: "RESIZE_BILINEAR", 34: "PAD", 54: "PRELU", 124: "DENSIFY",
}  # fmt: skip
_TYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.float16, 2: np.int32}
# Of a sparse tensor: how the numbers of an index are stored (SparseIndexVector).
_INDEX_TYPES: dict[int, type[np.generic]] = {1: np.int32, 2: np.uint16, 3: np.uint8}


class Table:
    """A table of the file, whose fields are asked for by number."""

    def __init__(self, content: bytes, at: int) -> None:
        self._table = _FlatTable(content, at)

    def _at(self, number: int) -> int:
        return int(self._table.Offset(4 + 2 * number))

    def number(self, field_number: int, kind: Any = kinds.Int32Flags, default: int = 0) -> int:
        """A whole number."""
        at = self._at(field_number)
        return int(self._table.Get(kind, at + self._table.Pos)) if at else default

    def byte(self, field_number: int) -> int:
        """A number, or a name of a list, that takes one byte."""
        return self.number(field_number, kinds.Int8Flags)

    def truth(self, field_number: int) -> bool:
        """A yes or no."""
        return bool(self.number(field_number, kinds.BoolFlags))

    def text(self, field_number: int) -> str:
        """A name."""
        at = self._at(field_number)
        return bytes(self._table.String(at + self._table.Pos)).decode() if at else ""

    def numbers(self, field_number: int, dtype: type[np.generic] = np.int32) -> NDArray[Any]:
        """A list of numbers; empty where the field is missing."""
        at = self._at(field_number)
        if not at:
            return np.empty(0, dtype)
        length, start = self._table.VectorLen(at), self._table.Vector(at)
        return np.frombuffer(self._table.Bytes, dtype, count=length, offset=start)

    def table(self, field_number: int) -> Table | None:
        """A table within the table."""
        at = self._at(field_number)
        return Table(self._table.Bytes, self._table.Indirect(at + self._table.Pos)) if at else None

    def tables(self, field_number: int) -> list[Table]:
        """A list of tables."""
        at = self._at(field_number)
        if not at:
            return []
        start = self._table.Vector(at)
        return [
            Table(self._table.Bytes, self._table.Indirect(start + 4 * index))
            for index in range(self._table.VectorLen(at))
        ]

    def union(self, field_number: int) -> Table:
        """A table whose kind another field tells."""
        found = self.table(field_number)
        if found is None:
            raise ConversionRefused(f"The file has no table in field {field_number}.")
        return found


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of the graph; `value` is None where it is computed."""

    name: str
    shape: tuple[int, ...]
    value: NDArray[Any] | None


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A step: what it does to the tensors of these numbers, and its options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A network: tensors by number, operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(content: bytes) -> Graph:
    """The only graph of a file.

    Raises:
        ConversionRefused: it is not a TensorFlow Lite file, or uses an operator or a number type not listed here.
    """
    if content[4:8] != b"TFL3":
        raise ConversionRefused("This is not a TensorFlow Lite file. Take it from the package again.")
    root = Table(content, flatbuffers.encode.Get(kinds.UOffsetTFlags.packer_type, content, 0))
    codes, (graph,), buffers = root.tables(1), root.tables(2), root.tables(4)
    names = []
    for code in codes:
        number = max(code.byte(0), code.number(3))
        if number not in OPERATORS:
            raise ConversionRefused(f"Operator {number} ({code.text(1)}) is not one that popscore converts.")
        names.append(OPERATORS[number])
    return Graph(
        tensors=tuple(_tensor(tensor, buffers) for tensor in graph.tables(0)),
        operators=tuple(
            Operator(
                name=names[step.number(0)],
                inputs=tuple(map(int, step.numbers(1))),
                outputs=tuple(map(int, step.numbers(2))),
                options=step.table(4),
            )
            for step in graph.tables(3)
        ),
        inputs=tuple(map(int, graph.numbers(1))),
        outputs=tuple(map(int, graph.numbers(2))),
    )


def _tensor(tensor: Table, buffers: list[Table]) -> Tensor:
    shape = tuple(map(int, tensor.numbers(0)))
    if tensor.byte(1) not in _TYPES:
        raise ConversionRefused(f"Tensor {tensor.text(3)} has numbers of type {tensor.byte(1)}, not converted here.")
    value: NDArray[Any] | None = buffers[tensor.number(2)].numbers(0, np.uint8).view(_TYPES[tensor.byte(1)])
    sparsity = tensor.table(6)
    if value is not None and not value.size:
        value = None
    elif value is not None:
        value = value.reshape(shape) if sparsity is None else _dense(sparsity, value, shape)
    return Tensor(name=tensor.text(3), shape=shape, value=value)


def _dense(sparsity: Table, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A sparse tensor written out. Dimensions beyond the shape's own are the parts of blocks."""
    order, blocks = sparsity.numbers(0), sparsity.numbers(1)
    # One array of coordinates per level, each as long as there are prefixes so far.
    places: list[NDArray[np.int64]] = []
    prefixes = np.zeros(1, np.int64)  # the number of each entry of the level above
    sizes = []
    for level in sparsity.tables(2):
        if level.byte(0) == 0:  # dense
            size = level.number(1)
            places = [np.repeat(place, size) for place in places]
            places.append(np.tile(np.arange(size), len(prefixes)))
            prefixes = np.arange(len(prefixes) * size)
            sizes.append(size)
            continue
        segments = level.union(3).numbers(0, _INDEX_TYPES[level.byte(2)]).astype(np.int64)
        indices = level.union(5).numbers(0, _INDEX_TYPES[level.byte(4)]).astype(np.int64)
        counts = np.diff(segments)
        places = [np.repeat(place, counts) for place in places]
        places.append(indices)
        prefixes = np.arange(len(indices))
        sizes.append(0)
    rank = len(shape)
    found = [np.zeros(len(values), np.int64) for _ in shape]
    for level_number, dimension in enumerate(order):
        if dimension < rank:
            found[dimension] += places[level_number] * _block_size(dimension, blocks, sizes, order, rank)
        else:
            found[blocks[dimension - rank]] += places[level_number]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(found)] = values
    return dense


def _block_size(dimension: int, blocks: NDArray[Any], sizes: list[int], order: NDArray[Any], rank: int) -> int:
    for number, blocked in enumerate(blocks):
        if blocked == dimension:
            return sizes[list(order).index(rank + number)]
    return 1
