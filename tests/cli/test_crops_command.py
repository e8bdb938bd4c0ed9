"""The command `crops`."""

from pathlib import Path

import pytest
from commands import Run
from PIL import Image


def test_json(run: Run, cat: Path) -> None:
    found = run("crops", cat, "--json")
    assert (found.status, found.err) == (0, "")
    assert list(found.json) == ["model", "results", "errors"]
    assert [crop["aspect"] for crop in found.json["results"]] == ["1:1", "4:5", "9:16", "1.91:1", "free"]
    first = found.json["results"][0]
    assert set(first) >= {"file", "score", "aspect", "box", "score_before", "gain", "noise", "reason", "image"}
    assert first["box"][2] - first["box"][0] == first["box"][3] - first["box"][1] == 300
    assert (first["file"], first["image"], first["width"], first["height"]) == (str(cat), None, 451, 300)


def test_in_words(run: Run, cat: Path, tmp_path: Path) -> None:
    found = run("crops", cat, "--aspect", "1:1", "free", "--out", tmp_path / "crops")
    assert found.status == 0
    assert len(found.out.splitlines()) == 4
    assert "largest 1:1 that fits" in found.out
    assert str(tmp_path / "crops" / "chelsea_crop_1x1.png") in found.out
    with Image.open(tmp_path / "crops" / "chelsea_crop_1x1.png") as image:
        assert image.size == (300, 300)


@pytest.mark.parametrize("aspect", ["0:1", "abc", "1:99", "nan:1", ""])
def test_no_shape(run: Run, cat: Path, tmp_path: Path, aspect: str) -> None:
    found = run("crops", cat, "--aspect", "1:1", aspect, "--out", tmp_path / "crops", "--json")
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith("popscore: The aspect ")
    assert not (tmp_path / "crops").exists()


def test_a_folder_that_is_a_file(run: Run, cat: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    found = run("crops", cat, "--out", tmp_path / "file")
    assert (found.status, found.out) == (2, "")
    assert (tmp_path / "file").read_text() == "mine"


def test_bad_photos(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    assert run("crops", tmp_path / "bad.jpg").status == 2
    Image.new("RGB", (1, 5000)).save(tmp_path / "line.png")
    found = run("crops", tmp_path / "line.png", "--json")
    assert found.status == 1
    assert [crop["aspect"] for crop in found.json["results"]] == ["free"]
    assert len(found.json["errors"]) == 4
    assert run("crops", tmp_path / "line.png", "--aspect", "1:1").status == 2


def test_it_needs_a_photo(run: Run) -> None:
    assert run("crops").status == 2
    assert run("crops", "--help").out.startswith("usage: popscore crops [-h] PHOTO")
