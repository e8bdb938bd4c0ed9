"""What the appeal model looks at: pooled features of several depths of two networks, as one ONNX graph.

Top features (the embedding) say what is in the photo and how it looks; they come from layers that share one grid, so
that every score can be explained by positions. Low features (early layers of EfficientNet-Lite2: means and one set of
deviations) say whether the photo is blurred, noisy, broken, dark or washed out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from popscore.training.appeal.backbones import LITE2, NIMA, Block
from popscore.training.appeal.data import squash
from popscore.training.appeal.export import GraphWriter

SIDE_PX = 240  # the largest multiple of 16 whose cost stays under half a ResNet-50; both grids end as 8 x 8
GRID = -(-SIDE_PX // 32)
LITE2_DEPTHS = (22, 20, 21)  # blocks whose output is part of the embedding; 22 is the last
NIMA_DEPTHS = (24, 26)  # 26 is the last
LOW_DEPTHS = (7, 11, 15)  # of Lite2, for the quality check
LITE2_KEPT, NIMA_KEPT = 640, 256  # channels kept of the two last convolutions, for the size of the file
# Parts of the embedding: channels, weight in the distance between photos, and whether a ReLU6 comes last.
PARTS = (
    (LITE2_KEPT, 1.0, True), (208, 1.0, False), (352, 0.7, False), (1024, 1.0, True), (NIMA_KEPT, 0.7, True),
)  # fmt: skip
LOW_PARTS = ((48, 1.0, False), (48, 1.0, False), (88, 1.0, False), (120, 1.0, False))

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Trunk:
    """The two networks, cut to the layers that are used."""

    lite2: list[Block]
    nima: list[Block]

    def pruned(self, lite2_channels: NDArray[np.intp], nima_channels: NDArray[np.intp]) -> Trunk:
        """Keep these channels of the last convolution of each network."""
        return Trunk(
            [*self.lite2[:-1], Block((self.lite2[-1].convolutions[0].only(lite2_channels),))],
            [*self.nima[:-1], Block((self.nima[-1].convolutions[0].only(nima_channels),))],
        )


def write_trunk(graph: GraphWriter, trunk: Trunk) -> tuple[str, str]:
    """Names of the feature map (N, C, 8, 8) and of the low features (N, 304); reads `input`, Lite2's normalisation."""
    lite2 = graph.chain("input", trunk.lite2, SIDE_PX)
    gain, shift = LITE2.std / NIMA.std, (LITE2.mean - NIMA.mean) / NIMA.std
    other = graph.node("Mul", "input", graph.constant(np.float32(gain)))
    nima = graph.chain(graph.node("Add", other, graph.constant(np.float32(shift))), trunk.nima, SIDE_PX)
    maps = [lite2[depth][0] for depth in LITE2_DEPTHS] + [nima[depth][0] for depth in NIMA_DEPTHS]
    features = graph.node("Concat", *maps, output="features", axis=1)
    means = [graph.pooled(lite2[depth][0]) for depth in LOW_DEPTHS]
    first = lite2[LOW_DEPTHS[0]][0]
    squares = graph.pooled(graph.node("Mul", first, first))
    variance = graph.node("Sub", squares, graph.node("Mul", means[0], means[0]))
    deviation = graph.node("Sqrt", graph.node("Max", variance, graph.zero))
    low = graph.node("Concat", means[0], deviation, *means[1:], axis=1)
    return features, low


class FeatureReader:
    """Runs the trunk, with the rounded weights that ship, in onnxruntime: faster than a training library."""

    def __init__(self, trunk: Trunk, *, threads: int) -> None:
        graph = GraphWriter()
        features, low = write_trunk(graph, trunk)
        graph.node("Flatten", graph.node("GlobalAveragePool", features), output="embedding", axis=1)
        graph.node("Identity", low, output="low")
        model = graph.model(
            "trunk", {"input": ["N", 3, SIDE_PX, SIDE_PX]}, {"embedding": ["N", "C"], "low": ["N", "L"]}
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def read(self, photos: Iterable[Image.Image]) -> tuple[Features, Features]:
        """Embeddings (N, C) and low features (N, 304)."""
        rows = [self._session.run(["embedding", "low"], {"input": model_input(photo)[None]}) for photo in photos]
        embeddings, low = zip(*rows, strict=True)
        return np.concatenate(embeddings), np.concatenate(low)


def model_input(photo: Image.Image) -> Features:
    """(3, S, S) of the whole photo, normalised as the model's metadata say."""
    pixels = squash(photo, SIDE_PX).astype(np.float32) / 255
    return np.asarray((pixels - LITE2.mean) / LITE2.std, dtype=np.float32)


def most_varied(values: Features, keep: int) -> NDArray[np.intp]:
    """The columns of (N, C) that vary most, in their order. No rating is looked at."""
    order: NDArray[np.intp] = np.argsort(-values.std(axis=0), kind="stable")
    return np.sort(order[:keep])
