"""Whatever comes in: a clear PopscoreError in bounded time and memory, never another exception."""

import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from photos import (
    every_format,
    huge_png,
    picture,
    png,
    png_chunk,
    saved,
    tiff,
    with_jpeg_segment,
    with_jpeg_size,
    with_many_scans,
)
from PIL import Image

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto, named

FORMATS = every_format(picture())


def refusal(source: object, kind: type[PopscoreError] = UnreadableImage, **options: object) -> str:
    """The message of a refusal: one short printable line that ends with the next step."""
    with pytest.raises(PopscoreError) as caught:
        read_photo(source, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert type(caught.value) is kind, message
    assert message.isprintable()
    assert len(message) < 320
    assert message.endswith(".")
    return message


# --- content decides --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_the_name_says_nothing(name: str, tmp_path: Path) -> None:
    for ending in ("jpg", "png", "txt", "heic"):
        path = tmp_path / f"photo.{ending}"
        path.write_bytes(FORMATS[name])
        assert read_photo(path).width == 96


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"only text", "not an image"),
        (b"BMW is a make of cars, and this is a text", "not an image"),
        (b"%PDF-1.7\n", "PDF"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "drawing"),
        (b"<?xml version='1.0'?>\n<svg/>", "drawing"),
        (b"<?xml version='1.0'?>\n<note/>", "XML"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html></html>", "web page"),
        (b"<HTML></HTML>", "web page"),
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(40), "video"),
        (b"\x1aE\xdf\xa3" + bytes(40), "video"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not an image"),
        (b"P6 1 1 255 abc", "not an image"),
        (pickle.dumps({"a": 1}), "not an image"),
        (bytes(1_000), "not an image"),
        (b"\0", "not an image"),
    ],
)
def test_what_is_no_photo_is_called_what_it_is(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(content)
    message = refusal(path)
    assert reason in message
    assert "holiday.png" in message
    assert "Choose a JPEG, PNG" in message


# --- sources that cannot be read ----------------------------------------------------------------------


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    assert "there is no such file. Check the path" in refusal(tmp_path / "missing.jpg")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    assert "loop could not be read: Too many levels" in refusal(tmp_path / "loop")
    assert "could not be read" in refusal(tmp_path / "a" / ("x" * 300))
    assert "null byte" in refusal("photo\0.jpg")
    assert "could not be read" in refusal("photo\ud800.jpg")
    assert "the photo could not be read" in refusal("")
    (tmp_path / "file").write_bytes(b"x")
    assert "could not be read: Not a directory" in refusal(tmp_path / "file" / "photo.jpg")


@pytest.mark.parametrize("source", [b"", bytearray(), memoryview(b""), io.BytesIO()])
def test_nothing_at_all(source: object) -> None:
    assert "empty (0 bytes)" in refusal(source)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    assert "empty.jpg could not be read: it is empty (0 bytes). Choose another file." in refusal(tmp_path / "empty.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(FORMATS["photo.jpg"])
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_and_a_device_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "not a regular file" in refusal(tmp_path / "pipe.jpg")
    assert "not a regular file" in refusal("/dev/zero")
    assert "not a regular file" in refusal("/dev/null")


@pytest.mark.parametrize("name", ["two\nlines.jpg", "\x1b[31mred\x1b[0m.jpg", "gpj.\u202ephoto", "x" * 10_000])
def test_names_stay_short_and_printable(name: str, tmp_path: Path) -> None:
    assert len(named(name).short_name) <= 120
    refusal(tmp_path / name)
    refusal(NamedPhoto(b"text", name))
    file = io.BytesIO(b"text")
    file.name = name
    refusal(file)


def test_text_files_are_not_photos(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(FORMATS["photo.png"])
    with path.open(encoding="utf-8") as file:
        assert "photo.png could not be read: the file was opened as text. Open it in binary mode." in refusal(file)
    assert "opened as text" in refusal(io.StringIO("text"))


def test_file_objects_that_fail(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(FORMATS["photo.png"])
    with path.open("rb") as file:
        pass
    assert "closed file" in refusal(file)
    with path.open("ab") as write_only:
        assert "could not be read" in refusal(write_only)
    image = Image.open(path)
    image.close()
    assert "could not be read" in refusal(image)


@pytest.mark.parametrize("source", [None, 5, 3.5, ["photo.jpg"], object()])
def test_a_source_of_the_wrong_type_is_a_mistake_in_the_program(source: object) -> None:
    with pytest.raises(TypeError, match="a photo is a path, bytes"):
        read_photo(source)  # type: ignore[arg-type]


def test_an_image_without_pixels() -> None:
    assert "no pixels" in refusal(Image.new("RGB", (0, 5)))


# --- too many bytes ---------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """Zeros for ever; counts what was taken."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.taken += len(buffer)
        buffer[:] = bytes(len(buffer))
        return len(buffer)


def test_never_more_bytes_than_the_limit(tmp_path: Path) -> None:
    limits = ImageLimits(max_bytes=100_000)
    path = tmp_path / "large.png"
    path.write_bytes(FORMATS["photo.png"] + bytes(200_000))
    for source in (path, path.read_bytes(), memoryview(path.read_bytes()), io.BytesIO(path.read_bytes())):
        message = refusal(source, ImageTooLarge, limits=limits)
        assert "the limit is 0.1 MB. Save it smaller, or raise POPSCORE_MAX_IMAGE_MB." in message
    with Image.open(path) as lazy:
        refusal(lazy, ImageTooLarge, limits=limits)
    endless = Endless()
    refusal(endless, ImageTooLarge, limits=limits)
    assert endless.taken == 100_001


def test_a_photo_of_just_the_limit_is_read() -> None:
    content = FORMATS["photo.png"]
    assert read_photo(content, limits=ImageLimits(max_bytes=len(content))).width == 96
    refusal(content, ImageTooLarge, limits=ImageLimits(max_bytes=len(content) - 1))


# --- too many pixels --------------------------------------------------------------------------------


def _webp_header(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk) + 1_000) + b"WEBP" + chunk + bytes(1_000)


def _heif_with_size(content: bytes, width: int, height: int) -> bytes:
    return content.replace(b"ispe" + struct.pack(">III", 0, 96, 64), b"ispe" + struct.pack(">III", 0, width, height))


BOMBS: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: with_jpeg_size(FORMATS["photo.jpg"], 65_500, 65_500),
    "progressive jpeg": lambda: with_jpeg_size(FORMATS["progressive.jpg"], 65_500, 65_500),
    "gif": lambda: FORMATS["photo.gif"][:6] + struct.pack("<HH", 65_535, 65_535) + FORMATS["photo.gif"][10:],
    "gif frame": lambda: FORMATS["photo.gif"].replace(
        b"\x2c" + struct.pack("<HHHH", 0, 0, 96, 64), b"\x2c" + struct.pack("<HHHH", 0, 0, 65_535, 65_535)
    ),
    "bmp": lambda: FORMATS["photo.bmp"][:18] + struct.pack("<ii", 60_000, 60_000) + FORMATS["photo.bmp"][26:],
    "tiff": lambda: tiff(60_000, 60_000, b"\0" * 100, bits=(8,), photometric=1),
    "avif": lambda: _heif_with_size(FORMATS["photo.avif"], 16_000, 16_000),
    "heic": lambda: _heif_with_size(FORMATS["photo.heic"], 30_000, 30_000),
    "png": lambda: png(60_000, 60_000, depth=8, color=2, rows=b"\0" * 100),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_header_that_claims_too_many_pixels(name: str) -> None:
    content = BOMBS[name]()
    assert len(content) < 100_000
    started = time.perf_counter()
    message = refusal(NamedPhoto(content, "bomb"), ImageTooLarge, at_least=(448, 448))
    assert time.perf_counter() - started < 2
    assert "bomb is too large: " in message
    assert "Save it smaller." in message


def test_a_webp_header_that_claims_too_many_pixels() -> None:
    with pytest.raises(PopscoreError):
        read_photo(_webp_header(16_383, 16_383))


# Reads a photo and reports what it cost. VmHWM, since what getrusage says begins with the parent's memory.
_COST = """
import json, sys, time
from pathlib import Path
from popscore.errors import PopscoreError
from popscore.photos.decode import read_photo

def peak_kb():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before, started = peak_kb(), time.perf_counter()
try:
    answer = read_photo(sys.argv[1], at_least=(448, 448)).pixels.size
except PopscoreError as error:
    answer = type(error).__name__
print(json.dumps([answer, (peak_kb() - before) // 1000, time.perf_counter() - started]))
"""


def cost(path: Path) -> tuple[object, int, float]:
    """What came of a photo, the memory it took in MB, and the seconds."""
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is measured with /proc")
    command = [sys.executable, "-c", _COST, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    answer, peak_mb, time_s = json.loads(done.stdout)
    return answer, peak_mb, time_s


def test_a_png_of_400_megapixels_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(20_000, 20_000))
    assert path.stat().st_size < 400_000
    answer, peak_mb, time_s = cost(path)
    assert answer == "ImageTooLarge"
    assert peak_mb < 30
    assert time_s < 2
    assert "20000 x 20000 pixels (400 megapixels), the limit is" in refusal(path, ImageTooLarge)


def test_a_large_png_with_alpha_is_read_in_two_copies_of_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    row = b"\0" + b"\x80\x40\x20\xc0" * 5_000
    path.write_bytes(png(5_000, 4_000, depth=8, color=6, rows=row * 4_000))
    answer, peak_mb, _ = cost(path)
    assert answer == [5_000, 4_000]
    assert peak_mb < 2 * 80 + 30  # 4 bytes per pixel; a third copy would take 240 MB


def test_a_large_jpeg_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (8_000, 5_000), "teal").save(path, quality=80)
    answer, peak_mb, _ = cost(path)
    assert answer == [1_000, 625]
    assert peak_mb < 30  # decoded whole it takes 160 MB


# --- files that are work to read ----------------------------------------------------------------------


def test_a_progressive_jpeg_with_thousands_of_scans() -> None:
    white = saved(Image.new("RGB", (4_000, 4_000), "white"), "JPEG", progressive=True)
    content = with_many_scans(white, 5_000)
    assert len(content) < 10_000_000
    started = time.perf_counter()
    assert "too many scans" in refusal(content)
    assert time.perf_counter() - started < 1


def test_a_progressive_jpeg_with_a_few_more_scans_is_read() -> None:
    assert read_photo(with_many_scans(FORMATS["progressive.jpg"], 20)).width == 96


def test_a_motion_photo_is_read() -> None:
    """A video hangs at its end, in which anything may look like scans; so may a comment."""
    video = b"\0\0\0\x20ftypmp42" + b"\xff\xda\0\2" * 1_000
    content = with_jpeg_segment(FORMATS["photo.jpg"], 0xFE, b"\xff\xda" * 1_000) + video
    assert np.array_equal(np.asarray(read_photo(content).pixels), np.asarray(read_photo(FORMATS["photo.jpg"]).pixels))


@pytest.mark.parametrize("filling", [b"\xff\x01", b"\xff\xfe\0\2\xff\xd0"])
def test_scans_cannot_be_hidden(filling: bytes) -> None:
    """An end mark in a comment does not end the photo; millions of other marks do not take long."""
    content = with_many_scans(FORMATS["progressive.jpg"], 1)
    last = content.rindex(b"\xff\xda")
    comment = b"\xff\xfe\0\4\xff\xd9"
    scans = content[last:-2]
    assert "too many scans" in refusal(content[:last] + comment + scans * 100 + b"\xff\xd9")
    started = time.perf_counter()
    refusal(content[:last] + filling * 3_000_000 + scans * 100 + b"\xff\xd9")
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(200_000_000), 1)),
        png_chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(200_000_000), 1)),
        png_chunk(b"iTXt", b"comment\0\1\0\0\0" + zlib.compress(bytes(200_000_000), 1)),
    ],
    ids=["iCCP", "zTXt", "iTXt"],
)
def test_a_png_whose_texts_unpack_to_200_mb(chunk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "texts.png"
    path.write_bytes(png(2, 2, depth=8, color=0, rows=bytes(6), extra=chunk))
    answer, peak_mb, _ = cost(path)
    assert answer in ("UnreadableImage", [2, 2])
    assert peak_mb < 30


# --- damaged files ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_a_photo_cut_short_is_refused_or_whole(name: str) -> None:
    content = FORMATS[name]
    whole = np.asarray(read_photo(content).pixels)
    refused = 0
    for share in (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        try:
            found = np.asarray(read_photo(NamedPhoto(content[: int(share * len(content))], "cut")).pixels)
        except UnreadableImage as error:
            assert "cut could not be read" in str(error)
            refused += 1
        else:
            assert np.array_equal(found, whole), share
    assert refused >= 6


@pytest.mark.parametrize("mode", ["F", "I"])
@pytest.mark.parametrize("value", [-1, 70_000, float("nan"), float("inf")])
def test_grey_values_that_mean_nothing(mode: str, value: float) -> None:
    if mode == "I" and value not in (-1, 70_000):
        return
    image = Image.new(mode, (2, 1), 1)
    image.putpixel((0, 0), value)
    assert "grey values lie outside 0 to 65535" in refusal(image)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_bytes_raise_nothing_else(name: str) -> None:
    """A bounded part of a long run; the seed is fixed, so a failure comes back."""
    chance = random.Random(name)  # noqa: S311
    deadline = time.perf_counter() + 3
    for _ in range(150):
        content = bytearray(FORMATS[name])
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            # Headers hold most of what can go wrong.
            end = chance.choice((32, 200, len(content)))
            content[chance.randrange(min(end, len(content)))] = chance.choice(
                (0, 1, 127, 128, 255, chance.randrange(256))
            )
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        try:
            read_photo(bytes(content), at_least=(16, 16), limits=ImageLimits(max_pixels=2_000_000))
        except PopscoreError as error:
            assert str(error).isprintable()
        if time.perf_counter() > deadline:
            break


@pytest.mark.parametrize("name", ["photo.webp", "photo.avif", "photo.heic", "photo.png"])
def test_formats_that_cost_more_memory_may_have_fewer_pixels(name: str) -> None:
    pixels = 96 * 64
    assert read_photo(FORMATS[name], limits=ImageLimits(max_decoded_pixels=2 * pixels)).width == 96
    if name == "photo.png":
        assert read_photo(FORMATS[name], limits=ImageLimits(max_decoded_pixels=pixels)).width == 96
    else:
        assert "96 x 64" in refusal(FORMATS[name], ImageTooLarge, limits=ImageLimits(max_decoded_pixels=pixels))


def test_a_jpeg_may_have_more_pixels_than_are_decoded() -> None:
    content = saved(picture(800, 600), "JPEG")
    limits = ImageLimits(max_decoded_pixels=400 * 300)
    assert read_photo(content, at_least=(200, 200), limits=limits).width == 800
    assert "800 x 600" in refusal(content, ImageTooLarge, limits=limits)
    refusal(content, ImageTooLarge, at_least=(200, 200), limits=ImageLimits(max_pixels=800 * 600 - 1))
