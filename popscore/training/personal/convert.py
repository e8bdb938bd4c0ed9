"""Makes the networks for poses and outlines: a package of npm in, ONNX files out.

Get the package as `sources` says, then: python -m popscore.training.personal.convert FOLDER [OUT]
The same package gives the same files, byte by byte, with onnx 1.23.2. Needs: pip install onnx==1.23.2
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.files.atomic import replacing
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


def convert_all(folder: Path, models: Path = MODELS) -> None:
    """Write each network into a folder, and say its size and hash."""
    for source in SOURCES:
        content = converted(source, *source_bytes(source, folder))
        with replacing(models / f"{source.name}.onnx") as file:
            file.write(content)
        print(f"{source.name}.onnx {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def main(argv: list[str]) -> int:
    """Convert. Returns 0 when all is written, 2 when something is missing."""
    if not 1 <= len(argv) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        convert_all(Path(argv[0]), Path(argv[1]) if len(argv) == 2 else MODELS)
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
