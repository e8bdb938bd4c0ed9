"""Writes ONNX graphs node by node. Needs onnx and numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8  # of onnx 1.12: read by every onnxruntime since 1.12


class GraphWriter:
    """A graph as it grows: each node has one output, and is called as it.

    Attributes:
        nodes: in the order in which they run.
        constants: the fixed tensors.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A fixed tensor. 16-bit numbers are widened by a node, which onnxruntime runs once, when it loads."""
        narrow = value.dtype == np.float16
        stored = f"{name}.half" if narrow else name
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), stored))
        return self.node("Cast", [stored], name, to=TensorProto.FLOAT) if narrow else name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """One operator; returns the name of its output."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def clipped_to_6(self, source: str, output: str) -> str:
        """TensorFlow's ReLU6: from 0 to 6."""
        limits = [self.constant(f"{output}.{end}", np.array(end, np.float32)) for end in (0, 6)]
        return self.node("Clip", [source, *limits], output)

    def checked_model(
        self, given: onnx.ValueInfoProto, outputs: Sequence[onnx.ValueInfoProto], metadata: Mapping[str, str]
    ) -> onnx.ModelProto:
        """The graph with its input, outputs and metadata.

        Raises:
            onnx.checker.ValidationError: it is no ONNX model.
        """
        graph = helper.make_graph(self.nodes, "popscore", [given], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "popscore"
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model
