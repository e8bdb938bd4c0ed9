"""Finding photos: files, folders, patterns, and everything that lies about in folders."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from photos import picture, saved

from popscore.errors import NoPhotosFound, UnreadableImage
from popscore.photos.find import FoundPhotos, find_photos, natural_key

JPEG = saved(picture(), "JPEG")
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes files, of a JPEG if nothing else is said, in a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str, content: bytes = JPEG) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path

    return make


def errors_of(found: FoundPhotos) -> list[tuple[str, str]]:
    return [(failed.file, type(failed.error).__name__) for failed in found.errors]


def test_a_folder_is_searched_with_all_it_holds_in_natural_order(make: Make) -> None:
    make(
        "g/10.jpg", "g/2.JPG", "g/a2.jpg", "g/a.jpg", "g/B.jpg", "g/sub10/x.jpg", "g/sub9/deep/er/y.jpg", "g/sub9/z.jpg"
    )
    found = find_photos(["g"])
    names = ["2.JPG", "10.jpg", "a.jpg", "a2.jpg", "B.jpg", "sub9/z.jpg", "sub9/deep/er/y.jpg", "sub10/x.jpg"]
    assert found.photos == [f"g/{name}" for name in names]
    assert (found.errors, found.left_out()) == ([], "")


def test_paths_stay_as_the_person_wrote_them(make: Make, tmp_path: Path) -> None:
    make("a.jpg", "g/b.jpg")
    given = ["./a.jpg", "g/", str(tmp_path / "g" / ".." / "g" / "b.jpg"), "missing.jpg"]
    assert find_photos(given[:2]).photos == ["./a.jpg", "g/b.jpg"]
    assert find_photos(given[2:]).photos == given[2:]  # a missing file is told when it is scored
    assert find_photos(["."]).photos == ["./a.jpg", "./g/b.jpg"]
    assert find_photos([tmp_path / "a.jpg"]).photos == [str(tmp_path / "a.jpg")]


def test_content_decides_in_a_folder(make: Make) -> None:
    make("g/photo", "g/photo.dat", "g/photo.jpg")
    make("g/notes.txt", "g/photo.jpg.xmp", "g/clip.mp4", "g/empty", "g/Thumbs.db", content=b"text")
    make("g/raw.nef", "g/raw.DNG", content=b"II*\0" + bytes(100))
    make("g/broken.jpg", "g/broken.png", content=b"no photo")
    found = find_photos(["g"])
    assert found.photos == [f"g/{name}" for name in ("broken.jpg", "broken.png", "photo", "photo.dat", "photo.jpg")]
    assert found.left_out() == "Left out: 7 files that are not photos."


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_kind_is_known_by_its_first_bytes(make: Make, kind: str) -> None:
    make("g/photo", content=saved(picture(), kind))
    assert find_photos(["g"]).photos == ["g/photo"]


def test_a_named_file_is_always_tried(make: Make) -> None:
    make("notes.txt", ".hidden", "raw.nef", content=b"text")
    assert find_photos(["notes.txt", ".hidden", "raw.nef"]).photos == ["notes.txt", ".hidden", "raw.nef"]


def test_hidden_things_are_counted_and_left_out(make: Make) -> None:
    make("g/a.jpg", "g/.b.jpg", "g/._a.jpg", "g/.trash/c.jpg", "g/@eaDir/d.jpg", "g/__MACOSX/e.jpg")
    found = find_photos(["g"])
    assert found.photos == ["g/a.jpg"]
    assert found.left_out() == "Left out: 5 hidden."
    assert find_photos(["g/.trash"]).photos == ["g/.trash/c.jpg"]  # named, so meant


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "There are no photos in g: it is empty. Name another folder."),
        (["g/a.txt", "g/.b.jpg"], "it is empty of photos; 2 other files or folders were left out"),
    ],
)
def test_a_folder_without_photos(make: Make, others: list[str], words: str) -> None:
    make(*others, content=b"text")
    Path("g").mkdir(exist_ok=True)
    found = find_photos(["g"])
    assert found.photos == [] and errors_of(found) == [("g", "NoPhotosFound")]
    assert words in str(found.errors[0].error)
    assert issubclass(NoPhotosFound, FileNotFoundError)


def test_one_empty_folder_does_not_stop_the_others(make: Make) -> None:
    make("g/a.jpg")
    Path("empty").mkdir()
    found = find_photos(["empty", "g"])
    assert found.photos == ["g/a.jpg"] and errors_of(found) == [("empty", "NoPhotosFound")]


def test_patterns_that_the_shell_left_alone(make: Make) -> None:
    make("g/10.jpg", "g/2.jpg", "g/x.png", "g/sub/3.jpg", "h/4.jpg", "odd[1].jpg")
    assert find_photos(["g/*.jpg"]).photos == ["g/2.jpg", "g/10.jpg"]
    assert find_photos(["./g/?.jpg"]).photos == ["./g/2.jpg"]
    assert sorted(find_photos(["**/*.jpg"]).photos) == ["g/10.jpg", "g/2.jpg", "g/sub/3.jpg", "h/4.jpg", "odd[1].jpg"]
    assert find_photos(["[gh]"]).photos == ["g/2.jpg", "g/10.jpg", "g/x.png", "g/sub/3.jpg", "h/4.jpg"]
    assert find_photos(["odd[1].jpg"]).photos == ["odd[1].jpg"]  # a file of that name is there
    found = find_photos(["*.gif", "g/x.png"])
    assert found.photos == ["g/x.png"]
    assert str(found.errors[0].error) == "No file matches *.gif. Check the pattern."


def test_what_is_named_twice_is_scored_once(make: Make, tmp_path: Path) -> None:
    make("g/a.jpg", "h/a.jpg")
    found = find_photos(["g/a.jpg", "./g/a.jpg", str(tmp_path / "g/a.jpg"), "g", "h", "h/*.jpg", "h"])
    assert found.photos == ["g/a.jpg", "h/a.jpg"]
    assert found.repeated == 5 and "5 named twice" in found.left_out()
    assert found.errors == []


def test_links(make: Make) -> None:
    make("g/a.jpg", "elsewhere/b.jpg")
    Path("g/loop").symlink_to("..", target_is_directory=True)
    Path("g/self").symlink_to("self")
    Path("g/gone.jpg").symlink_to("nowhere.jpg")
    Path("g/alias.jpg").symlink_to("a.jpg")
    found = find_photos(["g"])
    # The loop leads to the folder above, and there to `elsewhere`; `gone` tells its reason when it is scored.
    assert found.photos == ["g/a.jpg", "g/alias.jpg", "g/gone.jpg", "g/loop/elsewhere/b.jpg"]
    assert (found.skipped, found.repeated) == (1, 1)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("g/**", ["g/a.jpg", "g/sub/b.jpg", "g/toh/c.jpg"]),
        ("./g/**", ["./g/a.jpg", "./g/sub/b.jpg", "./g/toh/c.jpg"]),
        ("g/**/*.jpg", ["g/a.jpg", "g/sub/b.jpg", "g/toh/c.jpg"]),
        ("g/**/**/*", ["g/a.jpg", "g/sub/b.jpg", "g/toh/c.jpg"]),
        ("g/**/sub/**/*.jpg", ["g/sub/b.jpg"]),
        ("**/*.jpg", ["g/a.jpg", "g/sub/b.jpg", "g/toh/c.jpg"]),
        ("g/*", ["g/a.jpg", "g/sub/b.jpg", "g/toh/c.jpg"]),
    ],
)
def test_patterns_end_in_loops_of_links(make: Make, tmp_path: Path, pattern: str, expected: list[str]) -> None:
    make("g/a.jpg", "g/sub/b.jpg", "h/c.jpg", "d.jpg")
    links = {
        "g/self": ".",
        "g/itself": "itself",
        "g/itself.jpg": "itself.jpg",
        "g/sub/up": "..",
        "g/toh": "../h",
        "h/tog": "../g",
        "g/there": "back",
        "g/back": "there",
        "g/root": "/",
        "g/above": str(tmp_path),
        "g/sub/far": str(tmp_path.parent),
    }
    for link, target in links.items():
        Path(link).symlink_to(target)
    started_s = time.monotonic()
    found = find_photos([pattern])
    # Which way leads to the photo behind two names of its folder is left open.
    names = sorted(
        photo.replace("h/c.jpg", "g/toh/c.jpg") if photo.startswith("h/") else photo for photo in found.photos
    )
    names = [name for name in names if name != "d.jpg"] if pattern.startswith("**") else names
    assert names == expected
    assert found.errors == []
    assert time.monotonic() - started_s < 2


def test_patterns_with_two_stars_find_what_lies_in_all_folders(make: Make, tmp_path: Path) -> None:
    make("a.jpg", "g/b.jpg", "g/sub/c.jpg", "g/[x]/d.jpg", "g/.hidden/e.jpg", "g/sub/deep/sub/f.jpg")
    make("g/notes.txt", content=b"some words")
    everything = ["g/b.jpg", "g/[x]/d.jpg", "g/sub/c.jpg", "g/sub/deep/sub/f.jpg"]
    assert sorted(find_photos(["g/**"]).photos) == sorted(everything)
    assert sorted(find_photos([f"{tmp_path}/g/**"]).photos) == sorted(f"{tmp_path}/{name}" for name in everything)
    assert sorted(find_photos(["g/**/*.jpg"]).photos) == sorted(everything)
    assert sorted(find_photos(["**"]).photos) == sorted(["./a.jpg", *(f"./{name}" for name in everything)])
    assert sorted(find_photos(["**/sub/*.jpg"]).photos) == ["g/sub/c.jpg", "g/sub/deep/sub/f.jpg"]
    assert sorted(find_photos(["g/**/sub/**/*.jpg"]).photos) == ["g/sub/c.jpg", "g/sub/deep/sub/f.jpg"]
    assert find_photos(["g/**/*.gif"]).photos == []
    assert find_photos(["nothing/**"]).photos == []


def test_a_pipe_in_a_folder_is_left_alone(make: Make) -> None:
    make("g/a.jpg")
    os.mkfifo("g/pipe.jpg")
    os.mkfifo("g/pipe")
    found = find_photos(["g"])
    assert found.photos == ["g/a.jpg"] and found.skipped == 2


def test_a_folder_that_cannot_be_read(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is played."""
    make("g/a.jpg", "g/locked/b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_photos(["g"])
    assert found.photos == ["g/a.jpg"] and errors_of(found) == [("g/locked", "UnreadableImage")]
    message = "The folder locked could not be read: Permission denied. Check its permissions, or name its photos."
    assert str(found.errors[0].error).replace("g/locked", "locked") == message
    only = find_photos(["g/locked"])
    assert errors_of(only) == [("g/locked", "UnreadableImage")]  # not also "no photos"
    assert isinstance(only.errors[0].error, UnreadableImage)


def test_odd_names(make: Make) -> None:
    names = [
        "two\nlines.jpg",
        "größe 写真 🌄.jpg",
        "\udcff\udcfe.jpg",
        "=cmd().jpg",
        'a"b,c.jpg',
        "-dash.jpg",
        "٣.jpg",
        "².jpg",
    ]
    make(*(f"g/{name}" for name in names))
    found = find_photos(["g"])
    assert sorted(found.photos) == sorted(f"g/{name}" for name in names) and not found.errors


def test_natural_order() -> None:
    names = [
        "IMG_9.jpg",
        "img_10.jpg",
        "IMG_010.jpg",
        "IMG.jpg",
        "IMG_9 (2).jpg",
        "1",
        "01",
        "",
        "a",
        "12a",
        "²",
        "٢",
        "9" * 5000,
    ]
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)
    ordered = sorted(["b10", "b9", "B1", "a.jpg", "a2.jpg", "a10.jpg"], key=natural_key)
    assert ordered == ["a.jpg", "a2.jpg", "a10.jpg", "B1", "b9", "b10"]


def test_an_impossible_path(make: Make) -> None:
    make("a.jpg")
    found = find_photos(["nul\0.jpg", "a.jpg", "x" * 5000])
    assert found.photos == ["nul\0.jpg", "a.jpg", "x" * 5000]  # the reason is told when they are scored


def test_a_very_deep_folder(make: Make) -> None:
    deep = "/".join(["d"] * 400)
    make(f"g/{deep}/a.jpg")
    assert find_photos(["g"]).photos == [f"g/{deep}/a.jpg"]
