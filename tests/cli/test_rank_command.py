"""`popscore rank` and `popscore cache`: what a person sees, what a script gets, and what is left behind."""

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import MappingProxyType

import pytest
from commands import Finished, Run, environment
from onnx_files import METADATA, tiny
from PIL import Image, ImageFilter
from shots import blinking

import popscore
from popscore.cli.entry import main
from popscore.photos.find import find_photos

TINY = MappingProxyType({"POPSCORE_MODEL_PATH": "tiny.onnx"})
GRAY = {"bright": 250, "middle": 128, "dark": 10}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model, and in `g` three photos, bright, middle and dark, three broken ones and a text."""
    (tmp_path / "tiny.onnx").write_bytes(tiny())
    gallery = tmp_path / "g"
    gallery.mkdir()
    for name, value in GRAY.items():
        Image.new("RGB", (60, 40), (value,) * 3).save(gallery / f"{name}.png")
    torn = (gallery / "dark.png").read_bytes()[:60]
    for name, content in (("broken.jpg", b"no photo"), ("torn.png", torn), ("empty.jpg", b"")):
        (gallery / name).write_bytes(content)
    (gallery / "notes.txt").write_text("notes")
    return tmp_path


@pytest.fixture
def good(folder: Path) -> Path:
    """The same without what is broken."""
    for name in ("broken.jpg", "torn.png", "empty.jpg", "notes.txt"):
        (folder / "g" / name).unlink()
    return folder


def files_of(found: Finished) -> list[str]:
    return [photo["file"] for photo in found.json["results"]]


# --- JSON --------------------------------------------------------------------------------------------


def test_json(run: Run, good: Path) -> None:
    """The shape that CONTRACT.md promises."""
    found = run("rank", "--json", "g", cwd=good, **TINY)
    assert (found.status, found.err) == (0, "")
    document = found.json
    assert list(document)[:3] == ["model", "results", "errors"]
    assert files_of(found) == ["g/bright.png", "g/middle.png", "g/dark.png"]
    assert [photo["rank"] for photo in document["results"]] == [1, 2, 3]
    first, second, last = document["results"]
    assert list(first)[:9] == ["file", "rank", "score", "percentile", "label", "color", "width", "height", "gap"]
    assert first["gap"] == pytest.approx(first["score"] - second["score"], abs=2e-4) and last["gap"] is None
    assert "group" not in first


def test_groups_in_json(run: Run, good: Path, cat: Path) -> None:
    image = Image.open(cat)
    image.save(good / "g" / "cat.png")
    image.filter(ImageFilter.GaussianBlur(1)).save(good / "g" / "cat2.jpg")
    results = run("rank", "--json", "--group-similar", "g", cwd=good, **TINY).json["results"]
    group = {photo["file"]: (photo["group"], photo["group_best"]) for photo in results}
    assert group["g/cat.png"][0] == group["g/cat2.jpg"][0] != group["g/dark.png"][0]
    assert {group["g/cat.png"][1], group["g/cat2.jpg"][1]} == {True, False}


def test_three_good_and_three_broken(run: Run, folder: Path) -> None:
    found = run("rank", "--json", "g", cwd=folder, **TINY)
    assert found.status == 1 and len(found.json["results"]) == 3
    assert [(error["file"], error["error"]) for error in found.json["errors"]] == [
        ("g/broken.jpg", "UnreadableImage"),
        ("g/empty.jpg", "UnreadableImage"),
        ("g/torn.png", "UnreadableImage"),
    ]
    assert found.err.splitlines()[0] == "popscore: Left out: 1 file that is not a photo."
    assert [line.removeprefix("popscore: ") for line in found.err.splitlines()[1:]] == [
        f"g/{error['message']}" for error in found.json["errors"]
    ]


def test_a_folder_without_photos(run: Run, folder: Path) -> None:
    (folder / "none" / "sub").mkdir(parents=True)
    (folder / "none" / "notes.txt").write_text("x")
    found = run("rank", "--json", "none", cwd=folder, **TINY)
    assert (found.status, found.json["results"]) == (2, [])
    assert [(error["file"], error["error"]) for error in found.json["errors"]] == [("none", "NoPhotosFound")]
    assert "popscore: There are no photos in none: " in found.err
    text = run("rank", "none", "*.gif", "--csv", "out.csv", "--zip", "out.zip", "--xmp", cwd=folder, **TINY)
    assert (text.status, text.out) == (2, "") and "No file matches *.gif" in text.err
    assert not list(folder.glob("out.*"))
    both = run("rank", "none", "g/dark.png", cwd=folder, **TINY)
    assert both.status == 1 and "dark.png" in both.out and "no photos in none" in both.err


def test_two_broken_files_of_one_name_are_told_apart(run: Run, good: Path) -> None:
    for place in ("g/a", "g/b"):
        (good / place).mkdir()
        (good / place / "x.jpg").write_bytes(b"no photo")
    err = run("rank", "g", cwd=good, **TINY).err
    assert "popscore: g/a/x.jpg could not be read" in err and "popscore: g/b/x.jpg could not be read" in err


def test_missing_vanished_and_impossible_paths(run: Run, good: Path) -> None:
    (good / "g" / "gone.jpg").symlink_to("nowhere")
    found = run("rank", "--json", "g", "missing.jpg", "/dev/null", "x" * 3000, cwd=good, **TINY)
    assert found.status == 1 and len(found.json["results"]) == 3
    assert [error["file"] for error in found.json["errors"]] == ["g/gone.jpg", "missing.jpg", "/dev/null", "x" * 3000]


def test_a_photo_that_vanishes_meanwhile(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(good)
    scorer = popscore.load_scorer(popscore.Settings(model_path=Path("tiny.onnx")))
    photos = find_photos(["g"]).photos
    Path("g/middle.png").unlink()
    ranking = popscore.rank_images(photos, scorer=scorer)
    assert [photo.file for photo in ranking.results] == ["g/bright.png", "g/dark.png"]
    assert [error.file for error in ranking.errors] == ["g/middle.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(run: Run, good: Path) -> None:
    (good / "g" / "dark.png").chmod(0)
    found = run("rank", "--json", "g", cwd=good, **TINY)
    assert found.status == 1 and "permission denied" in found.json["errors"][0]["message"]


def test_no_permission_as_anybody(
    good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Root may read everything, so the refusal is played."""
    monkeypatch.chdir(good)
    monkeypatch.setenv("POPSCORE_MODEL_PATH", "tiny.onnx")
    monkeypatch.setenv("POPSCORE_CACHE_DIR", str(good / "cache"))
    really_open = os.open

    def refuse(path: object, *rest: object, **more: object) -> int:
        if str(path).endswith("dark.png"):
            raise PermissionError(13, "Permission denied", path)
        return really_open(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    assert main(["rank", "g"]) == 1
    assert "popscore: g/dark.png could not be read: permission denied." in capsys.readouterr().err


# --- text --------------------------------------------------------------------------------------------


def test_text_for_a_pipe(run: Run, good: Path) -> None:
    found = run("rank", "g", cwd=good, **TINY)
    assert (found.status, found.err) == (0, "")
    assert [line.split()[:6] for line in found.out.splitlines()] == [
        ["1", "3.92", "Good", "tier", "1", "g/bright.png"],
        ["2", "2.01", "Good", "tier", "2", "g/middle.png"],
        ["3", "0.16", "Fair", "tier", "3", "g/dark.png"],
    ]
    assert "\x1b" not in found.out


def test_ties_and_tiers_are_shown(run: Run, good: Path) -> None:
    shutil.copy(good / "g/dark.png", good / "g/dark2.png")
    found = run("rank", "g", cwd=good, **TINY)
    lines = [line.split() for line in found.out.splitlines()]
    assert [line[0] for line in lines] == ["1", "2", "3", "3"]
    assert [line[4] for line in lines] == ["1", "2", "3", "3"]
    assert "popscore: Photos of one tier are too close to call: the scores " in found.err
    top = run("rank", "--top", "3", "g", cwd=good, **TINY)
    assert "The last one shown and the first one left out are too close to call" in top.err


def test_groups_are_folded(run: Run, good: Path, cat: Path) -> None:
    image = Image.open(cat)
    image.save(good / "g" / "cat.png")
    darker = image.point(lambda value: value * 0.9)
    darker.save(good / "g" / "cat2.png")
    Image.new("RGB", (60, 40), (107,) * 3).save(good / "g" / "between.png")  # between the two cats
    found = run("rank", "--group-similar", "g", cwd=good, **TINY)
    names = [line[33:] for line in found.out.splitlines()]
    at = names.index(next(name for name in names if "g/cat.png" in name))
    assert names[at + 1].startswith("    ") and names[at + 1].endswith("g/cat2.png  (worse light)")
    assert [name for name in names if name.startswith("      ")] == [names[at + 1]]
    assert "popscore: 6 photos in 5 groups; indented: near-duplicates of the one above." in found.err
    top = run("rank", "--group-similar", "--top", "2", "g", cwd=good, **TINY)
    assert top.out.count("\n") == 2
    assert "popscore: 6 photos in 5 groups; shown: the best of the first 2 groups." in top.err


def test_people(run: Run, good: Path, photos: dict[str, Path]) -> None:
    """Somebody who blinks gives way, and it is said why; also in JSON and in the table."""
    with Image.open(photos["astronaut"]) as image:
        picture = image.convert("RGB")
    picture.save(good / "g" / "open.png")
    blinking(picture).save(good / "g" / "blink.png")
    found = run("rank", "--group-similar", "--people", "--csv", "o.csv", "g", cwd=good, **TINY)
    names = [line[33:].strip() for line in found.out.splitlines()]
    at = names.index("g/open.png  (eyes open; 1 face)")
    assert names[at + 1] == "g/blink.png  (eyes closed: 1 of 1)"
    results = run("rank", "--json", "--people", "g", cwd=good, **TINY).json["results"]
    faces = {result["file"]: (result["faces"], result["eyes_closed"]) for result in results}
    assert faces == {
        "g/open.png": (1, 0), "g/blink.png": (1, 1), "g/bright.png": (0, 0), "g/middle.png": (0, 0),
        "g/dark.png": (0, 0),
    }  # fmt: skip
    assert all("group_reason" not in result for result in results)
    assert {result["file"] for result in results if result["face_sharpness"]} == {"g/open.png", "g/blink.png"}
    with (good / "o.csv").open(encoding="utf-8-sig", newline="") as file:
        columns = list(csv.DictReader(file).fieldnames or [])
    assert columns[-6:] == ["group", "group_best", "group_reason", "faces", "eyes_closed", "face_sharpness"]


def test_top_says_what_it_leaves_out(run: Run, good: Path) -> None:
    found = run("rank", "--top", "1", "g", cwd=good, **TINY)
    assert found.out.split()[:6] == ["1", "3.92", "Good", "tier", "1", "g/bright.png"]
    assert found.err == "popscore: 3 photos; shown: the best 1.\n"
    assert run("rank", "--top", "9", "g", cwd=good, **TINY).err == ""


@pytest.mark.parametrize("top", ["0", "-1", "1.5", "many", "", "٣", "9" * 30])
def test_a_bad_top(run: Run, good: Path, top: str) -> None:
    found = run("rank", f"--top={top}", "g", cwd=good, **TINY)
    assert (found.status, found.out) == (2, "") and "is not a whole number above 0" in found.err


ODD_NAMES = ["=cmd()", 'a"b,c.jpg', "two\nlines.png", "größe 写真 🌄.png", "\udcff.png", "\x1b[2J.png", "-dash.png"]


def test_odd_names_through_every_door(run: Run, good: Path) -> None:
    content = (good / "g/dark.png").read_bytes()
    shutil.rmtree(good / "g")
    (good / "g").mkdir()
    for name in ODD_NAMES:
        (good / "g" / name).write_bytes(content)
    found = run("rank", "--json", "--csv", "o.csv", "--zip", "o.zip", "--xmp", "g", cwd=good, **TINY)
    assert found.status == 0
    assert sorted(files_of(found)) == sorted(f"g/{name}" for name in ODD_NAMES)
    with (good / "o.csv").open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == files_of(found)
    with zipfile.ZipFile(good / "o.zip") as archive:
        assert len(archive.namelist()) == len(ODD_NAMES) and archive.testzip() is None
    assert len(list((good / "g").glob("*.xmp"))) >= len(ODD_NAMES)
    text = run("rank", "g", cwd=good, **TINY)
    assert text.status == 0 and text.out.count("\n") == len(ODD_NAMES) and "\x1b" not in text.out
    # Named from inside the folder, a name itself begins with what a spreadsheet takes for a formula.
    run("rank", "--csv", "o.csv", "--", *ODD_NAMES, cwd=good / "g", POPSCORE_MODEL_PATH="../tiny.onnx")
    with (good / "g/o.csv").open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        cells = [row["file"] for row in csv.DictReader(file)]
    assert sorted(cell.removeprefix("'") for cell in cells) == sorted(ODD_NAMES)
    assert all(cell[0] not in "=+-@" for cell in cells)


# --- files -------------------------------------------------------------------------------------------


def test_csv_zip_and_xmp(run: Run, good: Path) -> None:
    found = run("rank", "--top", "2", "--csv", "o.csv", "--zip", "o.zip", "--xmp", "g", cwd=good, **TINY)
    assert found.status == 0 and found.out.count("\n") == 2
    with (good / "o.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["g/bright.png", "g/middle.png"]
    with zipfile.ZipFile(good / "o.zip") as archive:
        assert archive.namelist() == ["01_bright.png", "02_middle.png"]
        assert archive.read("01_bright.png") == (good / "g/bright.png").read_bytes()
    assert sorted(path.name for path in (good / "g").glob("*.xmp")) == [
        "bright.png.xmp", "bright.xmp", "middle.png.xmp", "middle.xmp",
    ]  # fmt: skip
    assert b'xmp:Rating="4"' in (good / "g/bright.png.xmp").read_bytes()  # 3.92 is above 73 of 100
    again = run("rank", "g", cwd=good, **TINY)  # side-cars are no photos
    assert again.out.count("\n") == 3 and "Left out: 4 files that are not photos." in again.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--csv", "g/dark.png"], "dark.png was not written: a photo is there."),
        (["--zip", "g"], "g was not written: it is a folder."),
        (["--csv", "none/o.csv"], "there is no folder none"),
        (["--csv", "o", "--zip", "./o"], "--csv and --zip name the same file."),
    ],
)
def test_a_target_that_must_not_be(run: Run, good: Path, arguments: list[str], words: str) -> None:
    """Told at once, not after an hour of scoring."""
    before = (good / "g/dark.png").read_bytes()
    found = run("rank", *arguments, "g", cwd=good, **TINY)
    assert (found.status, found.out) == (2, "") and words in found.err and found.err.count("\n") == 1
    assert (good / "g/dark.png").read_bytes() == before and not (good / "cache").exists()


def test_a_full_disk_while_exporting(run: Run, good: Path) -> None:
    """The ranking is shown all the same, and the other files are written."""
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))\n"
    code += "from popscore.cli.entry import main; sys.exit(main())"
    arguments = ["rank", "--no-cache", "--json", "--zip", "o.zip", "--csv", "o.csv", "g"]
    Image.effect_noise((200, 200), 50).convert("RGB").save(good / "g" / "large.png")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=good,
        env=environment(good, **TINY),
        capture_output=True,
        text=True,
    )
    found = Finished(done.returncode, done.stdout, done.stderr)
    assert found.status == 1 and len(found.json["results"]) == 4
    assert [(error["file"], error["error"]) for error in found.json["errors"]] == [("o.zip", "ExportFailed")]
    assert "popscore: o.zip was not written: File too large. Check the disk" in found.err
    assert (good / "o.csv").exists() and not list(good.glob("*.zip")) and not list(good.glob(".popscore*"))


# --- cache and decoding ------------------------------------------------------------------------------


def test_the_second_run_is_the_same_and_does_not_score(run: Run, good: Path) -> None:
    first = run("rank", "--json", "--group-similar", "g", cwd=good, **TINY)
    second = run("rank", "--json", "--group-similar", "g", cwd=good, **TINY)
    assert second == first
    state = run("cache", "--json", cwd=good)
    assert state.json["scores"] == 3 and state.json["file"] == str(good / "cache" / "scores.sqlite")
    code = (
        "import sys; from popscore.scoring.scorer import Scorer; Scorer.candidate = None;"
        "from popscore.cli.entry import main; sys.exit(main())"
    )
    assert run("rank", "--json", "--group-similar", "g", code=code, cwd=good, PYTHONPATH=Path.cwd(), **TINY) == first
    assert run("rank", "--json", "g", "--exact", cwd=good, **TINY).status == 0
    assert run("cache", "--json", cwd=good).json["scores"] == 6


def test_no_cache(run: Run, good: Path) -> None:
    assert run("rank", "--no-cache", "g", cwd=good, **TINY).status == 0
    assert not (good / "cache").exists()


def test_a_cache_in_trouble_is_told_in_one_line(run: Run, good: Path) -> None:
    (good / "blocked").write_text("")
    found = run("rank", "g", cwd=good, POPSCORE_CACHE_DIR=good / "blocked", **TINY)
    assert found.status == 0 and found.out.count("\n") == 3
    assert found.err.startswith("popscore: The score cache ") and found.err.count("\n") == 1


def test_cache_command(run: Run, good: Path) -> None:
    run("rank", "g", cwd=good, **TINY)
    text = run("cache", cwd=good)
    assert text.status == 0 and text.out.splitlines()[1].split() == ["scores", "3"]
    assert str(good / "cache" / "scores.sqlite") in text.out and "MB" in text.out
    cleared = run("cache", "--clear", cwd=good)
    assert (cleared.status, cleared.out.splitlines()[1].split()) == (0, ["scores", "0"])
    assert run("cache", "--json", cwd=good, POPSCORE_CACHE_DIR="none").json["scores"] == 0
    assert not (good / "none").exists()


def test_exact(run: Run, good: Path) -> None:
    (good / "wide.onnx").write_bytes(tiny(size=(32, 48), metadata=METADATA))
    noise = Image.effect_noise((1600, 1200), 80).convert("RGB")
    noise.save(good / "g" / "noise.jpg", quality=95)
    for command in ("score", "rank"):
        scaled, exact = (
            run(command, "--json", *option, "g/noise.jpg", cwd=good, POPSCORE_MODEL_PATH="wide.onnx").json["results"][0]
            for option in ([], ["--exact"])
        )
        assert exact["score"] == pytest.approx(scaled["score"], abs=0.05)
        assert exact["width"] == scaled["width"] == 1600


def test_score_needs_neither_cache_nor_exports(run: Run, good: Path) -> None:
    code = (
        "import sys; from popscore.cli.entry import main; status = main();"
        "heavy = {'sqlite3', 'zipfile', 'csv', 'popscore.scoring.cache', 'popscore.gallery.export'};"
        "loaded = heavy & set(sys.modules);"
        "print(sorted(loaded), file=sys.stderr); sys.exit(status)"
    )
    found = run("score", "g/dark.png", code=code, cwd=good, **TINY)
    assert (found.status, found.err) == (0, "[]\n")


def test_rank_needs_no_heavy_library(run: Run, good: Path) -> None:
    code = (
        "import sys; from popscore.cli.entry import main; status = main();"
        "heavy = {'gradio', 'torch', 'huggingface_hub', 'scipy', 'pandas', 'pillow_heif', 'tqdm'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    found = run("rank", "--csv", "o.csv", "--zip", "o.zip", "--xmp", "g", code=code, cwd=good, **TINY)
    assert (found.status, found.err) == (0, "[]\n")


def test_a_pattern_in_loops_of_links(run: Run, folder: Path) -> None:
    for name in ("broken.jpg", "torn.png", "empty.jpg"):
        (folder / "g" / name).unlink()
    for link, target in {"self": ".", "up": "..", "root": "/", "itself": "itself", "itself.jpg": "itself.jpg"}.items():
        (folder / "g" / link).symlink_to(target)
    found = run("rank", "g/**", "--json", "--no-cache", cwd=folder, **TINY)
    assert found.status == 0 and "Traceback" not in found.err
    assert sorted(result["file"] for result in found.json["results"]) == ["g/bright.png", "g/dark.png", "g/middle.png"]
    assert found.json["errors"] == []
