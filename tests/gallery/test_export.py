"""Exports: whole or not at all, harmless in a spreadsheet, exact where it matters, and side-cars never damaged."""

import csv
import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from commands import ROOT, environment
from photos import picture, saved
from rankings import ODD_NAMES, left_behind, ranking
from sidecars import rating_of

from popscore.errors import ExportFailed, PopscoreError
from popscore.foreign_text import file_name
from popscore.gallery import xmp
from popscore.gallery.export import Exported, write_csv, write_xmp_zip, write_zip
from popscore.photos.sources import NamedPhoto
from popscore.results import Ranking

JPEG = saved(picture(), "JPEG")


FORMULA_STARTERS = (
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


# --- CSV ---------------------------------------------------------------------------------------------


def rows_of(content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig", "surrogateescape")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_has_the_keys_of_the_json_as_columns(folder: Path) -> None:
    found = ranking("a.jpg", "b.jpg", "c.jpg")
    assert write_csv(found, "out.csv") == Exported(written=3)
    content = Path("out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf") and content.endswith(b"\r\n")
    rows = rows_of(content)
    for row, photo in zip(rows, found.results, strict=True):
        expected = photo.to_json()
        assert list(row) == list(expected)
        words = {"True": "TRUE", "False": "FALSE", "None": ""}
        assert row == {key: words.get(str(value), str(value)) for key, value in expected.items()}
    assert b'"a.jpg",1,3.0,50.0,"Good","#3B82F6",96,64,1.0,"FALSE",1,""\r\n' in content  # numbers stay numbers
    assert b",-1.0," in write_and_read(ranking("a.jpg", score=-1.0))


def write_and_read(found: Ranking) -> bytes:
    target = io.BytesIO()
    write_csv(found, target)
    return target.getvalue()


def test_csv_of_groups_and_of_nothing() -> None:
    one = ranking("a.jpg")
    grouped = replace(one, results=[replace(one.results[0], group=1, group_best=True)])
    assert list(rows_of(write_and_read(grouped))[0])[-2:] == ["group", "group_best"]
    header = write_and_read(ranking()).decode("utf-8-sig")
    assert header.count("\r\n") == 1
    assert header == write_and_read(one).decode("utf-8-sig").splitlines(keepends=True)[0]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_are_harmless_and_exact(name: str) -> None:
    cell = rows_of(write_and_read(ranking(name)))[0]["file"]
    # No spreadsheet takes it for a formula ...
    assert cell.lstrip(" \t\r\n")[0] not in FORMULA_STARTERS and cell[0] not in "\t\r\n"
    # ... and the name is exact once the one apostrophe in front is gone.
    assert cell.removeprefix("'") == name
    assert cell.startswith("'") or cell == name


def test_ordinary_names_are_left_alone() -> None:
    for name in ("plain.jpg", 'a"b,c.jpg', "two\nlines.jpg", "a=b.jpg", "it's.jpg", "sub/-1.jpg", "./=1.jpg"):
        assert rows_of(write_and_read(ranking(name)))[0]["file"] == name


def test_half_a_letter_does_not_stop_a_csv() -> None:
    assert rb"\ud800" in write_and_read(ranking("half \ud800.jpg"))


# --- ZIP ---------------------------------------------------------------------------------------------


def test_csv_says_what_was_decided() -> None:
    found = ranking("a.jpg", "b.jpg", "c.jpg")
    target = io.BytesIO()
    write_csv(found, target, decisions={0: "keep", 2: "reject"})
    rows = rows_of(target.getvalue())
    assert [row["decision"] for row in rows] == ["keep", "", "reject"]
    assert list(rows[0])[-1] == "decision"


def test_numbers_in_a_zip_are_ranks(folder: Path) -> None:
    found = ranking("a.jpg", "b.jpg", "c.jpg")
    chosen = [replace(found.results[0], rank=7), replace(found.results[1], rank=7), replace(found.results[2], rank=112)]
    write_zip(replace(found, results=chosen), "out.zip")
    assert zipfile.ZipFile("out.zip").namelist() == ["007_a.jpg", "007_b.jpg", "112_c.jpg"]


def test_photos_of_one_rank_and_one_name_are_all_in_the_zip(folder: Path) -> None:
    found = ranking("a.jpg")
    twin = replace(found.results[0])
    write_zip(replace(found, results=[twin, twin, twin]), "out.zip")
    assert zipfile.ZipFile("out.zip").namelist() == ["01_a.jpg", "01_2_a.jpg", "01_3_a.jpg"]


def test_rejected_photos_have_no_stars() -> None:
    target = io.BytesIO()
    write_xmp_zip(ranking("a.jpg", "b.jpg", percentile=90), target, decisions={0: "keep", 1: "reject"})
    with zipfile.ZipFile(target) as archive:
        assert rating_of(archive.read("a.jpg.xmp")) == ["5"]
        assert rating_of(archive.read("b.jpg.xmp")) == ["-1"]
        assert rating_of(archive.read("b.xmp")) == ["-1"]


def test_zip_holds_the_originals_numbered(folder: Path) -> None:
    assert write_zip(ranking("b.jpg", "a.jpg", "c.jpg"), "out.zip", top=2) == Exported(written=2)
    with zipfile.ZipFile("out.zip") as archive:
        assert archive.namelist() == ["01_b.jpg", "02_a.jpg"]
        assert archive.read("01_b.jpg") == Path("b.jpg").read_bytes()
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.infolist()[0].date_time == (2023, 11, 14, 22, 13, 20)  # 1,700,000,001 in UTC, steps of 2 s
        assert archive.testzip() is None


def test_zip_is_the_same_every_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []
    places = [NamedPhoto(folder / name, "same.jpg") for name in ("a.jpg", "b.jpg")]
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        target = io.BytesIO()
        write_zip(ranking("a.jpg", "b.jpg"), target, photos=places)
        contents.append(target.getvalue())
    monkeypatch.undo()
    time.tzset()
    assert contents[0] == contents[1]


def test_zip_of_many_photos_sorts_by_name(folder: Path) -> None:
    write_zip(ranking(*["a.jpg"] * 120), "out.zip")
    with zipfile.ZipFile("out.zip") as archive:
        names = archive.namelist()
    assert names == sorted(names) and names[0] == "001_a.jpg" and len(set(names)) == 120


def test_two_photos_of_one_name(folder: Path) -> None:
    """As in the app, where names are not places."""
    places = [NamedPhoto(folder / name, "same.jpg") for name in ("a.jpg", "b.jpg")]
    write_zip(ranking("same.jpg", "same.jpg"), "out.zip", photos=places)
    with zipfile.ZipFile("out.zip") as archive:
        assert archive.namelist() == ["01_same.jpg", "02_same.jpg"]
        assert [archive.read(name) for name in archive.namelist()] == [place.location.read_bytes() for place in places]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("..\\..\\evil.jpg", "evil.jpg"),
        ("/abs/a.jpg", "a.jpg"),
        ("C:\\x\\a.jpg", "a.jpg"),
        ("C:a.jpg", "C_a.jpg"),
        ("..", "photo"),
        ("g/..", "photo"),
        ("...", "photo"),
        ("", "photo"),
        ("a/", "a"),
        ("two\nlines.jpg", "two_lines.jpg"),
        ('a"b,c.jpg', "a_b,c.jpg"),
        ("=cmd()", "=cmd()"),
        ("größe 写真 🌄.jpg", "größe 写真 🌄.jpg"),
        ("\udcff.jpg", "_.jpg"),
        ("a.jpg. ", "a.jpg"),
        (".hidden.jpg", "hidden.jpg"),
        ("x" * 300 + ".jpeg", "x" * 120 + ".jpeg"),
        ("写" * 300 + ".jpg", "写" * 66 + ".jpg"),
        ("a." + "x" * 300, "a." + "x" * 118),
    ],
)
def test_names_in_an_archive_lead_nowhere(file: str, name: str) -> None:
    assert file_name(file) == name
    assert len(f"0001_{file_name(file)}".encode()) < 250


@pytest.mark.parametrize("name", ODD_NAMES)
def test_zip_of_odd_names(folder: Path, name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(JPEG)
    write_zip(ranking(name), "out.zip")
    with zipfile.ZipFile("out.zip") as archive:
        (inside,) = archive.namelist()
        archive.extractall("unpacked")
    assert (Path("unpacked") / inside).read_bytes() == JPEG
    assert inside.isprintable() and "/" not in inside


def test_photos_that_vanished_are_told(folder: Path) -> None:
    os.mkfifo("pipe.jpg")
    found = write_zip(ranking("a.jpg", "gone.jpg", "b.jpg", ".", "pipe.jpg", "nul\0.jpg"), "out.zip")
    assert found.written == 2
    assert [error.file for error in found.errors] == ["gone.jpg", ".", "pipe.jpg", "nul\0.jpg"]
    assert str(found.errors[0].error) == (
        "gone.jpg could not be read again: No such file or directory. Check the file."
    )
    with zipfile.ZipFile("out.zip") as archive:
        assert archive.namelist() == ["01_a.jpg", "03_b.jpg"]


def test_no_photo_at_all_writes_no_zip(folder: Path) -> None:
    Path("out.zip").write_bytes(b"before")
    for found in (ranking("gone.jpg"), ranking()):
        with pytest.raises(ExportFailed, match="no photo could be put into it"):
            write_zip(found, "out.zip")
    assert Path("out.zip").read_bytes() == b"before" and left_behind(folder) == {"out.zip"}


# --- targets -----------------------------------------------------------------------------------------

Write = Callable[[Ranking, str], Exported]
WRITERS: list[Write] = [write_csv, write_zip, write_xmp_zip]


@pytest.mark.parametrize("write", WRITERS)
def test_photos_and_folders_are_not_overwritten(folder: Path, write: Write) -> None:
    (folder / "sub").mkdir()
    (folder / "photo.csv").write_bytes(JPEG)  # a photo, whatever its name
    (folder / "broken.jpg").write_bytes(b"once a photo")
    (folder / "link.csv").symlink_to("b.jpg")
    os.mkfifo("pipe")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    cases = {
        "a.jpg": "a photo is there",
        "photo.csv": "a photo is there",
        "broken.jpg": "a photo is there",
        "link.csv": "a photo is there",
        "sub": "it is a folder",
        "pipe": "not a regular file",
        "/dev/full": "not a regular file",
        "none/out.csv": "there is no folder none",
        "a.jpg/out.csv": "Not a directory",
        "nul\0.csv": "null",
    }
    for target, words in cases.items():
        with pytest.raises(ExportFailed, match=words) as found:
            write(ranking("a.jpg"), target)
        assert isinstance(found.value, PopscoreError) and isinstance(found.value, OSError)
        assert str(found.value).isprintable()
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_stays_a_link_and_permissions_stay(folder: Path, write: Write) -> None:
    target = folder / "target"
    target.write_bytes(b"before")
    target.chmod(0o640)
    (folder / "link").symlink_to("target")
    write(ranking("a.jpg"), "link")
    assert (folder / "link").is_symlink() and target.stat().st_mode & 0o777 == 0o640
    assert target.read_bytes() != b"before" and left_behind(folder) == {"link", "target"}


def test_a_new_file_has_the_permissions_of_any_new_file(folder: Path) -> None:
    (folder / "plain").touch()
    write_csv(ranking("a.jpg"), "out.csv")
    assert Path("out.csv").stat().st_mode == Path("plain").stat().st_mode


@pytest.mark.parametrize("kind", ["csv", "zip", "xmp_zip", "xmp"])
@pytest.mark.parametrize("existing", [True, False])
def test_full_disk(tmp_path: Path, kind: str, existing: bool) -> None:
    """Files may not grow beyond 4 kB in this process, which fails as a full disk does."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(JPEG * 20)
    target = tmp_path / ("a.jpg.xmp" if kind == "xmp" else "out")
    before = xmp.new_sidecar(1).replace(b"<?xpacket end", b"<!--" + b"x" * 5000 + b"--><?xpacket end")
    if existing:
        target.write_bytes(before)
    call = "write_xmp(found)" if kind == "xmp" else f"write_{kind}(found, 'out')"
    code = f"""
import resource, sys; sys.path.insert(0, {str(ROOT / "tests" / "support")!r})
from rankings import left_behind, ranking
from popscore.gallery.export import *
from popscore.errors import ExportFailed
found = ranking(*["a.jpg", "b.jpg"] * 100)
resource.setrlimit(resource.RLIMIT_FSIZE, ({64 if kind == "xmp" else 4096},) * 2)
try:
    done = {call}
    assert len(done.errors) == 200, done
    print(done.errors[0].error)
except ExportFailed as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "was not written: File too large. Check the disk" in done.stdout
    names = {path.name for path in tmp_path.iterdir()} - {"a.jpg", "b.jpg"}
    assert names == ({target.name} if existing else set())
    assert not existing or target.read_bytes() == before


def test_interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out.zip").write_bytes(b"before")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_zip(ranking("a.jpg"), "out.zip")
    assert Path("out.zip").read_bytes() == b"before" and left_behind(folder) == {"out.zip"}


def test_sidecars_in_an_archive() -> None:
    target = io.BytesIO()
    assert write_xmp_zip(ranking("a.jpg", "x/a.jpg", "../b.jpg", "a.png"), target).written == 4
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == [
            "a.jpg.xmp", "a.xmp", "2/a.jpg.xmp", "2/a.xmp", "b.jpg.xmp", "b.xmp", "a.png.xmp",
        ]  # fmt: skip
        assert all(rating_of(archive.read(name)) == ["3"] for name in archive.namelist())
