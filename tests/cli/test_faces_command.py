"""The command `faces`, as a person calls it."""

import json
import shutil
from pathlib import Path

import pytest
from commands import Run
from PIL import Image


def test_a_line_for_each_photo_and_each_face(run: Run, photos: dict[str, Path]) -> None:
    done = run("faces", str(photos["astronaut"]), str(photos["coffee"]))
    assert done.status == 0
    first, face, second = done.out.splitlines()
    assert first == f"{photos['astronaut']}: 1 face"
    assert "eyes open" in face
    assert "happy" in face
    assert second == f"{photos['coffee']}: no faces"


def test_one_json_document(run: Run, photos: dict[str, Path]) -> None:
    done = run("faces", "--json", str(photos["astronaut"]), "nothing.jpg")
    assert done.status == 1
    document = json.loads(done.out)
    assert set(document) == {"model", "results", "errors"}
    assert document["model"]["kind"] == "faces"
    (result,) = document["results"]
    assert result["file"] == str(photos["astronaut"])
    assert result["faces"][0]["eyes"] == {"left": "open", "right": "open"}
    assert document["errors"][0]["error"] == "UnreadableImage"
    assert "nothing.jpg" in done.err


def test_no_readable_photo_is_status_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    done = run("faces", str(tmp_path / "empty.jpg"))
    assert done.status == 2
    assert "Traceback" not in done.err


def test_a_picture_with_frames(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "framed.png"
    assert run("faces", str(photos["astronaut"]), "--out", str(target)).status == 0
    with Image.open(target) as framed, Image.open(photos["astronaut"]) as photo:
        assert framed.size == photo.size
        changed = [(x, y) for x in range(512) for y in (120,) if framed.getpixel((x, y)) != photo.getpixel((x, y))]
    assert min(changed)[0] in range(165, 180)
    assert max(changed)[0] in range(270, 285)


def test_a_folder_for_several_photos_of_one_name(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        shutil.copy(photos["coffee"], folder / "a.png")
    given = [str(tmp_path / "a.png"), str(tmp_path / "other" / "a.png")]
    for _ in range(2):  # the second time they are replaced
        assert run("faces", *given, "--out", str(tmp_path / "out")).status == 0
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a 2 faces.png", "a faces.png"]


@pytest.mark.parametrize(
    ("out", "said"),
    [("a.gif", "ends in none of"), ("photo.png", "a photo is there"), ("missing/a.png", "there is no folder")],
)
def test_a_target_that_cannot_be_is_refused_before_any_work(
    run: Run, photos: dict[str, Path], tmp_path: Path, out: str, said: str
) -> None:
    shutil.copy(photos["coffee"], tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    done = run("faces", str(photos["astronaut"]), "--out", str(tmp_path / out))
    assert done.status == 2
    assert said in done.err
    assert done.out == ""
    assert (tmp_path / "photo.png").read_bytes() == before


def test_a_folder_that_is_a_file_is_refused(run: Run, photos: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = run("faces", str(photos["astronaut"]), str(photos["coffee"]), "--out", str(tmp_path / "out"))
    assert done.status == 2
    assert (tmp_path / "out").read_text() == "a file"
    assert "Traceback" not in done.err


def test_a_picture_that_cannot_be_written_is_an_error_beside_the_faces(
    run: Run, photos: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "astronaut faces.png").mkdir()  # stands in the way
    done = run("faces", "--json", photos["astronaut"], "--out", tmp_path)
    assert done.status == 1
    assert len(done.json["results"]) == 1
    assert done.json["errors"][0]["error"] == "ExportFailed"
