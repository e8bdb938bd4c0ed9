"""`python -m popscore frames` as people and scripts use it."""

import json
import re
from pathlib import Path

import pytest
from commands import Run
from PIL import Image
from video_clips import Clip, make_clip

SIZE = (320, 240)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    scenes = [Image.open(photos[name]).convert("RGB").resize(SIZE) for name in ("cat", "coffee", "rocket")]
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make_clip(path, Clip(frames=150, size=SIZE), lambda index: scenes[index // 50])


def test_json(run: Run, film: Path, tmp_path: Path, tiny_model: Path) -> None:
    done = run("frames", film, "--json", "--top", 2, "--out", tmp_path / "out", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 0
    assert not done.err
    assert [result["rank"] for result in done.json["results"]] == [1, 2]
    for result in done.json["results"]:
        assert result["file"] == str(film)
        assert result["frame_index"] % 25 == 0
        assert result["time_s"] == result["frame_index"] / 25
        with Image.open(result["image"]) as image:
            assert image.size == SIZE
    assert Path(done.json["contact_sheet"]).is_file()
    assert done.json["errors"] == []


def test_text(run: Run, film: Path, tiny_model: Path) -> None:
    done = run("frames", film, "--every", 10, "--top", 3, POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 0
    lines = done.out.splitlines()
    assert len(lines) == 3
    row = re.compile(r" +\d  +-?\d+\.\d\d  (Excellent|Good|Fair|Poor) +0:00:0\d\.\d00  frame \d+")
    assert all(row.fullmatch(line) for line in lines), lines


def test_fast(run: Run, film: Path, tiny_model: Path) -> None:
    done = run("frames", film, "--fast", "--every", 2, "--json", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 0
    assert done.json["frames_scored"] < 40


def test_a_damaged_video_is_status_1(run: Run, film: Path, tmp_path: Path, tiny_model: Path) -> None:
    whole = film.read_bytes()
    moov = whole.index(b"moov") - 4
    damaged = bytearray(whole)
    damaged[moov - 2000 : moov - 1000] = b"\xaa" * 1000
    (tmp_path / "bad.mp4").write_bytes(damaged)
    done = run("frames", tmp_path / "bad.mp4", "--json", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 1
    assert done.json["results"]
    assert done.json["errors"][0]["error"] == "UnreadableVideo"
    assert "bad.mp4 is damaged: what could be decoded was used." in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.mp4"], "missing.mp4 could not be read: there is no such file."),
        ([__file__], "it is not a video, or of a rare kind."),
        (["clip.mp4", "--every", "0"], "is not a whole number above 0"),
        (["clip.mp4", "--top", "many"], "is not a whole number above 0"),
        ([], "the following arguments are required: VIDEO"),
    ],
)
def test_nothing_done_is_status_2(run: Run, tiny_model: Path, arguments: list[str], words: str) -> None:
    done = run("frames", *arguments, POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 2
    assert words in done.err
    assert not done.out


def test_a_black_video_is_status_2_and_says_why(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    path = make_clip(tmp_path / "black.mp4", Clip(frames=30, size=SIZE), lambda _: Image.new("RGB", SIZE))
    done = run("frames", path, "--json", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 2
    assert done.json["results"] == []
    assert "No frame is good enough: all 2 are almost black." in done.err
    assert json.loads(done.out)["notices"]


def test_other_commands_do_not_pay_for_videos(run: Run) -> None:
    done = run(code="import sys, popscore.cli.entry; print(sorted({'av', 'popscore.video'} & set(sys.modules)))")
    assert done.out == "[]\n"
