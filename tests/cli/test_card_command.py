"""The command `card`."""

from pathlib import Path

import pytest
from commands import Run
from PIL import Image


def test_json(run: Run, cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "card.png"
    found = run("card", "--json", cat, "--out", out)
    assert (found.status, found.err) == (0, "")
    (row,) = found.json["results"]
    assert row["image"] == str(out) and row["file"] == str(cat)
    assert row["score"] == pytest.approx(run("score", "--json", cat).json["results"][0]["score"], abs=1e-3)
    assert Image.open(out).size == (1080, 1350)


def test_in_words(run: Run, cat: Path, tmp_path: Path) -> None:
    assert run("card", cat, "--out", tmp_path / "card.PNG").out == f"{tmp_path / 'card.PNG'}\n"


@pytest.mark.parametrize(
    ("out", "reason"),
    [("card.jpg", r"Name a .png file"), ("none/card.png", "there is no folder"), ("folder.png", "it is a folder")],
)
def test_where_it_cannot_be_written(run: Run, cat: Path, tmp_path: Path, out: str, reason: str) -> None:
    (tmp_path / "folder.png").mkdir()
    found = run("card", cat, "--out", tmp_path / out)
    assert found.status == 2 and reason in found.err and found.out == ""


def test_a_photo_is_not_replaced(run: Run, cat: Path, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(cat.read_bytes())
    found = run("card", cat, "--out", tmp_path / "cat.png")
    assert found.status == 2 and "a photo is there" in found.err
    assert (tmp_path / "cat.png").read_bytes() == cat.read_bytes()


def test_what_cannot_be_read(run: Run, tmp_path: Path) -> None:
    assert run("card", tmp_path / "none.jpg", "--out", tmp_path / "card.png").status == 2
    assert run("card", tmp_path / "none.jpg").status == 2
