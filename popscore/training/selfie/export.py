"""From a trained network to the graph of a model file of the kind selfie."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from popscore.models.loader import EMBEDDED_FILE
from popscore.models.metadata import own_values
from popscore.models.session import EMBEDDING_OUTPUT, FEATURES_OUTPUT, SCORE_OUTPUT
from popscore.training.appeal.export import GraphWriter


def convolutional_graph(network: Any, side: int, *, temperature: float) -> onnx.ModelProto:
    """The network of the seed as ONNX: input (N, 3, side, side), output (N,) log odds.

    Args:
        network: from `networks.convolutional`, trained.
        temperature: by which the log odds are divided.
    """
    graph, x = GraphWriter(), "input"
    *body, last = list(network)
    for layer in body:
        if isinstance(layer, nn.Conv2d):
            x = graph.node(
                "Conv", x, _of(graph, layer.weight), _of(graph, layer.bias), kernel_shape=[3, 3], pads=[1] * 4
            )
        elif isinstance(layer, nn.ELU):
            x = graph.node("Elu", x)
        elif isinstance(layer, nn.MaxPool2d):
            x = graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, nn.BatchNorm2d):
            given = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
            x = graph.node("BatchNormalization", x, *(_of(graph, value) for value in given), epsilon=layer.eps)
        elif isinstance(layer, nn.Flatten):
            x = graph.node("Flatten", x, axis=1)
        elif isinstance(layer, nn.Linear):
            x = graph.node("Gemm", x, _of(graph, layer.weight), _of(graph, layer.bias), transB=1)
        elif not isinstance(layer, nn.Dropout):
            raise TypeError(type(layer).__name__)
    weight, bias = _difference(last, temperature)
    x = graph.node("Gemm", x, graph.constant(weight), graph.constant(bias), transB=1)
    graph.node("Squeeze", x, graph.constant(np.array([1], np.int64)), output=SCORE_OUTPUT)
    return graph.model("popscore-selfie", {"input": ["N", 3, side, side]}, {SCORE_OUTPUT: ["N"]})


def head_graph(network: Any, *, temperature: float) -> onnx.ModelProto:
    """The embedded model up to its embedding, and the head in place of its own end.

    The head is one linear layer, so popscore finds a map for the score as it does for every such model.

    Args:
        network: from `networks.head`, trained.
        temperature: by which the log odds are divided.
    """
    model = onnx.load_from_string(embedded_content())
    standardised, _, last = list(network)
    weight, bias = _difference(last, temperature)
    mean = standardised.running_mean.double().numpy()
    std = np.sqrt(standardised.running_var.double().numpy() + standardised.eps)
    weight = weight / std
    bias = bias - weight @ mean
    graph = model.graph
    needed, kept = {EMBEDDING_OUTPUT, FEATURES_OUTPUT}, []
    for node in reversed(graph.node):  # in an ONNX file every node stands behind those that it needs
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    constants = [item for item in graph.initializer if item.name in needed]
    constants += [
        numpy_helper.from_array(value, name)
        for name, value in (
            ("selfie_weight", weight.astype(np.float32)),
            ("selfie_bias", bias.astype(np.float32)),
            ("selfie_axis", np.array([1], np.int64)),
        )
    ]
    nodes = [
        *reversed(kept),
        helper.make_node("Gemm", [EMBEDDING_OUTPUT, "selfie_weight", "selfie_bias"], ["selfie_score"], transB=1),
        helper.make_node("Squeeze", ["selfie_score", "selfie_axis"], [SCORE_OUTPUT]),
    ]
    outputs = {item.name: item for item in graph.output}
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "popscore-selfie",
            list(graph.input),
            [outputs[name] for name in (SCORE_OUTPUT, FEATURES_OUTPUT, EMBEDDING_OUTPUT)],
            constants,
        ),
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
        producer_name="popscore",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def embedded_content() -> bytes:
    """The file of the embedded model."""
    return Path(str(files("popscore.models").joinpath(EMBEDDED_FILE))).read_bytes()


def embedded_origins() -> Mapping[str, str]:
    """What the embedded model says about the networks that it was made of, for a model that is made of it."""
    model = onnx.load_from_string(embedded_content())
    values = own_values({item.key: item.value for item in model.metadata_props})
    return {name: values[name] for name in ("origins",) if name in values}


def _of(graph: GraphWriter, value: Any) -> str:
    return graph.constant(value.detach().numpy())


def _difference(last: Any, temperature: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The last layer of two outputs as one of one output, popular less not popular: weight (1, C), bias (1,)."""
    weight, bias = last.weight.detach().double().numpy(), last.bias.detach().double().numpy()
    return (weight[1:] - weight[:1]) / temperature, (bias[1:] - bias[:1]) / temperature
