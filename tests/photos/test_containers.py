"""Files that claim more than they hold cost nothing; files of cameras lose nothing but what nobody needs."""

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, environment
from hostile_photos import HOSTILE_PHOTOS, exif_bomb
from photos import every_format, picture, saved, sideways
from PIL import Image

from popscore.errors import UnreadableImage
from popscore.files.kinds import photo_kind
from popscore.photos import exif
from popscore.photos.containers import walked
from popscore.photos.decode import read_photo

MAX_SECONDS, MAX_MEGABYTES = 5.0, 500


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """Outcome, seconds and megabytes of each hostile photo, in a process that may take 4 GB."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in HOSTILE_PHOTOS.items():
        (folder / name).write_bytes(make())
    code = """
import json, resource, sys, time
from pathlib import Path
from popscore.errors import PopscoreError
from popscore.photos.decode import read_photo
resource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)
found = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read_photo(path, at_least=(480, 480))
        outcome = "read"
    except PopscoreError as error:
        outcome = str(error)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found[path.name] = [outcome, time.monotonic() - start, grown / 1024]
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, env=environment(folder), capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", HOSTILE_PHOTOS)
def test_a_hostile_photo_costs_little_and_is_read_or_refused(measured: dict[str, list[object]], name: str) -> None:
    outcome, seconds, megabytes = measured[name]
    assert outcome == "read" or (str(outcome).startswith(name) and "save it" in str(outcome).lower())
    assert float(str(seconds)) < MAX_SECONDS and float(str(megabytes)) < MAX_MEGABYTES


def test_a_rank_goes_on_where_a_hostile_photo_lies(run: object, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(saved(picture(), "PNG"))
    (tmp_path / "bad.png").write_bytes(HOSTILE_PHOTOS["palette png without palette"]())
    found = run("rank", "--json", "--no-cache", ".", cwd=tmp_path)  # type: ignore[operator]
    assert found.status == 1
    assert [result["file"] for result in found.json["results"]] == ["./good.png"]
    assert [error["error"] for error in found.json["errors"]] == ["UnreadableImage"]


# --- nothing is lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", every_format(picture()))
def test_pixels_stay_what_they_are(name: str) -> None:
    content = every_format(picture())[name]
    kind = photo_kind(content)
    assert kind is not None
    file = walked(content, kind)
    assert len(file.content) <= len(content)
    if kind != "heif":  # Pillow alone does not know it
        before, after = (np.asarray(Image.open(io.BytesIO(part)).convert("RGB")) for part in (content, file.content))
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("cut", [10, 20, 60, 200])
@pytest.mark.parametrize("name", every_format(picture()))
def test_a_file_that_is_cut_off_is_walked_without_error(name: str, cut: int) -> None:
    content = every_format(picture())[name][:cut]
    kind = photo_kind(content)
    if kind is not None:
        walked(content, kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_time_are_read_as_pillow_reads_them(kind: str, orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    tags.get_ifd(0x8769)[0x9291] = "25"
    content = saved(picture(), kind, exif=tags)
    file = walked(content, photo_kind(content))  # type: ignore[arg-type]
    # Pillow writes the time into a TIFF only where the TIFF is its own.
    assert exif.facts(file.exif) == (orientation, None if kind == "TIFF" else 1_714_979_289.25)


@pytest.mark.parametrize("order", ["II", "MM"])
def test_both_orders_of_bytes(order: str) -> None:
    tags = Image.Exif()
    tags.endian = "<" if order == "II" else ">"
    tags[0x0112] = 6
    assert exif.facts(tags.tobytes().removeprefix(b"Exif\0\0")) == (6, None)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"nonsense", exif_bomb()],
)
def test_damaged_exif_says_nothing(content: bytes | None) -> None:
    assert exif.facts(content) == (1, None)


@pytest.mark.parametrize("at", [2**32 - 1, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_directory_farther_than_memory_reaches(order: str, at: int) -> None:
    head = b"II+\0\x08\0\0\0" if order == "<" else b"MM\0+\0\x08\0\0"
    with pytest.raises(UnreadableImage, match="could not be read"):
        read_photo(head + struct.pack(order + "Q", at) + bytes(100))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_a_turned_photo_stands_upright(kind: str) -> None:
    found = read_photo(sideways(picture(), kind, 6)).pixels
    assert np.abs(np.asarray(found, np.int16) - np.asarray(picture(), np.int16)).mean() < 6
