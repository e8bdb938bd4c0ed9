"""The command `explain`."""

from pathlib import Path

import numpy as np
import pytest
from commands import Run
from PIL import Image


def test_json(run: Run, cat: Path) -> None:
    found = run("explain", "--json", cat)
    assert (found.status, found.err) == (0, "")
    assert list(found.json) == ["model", "results", "errors"]
    (result,) = found.json["results"]
    assert np.mean(result["grid"]) + result["base"] == pytest.approx(result["score"], abs=1e-3)
    assert (result["method"], result["image"], result["file"]) == ("activation_map", None, str(cat))
    assert result["score"] == run("score", "--json", cat).json["results"][0]["score"]


def test_in_words(run: Run, cat: Path) -> None:
    found = run("explain", cat)
    lines = found.out.splitlines()
    assert found.status == 0 and lines[0] == run("score", cat).out.rstrip("\n")
    assert lines[1].startswith("Raises the score: ") and " +0." in lines[1]
    assert lines[2].startswith("Lowers the score: ")
    assert lines[3] == "2.96 of an average photo + 1.67 of its cells = 4.63."
    assert lines[4].startswith("The map has 8 x 8 cells")


@pytest.mark.parametrize("flags", [["--dark"], ["--method", "occlusion"]])
def test_picture(run: Run, tmp_path: Path, cat: Path, tiny_model: Path, flags: list[str]) -> None:
    target = tmp_path / "map.png"
    model = {"POPSCORE_MODEL_PATH": tiny_model} if "occlusion" in flags else {}  # one that is quick
    found = run("explain", "--json", "--out", target, *flags, cat, **model)
    assert found.status == 0 and found.json["results"][0]["image"] == str(target)
    with Image.open(target) as drawn:
        assert drawn.format == "PNG" and drawn.mode == "RGB"
        assert max(drawn.size) > 1000
        assert drawn.info == {"Software": "popscore explain"}
        assert drawn.getpixel((2, 2)) == ((17, 18, 23) if flags == ["--dark"] else (255, 255, 255))
    assert [path.name for path in tmp_path.iterdir()] == ["map.png"]


def test_its_own_picture_is_replaced_and_no_photo(run: Run, tmp_path: Path, cat: Path) -> None:
    target = tmp_path / "map.png"
    assert run("explain", "--out", target, cat).status == 0
    before = target.read_bytes()
    assert run("explain", "--out", target, "--dark", cat).status == 0
    assert target.read_bytes() != before
    photo = tmp_path / "photo.png"
    photo.write_bytes(cat.read_bytes())
    found = run("explain", "--out", photo, cat)
    assert found.status == 2 and "a photo is there" in found.err
    assert photo.read_bytes() == cat.read_bytes()


@pytest.mark.parametrize("name", ["map.jpg", "map", "folder.png", "missing/map.png"])
def test_targets_that_cannot_be(run: Run, tmp_path: Path, cat: Path, name: str) -> None:
    (tmp_path / "folder.png").mkdir()
    found = run("explain", "--json", "--out", tmp_path / name, cat)
    assert (found.status, found.out) == (2, "")
    assert "was not written" in found.err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_folder_that_is_a_file(run: Run, tmp_path: Path, cat: Path) -> None:
    (tmp_path / "file").write_text("here")
    found = run("explain", "--out", tmp_path / "file" / "map.png", cat)
    assert (found.status, found.out) == (2, "")
    assert "map.png was not written" in found.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
def test_a_full_disk(run: Run, cat: Path) -> None:
    found = run("explain", "--out", "/dev/full", cat)
    assert found.status == 2 and "was not written" in found.err


def test_bad_photo_and_bad_method(run: Run, tmp_path: Path, cat: Path, tiny_model: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    found = run("explain", "--json", tmp_path / "bad.jpg")
    assert found.status == 2 and found.json["errors"][0]["error"] == "UnreadableImage"
    assert run("explain", "--method", "gradcam", cat).status == 2
    found = run("explain", "--method", "activation_map", cat, POPSCORE_MODEL_PATH=tiny_model)
    assert (found.status, found.out) == (2, "") and "has no map of its own" in found.err
