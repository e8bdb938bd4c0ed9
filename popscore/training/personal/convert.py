"""Makes the networks for poses and outlines: a package of npm in, ONNX files out.

Get the package as `sources` says, then: python -m popscore.training.personal.convert FOLDER [OUT]
The same package gives the same files, byte by byte, with onnx 1.23.2. Needs: pip install onnx==1.23.2
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from popscore.training import network_files
from popscore.training.errors import require
from popscore.training.personal.sources import PACKAGE, SOURCES, Source, source_bytes

PURPOSE = "Converting the networks for poses"
MODELS = Path(__file__).parents[2] / "personal" / "models"


def converted(source: Source, graph: bytes, weights: bytes) -> bytes:
    """The network as an ONNX file.

    Raises:
        ToolMissing: onnx is not installed.
        ConversionRefused: the files are not what is expected.
    """
    require("onnx", purpose=PURPOSE)
    from popscore.training.personal.tfjs_graph import tfjs_to_onnx

    metadata = {
        "source": f"{PACKAGE} {source.graph}",
        "source_sha256": source.weights_sha256,
        "licence": source.licence,
    }
    model = tfjs_to_onnx(graph, weights, side=source.side, outputs=source.outputs, metadata=metadata)
    return bytes(model.SerializeToString(deterministic=True))


def made(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The name of each network, and its file, from the folder with the archive."""
    for source in SOURCES:
        yield source.name, converted(source, *source_bytes(source, folder))


def main(argv: Sequence[str]) -> int:
    """Convert. Returns 0 when all is written, 2 when something is missing."""
    return network_files.run(argv, usage=__doc__, make=made, models=MODELS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
