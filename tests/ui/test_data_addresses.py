"""Files that are written in their address: strictly base64, and within the limit before anything is decoded."""

import base64
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from popscore.ui.kit.data_addresses import is_data_address, written_in

LIMIT = 3_000_000


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


def written(content: bytes, head: str = "data:image/png;base64,") -> str:
    return head + base64.b64encode(content).decode()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 786_431, 786_432, 786_433, LIMIT - 1, LIMIT])
def test_what_is_written_comes_out(uploads: Path, size: int) -> None:
    content = bytes(number % 251 for number in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    found = written_in(written(content), thing="photo", max_bytes=LIMIT)
    assert found.location.read_bytes() == content
    assert found.location.is_relative_to(uploads) and found.name == "photo.png"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("data:image/jpeg;base64,", "photo.jpeg"),
        ("DATA:IMAGE/PNG;BASE64,", "photo.png"),
        ("data:image/svg+xml;base64,", "photo"),
        ("data:application/octet-stream;base64,", "photo"),
        ("data:;base64,", "photo"),
        ("data:image/png;charset=utf-8;base64,", "photo.png"),
    ],
)
def test_heads(head: str, name: str) -> None:
    assert is_data_address(head)
    assert written_in(written(b"photo", head), thing="photo", max_bytes=LIMIT).name == name


@pytest.mark.parametrize("more", [1, 2, 3, 1000])
def test_more_than_the_limit_is_not_decoded(uploads: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    address = written(b"x" * (LIMIT + more))

    def decode(*_: Any, **__: Any) -> bytes:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("base64.b64decode", decode)
    with pytest.raises(gr.Error, match="too large: the limit is 3 MB"):
        written_in(address, thing="photo", max_bytes=LIMIT)
    assert not list(uploads.rglob("*"))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("data:", "does not begin like"),
        ("data:,hello", "does not begin like"),
        ("data:image/png,iVBORw0KGgo=", "does not begin like"),
        ("data:image/png;base64", "does not begin like"),
        ("data:../../etc;base64,QUJD", "does not begin like"),
        ("data:image/png;" + "a=b;" * 100_000 + "base64,QUJD", "does not begin like"),
        ("data:image/png;base64,", "nothing comes after"),
        ("data:image/png;base64,QUJ", "cut off"),
        ("data:image/png;base64,QUJDR", "cut off"),
        ("data:image/png;base64,Q===", "cut off"),
        ("data:image/png;base64,QQ==QUJD", "cut off"),
        ("data:image/png;base64,====", "cut off"),
        ("data:image/png;base64,QU-_", "letters that are no base64"),
        ("data:image/png;base64,QU D", "letters that are no base64"),
        ("data:image/png;base64,QUJD\nQUJDQUJ", "letters that are no base64"),
        ("data:image/png;base64,Q%3D", "letters that are no base64"),
        ("data:image/png;base64,Äabc", "letters that are no base64"),
        ("data:image/png;base64," + "QUJD" * 600_000 + "QU!D", "letters that are no base64"),
    ],
)
def test_what_is_not_written_rightly(uploads: Path, address: str, reason: str) -> None:
    with pytest.raises(gr.Error, match=reason) as found:
        written_in(address, thing="photo", max_bytes=LIMIT)
    assert "could not be read" in str(found.value.message) and len(str(found.value.message)) < 300
    assert not list(uploads.rglob("*"))
