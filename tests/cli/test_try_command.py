"""The command `try`."""

from pathlib import Path

import pytest
from commands import Run
from photos import picture, saved
from PIL import ExifTags, Image

import popscore
from popscore.photos.decode import read_photo
from popscore.settings import Settings


@pytest.fixture
def dark(tmp_path: Path, cat: Path) -> Path:
    """A photo that is too dark, with a place; more light gains."""
    exif = Image.Exif()
    exif[0x0110] = "Phone 9"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 51.0, 30.0)})
    path = tmp_path / "dark.jpg"
    pixels = read_photo(cat).pixels.point([round(0.12 * value) for value in range(256)] * 3)
    path.write_bytes(saved(pixels, "JPEG", quality=95, exif=exif))
    return path


def test_json_and_saved_photos(run: Run, dark: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    found = run("try", "--json", dark, "--out", out)
    assert (found.status, found.err) == (0, "")
    document = found.json
    assert document["complete"] is True and len(document["trials"]) >= 15 and document["errors"] == []
    assert document["results"], "no edit gains on a dark photo"
    scorer = popscore.load_scorer(Settings())
    for row in document["results"]:
        assert set(row) == {"file", "edit", "strength", "score", "gain", "words", "score_before", "image"}
        assert row["gain"] == pytest.approx(row["score"] - row["score_before"], abs=2e-4)
        assert row["gain"] > document["noise"]
        image = Image.open(row["image"])
        assert image.size == (451, 300) and image.getexif()[0x0110] == "Phone 9"
        assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        # JPEG loses a little, by far less than the noise.
        assert scorer.score(row["image"]).score == pytest.approx(row["score"], abs=0.5 * document["noise"])
    assert {path.name for path in out.iterdir()} == {Path(row["image"]).name for row in document["results"]}
    again = run("try", "--json", dark, "--out", out, "--keep-location")
    assert again.status == 0
    assert Image.open(again.json["results"][0]["image"]).getexif().get_ifd(ExifTags.IFD.GPSInfo)


def test_in_words(run: Run, dark: Path) -> None:
    found = run("try", dark)
    assert found.status == 0
    lines = found.out.splitlines()
    assert lines[0].endswith("  as it is") and lines[1].split()[1].startswith("+")
    assert "the model's taste" in lines[-1]
    assert list(dark.parent.glob("dark_*")) == []


def test_nothing_gains(run: Run, cat: Path, tiny_model: Path) -> None:
    found = run("try", cat, POPSCORE_MODEL_PATH=tiny_model)
    assert found.status == 0
    assert "no more than the model's noise" in found.out.splitlines()[-1]
    document = run("try", "--json", cat, POPSCORE_MODEL_PATH=tiny_model).json
    assert document["results"] == [] and len(document["trials"]) >= 15


def test_a_picture_with_a_warning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "black.png").write_bytes(saved(Image.new("RGB", (300, 200)), "PNG"))
    found = run("try", tmp_path / "black.png")
    assert found.status == 0 and "means nothing" in found.out


def test_what_cannot_be_done(run: Run, tmp_path: Path, cat: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    found = run("try", cat, "--out", tmp_path / "file")
    assert found.status == 2 and "was not written" in found.err
    assert run("try", tmp_path / "none.jpg").status == 2
    assert run("try").status == 2
    (tmp_path / "strip.png").write_bytes(saved(picture(1, 5000), "PNG"))
    assert run("try", tmp_path / "strip.png").status == 0
