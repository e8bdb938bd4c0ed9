"""Every format becomes the pixels it must be, upright, whatever way it comes in."""

import io
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from commands import ROOT
from photos import every_format, picture, png, png_chunk, saved, sideways, tiff, with_jpeg_segment
from PIL import Image, ImageCms

from popscore.errors import ImageTooLarge
from popscore.photos.decode import read_photo
from popscore.scoring.scorer import Scorer, load_scorer
from popscore.settings import Settings

Pixels = npt.NDArray[np.int16]


def pixels_of(source: object, **options: object) -> Pixels:
    photo = read_photo(source, **options)  # type: ignore[arg-type]
    assert photo.pixels.mode == "RGB"
    return np.asarray(photo.pixels).astype(np.int16)


def row_of(source: bytes) -> list[tuple[int, ...]]:
    """The first row of a small picture."""
    return [tuple(pixel) for pixel in pixels_of(source)[0].tolist()]


def difference(one: Pixels, other: Pixels) -> float:
    """Mean absolute difference, 0 to 255."""
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


PICTURE = picture()
EXPECTED = np.asarray(PICTURE).astype(np.int16)
FORMATS = every_format(PICTURE)
WHITE = (255, 255, 255)


# --- formats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_pixels(name: str) -> None:
    # A GIF has 256 colours; the lossy ones are saved at quality 95.
    limit = 8 if name.endswith(".gif") else 0 if name.endswith((".png", ".bmp", "less.webp", "o.tif", "w.tif")) else 2
    photo = read_photo(FORMATS[name])
    assert (photo.width, photo.height) == (96, 64)
    assert difference(pixels_of(FORMATS[name]), EXPECTED) <= limit


@pytest.mark.parametrize("progressive", [False, True])
def test_grey_jpeg(progressive: bool) -> None:
    grey = PICTURE.convert("L")
    found = pixels_of(saved(grey, "JPEG", quality=95, progressive=progressive))
    assert difference(found, np.asarray(grey.convert("RGB")).astype(np.int16)) < 2


def test_cmyk_jpeg_is_not_a_negative() -> None:
    # Pillow writes CMYK as Adobe does, inverted and with Adobe's marker.
    content = saved(PICTURE.convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in content
    assert difference(pixels_of(content), EXPECTED) < 3


def test_cmyk_jpeg_without_adobe_marker_is_read_as_browsers_do() -> None:
    content = saved(PICTURE.convert("CMYK"), "JPEG", quality=95)
    at = content.index(b"\xff\xee")
    without = content[:at] + content[at + 2 + int.from_bytes(content[at + 2 : at + 4], "big") :]
    assert difference(pixels_of(without), EXPECTED) < 3


def test_of_an_mpo_the_first_picture_is_read() -> None:
    content = saved(PICTURE, "MPO", quality=95, save_all=True, append_images=[Image.new("RGB", (96, 64), "red")])
    assert difference(pixels_of(content), EXPECTED) < 2


def test_of_an_ultra_hdr_photo_the_picture_is_read_not_its_gain_map() -> None:
    gain_map = saved(Image.new("L", (24, 16), 200), "JPEG")
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'
    content = with_jpeg_segment(FORMATS["photo.jpg"], 0xE1, xmp) + gain_map
    assert np.array_equal(pixels_of(content), pixels_of(FORMATS["photo.jpg"]))


@pytest.mark.parametrize(
    ("depth", "row", "greys"),
    [
        (1, [0b01000000], [0, 255]),
        (2, [0b00011011], [0, 85, 170, 255]),
        (4, [0x0F, 0x50], [0, 255, 85]),
        (8, [0, 7, 255], [0, 7, 255]),
        (16, [0, 0, 0x80, 0x80, 0xFF, 0xFF], [0, 128, 255]),
    ],
)
def test_grey_png_of_every_depth(depth: int, row: list[int], greys: list[int]) -> None:
    content = png(len(greys), 1, depth=depth, color=0, rows=bytes([0, *row]))
    assert row_of(content) == [(grey, grey, grey) for grey in greys]


@pytest.mark.parametrize(("depth", "row"), [(1, [0b01000000]), (2, [0b00010000]), (4, [0x01]), (8, [0, 1])])
def test_palette_png_of_every_depth(depth: int, row: list[int]) -> None:
    palette = png_chunk(b"PLTE", bytes([10, 20, 30, 200, 100, 0]))
    content = png(2, 1, depth=depth, color=3, rows=bytes([0, *row]), extra=palette)
    assert row_of(content) == [(10, 20, 30), (200, 100, 0)]


def test_16_bit_colour_png_is_scaled_not_clipped() -> None:
    row = np.array([0, 0x8080, 0xFFFF, 0x4040, 0x0101, 0xC0C0], ">u2").tobytes()
    assert row_of(png(2, 1, depth=16, color=2, rows=b"\0" + row)) == [(0, 128, 255), (64, 1, 192)]


@pytest.mark.parametrize(
    ("depth", "color", "row", "transparent", "expected"),
    [
        (1, 0, [0b01000000], [0, 0], [WHITE, WHITE]),
        (1, 0, [0b01000000], [0, 1], [(0, 0, 0), WHITE]),
        (2, 0, [0b01100000], [0, 1], [WHITE, (170, 170, 170)]),
        (4, 0, [0x5A], [0, 5], [WHITE, (170, 170, 170)]),
        (8, 0, [5, 9], [0, 5], [WHITE, (9, 9, 9)]),
        (16, 0, [1, 5, 0x80, 0], [1, 5], [WHITE, (128, 128, 128)]),
        (8, 2, [1, 2, 3, 4, 5, 6], [0, 1, 0, 2, 0, 3], [WHITE, (4, 5, 6)]),
        (16, 2, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0], [1, 0, 2, 0, 3, 0], [WHITE, (4, 5, 6)]),
        (8, 3, [0, 1], [0], [WHITE, (200, 100, 0)]),
        (8, 3, [0, 1], [255, 0], [(10, 20, 30), WHITE]),
        (8, 3, [0, 1], [0, 51], [WHITE, (244, 224, 204)]),
    ],
)
def test_transparent_colour_of_a_png_becomes_white(
    depth: int, color: int, row: list[int], transparent: list[int], expected: list[tuple[int, ...]]
) -> None:
    palette = png_chunk(b"PLTE", bytes([10, 20, 30, 200, 100, 0])) if color == 3 else b""
    extra = palette + png_chunk(b"tRNS", bytes(transparent))
    assert row_of(png(2, 1, depth=depth, color=color, rows=bytes([0, *row]), extra=extra)) == expected


@pytest.mark.parametrize(
    ("depth", "color", "row"),
    [
        (8, 4, [100, 255, 100, 0, 100, 51]),
        (8, 6, [100, 100, 100, 255, 100, 100, 100, 0, 100, 100, 100, 51]),
        (16, 4, [100, 100, 255, 255, 100, 100, 0, 0, 100, 100, 51, 51]),
        (16, 6, [*[100] * 6, 255, 255, *[100] * 6, 0, 0, *[100] * 6, 51, 51]),
    ],
)
def test_alpha_of_a_png_is_flattened_on_white(depth: int, color: int, row: list[int]) -> None:
    found = row_of(png(3, 1, depth=depth, color=color, rows=bytes([0, *row])))
    assert found == [(100,) * 3, WHITE, (224,) * 3]  # .2 x 100 + .8 x 255


def test_interlaced_png() -> None:
    # Adam7 of a 2 x 2 picture: pass 1 holds the first pixel, pass 6 the second, pass 7 the lower row.
    content = png(2, 2, depth=8, color=0, rows=bytes([0, 10, 0, 20, 0, 30, 40]), interlace=1)
    assert pixels_of(content)[:, :, 0].tolist() == [[10, 20], [30, 40]]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (96, 64), color) for color in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(PICTURE, kind, save_all=True, append_images=frames, **options)
    assert Image.open(io.BytesIO(content)).n_frames == 3  # type: ignore[attr-defined]
    assert difference(pixels_of(content), EXPECTED) < 8


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_alpha_is_flattened_on_white(kind: str) -> None:
    image = Image.new("RGBA", (64, 64), (200, 100, 0, 0))
    image.paste((200, 100, 0, 255), (0, 0, 32, 64))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = pixels_of(saved(image, kind, **options))
    assert np.abs(found[:, :30] - [200, 100, 0]).max() <= 6
    assert np.abs(found[:, 34:] - 255).max() <= 6


def test_transparent_gif_is_flattened_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    assert row_of(saved(image, "GIF", transparency=0)) == [WHITE, (200, 100, 0)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmp_of_every_mode(mode: str) -> None:
    image = PICTURE.convert(mode)
    expected = np.asarray(image.convert("RGB")).astype(np.int16)
    assert np.array_equal(pixels_of(saved(image, "BMP")), expected)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_of_every_compression(compression: str) -> None:
    assert np.array_equal(pixels_of(saved(PICTURE, "TIFF", compression=compression)), EXPECTED)


def test_cmyk_tiff() -> None:
    assert difference(pixels_of(saved(PICTURE.convert("CMYK"), "TIFF")), EXPECTED) < 2


def test_lab_tiff_has_the_right_colours() -> None:
    content = saved(PICTURE.convert("LAB"), "TIFF")
    assert difference(pixels_of(content), EXPECTED) < 4


@pytest.mark.parametrize(
    ("order", "photometric", "greys"),
    [("<", 1, [0, 128, 255]), (">", 1, [0, 128, 255]), ("<", 0, [255, 127, 0])],
)
def test_16_bit_grey_tiff_is_scaled_not_clipped(order: str, photometric: int, greys: list[int]) -> None:
    stored = np.array([0, 0x8080, 0xFFFF], order + "u2").tobytes()
    content = tiff(3, 1, stored, bits=(16,), photometric=photometric, order=order)
    assert row_of(content) == [(grey,) * 3 for grey in greys]


def test_12_bit_grey_tiff_is_not_black() -> None:
    content = tiff(2, 1, bytes([0xFF, 0xF8, 0x00]), bits=(12,), photometric=1)
    assert row_of(content) == [WHITE, (128,) * 3]


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_colour_tiff(order: str) -> None:
    stored = np.array([0, 0x8080, 0xFFFF, 0x4040, 0x0101, 0xC0C0], order + "u2").tobytes()
    content = tiff(2, 1, stored, bits=(16, 16, 16), photometric=2, order=order)
    assert row_of(content) == [(0, 128, 255), (64, 1, 192)]


@pytest.mark.parametrize("values", [[0, 0.5, 1], [0, 127.5, 255], [0, 32767.5, 65535]])
def test_float_tiff(values: list[float]) -> None:
    stored = np.array(values, "<f4").tobytes()
    assert row_of(tiff(3, 1, stored, bits=(32,), photometric=1, sample=3)) == [(0,) * 3, (128,) * 3, WHITE]


def test_10_bit_heic() -> None:
    deep = (np.asarray(PICTURE).astype(np.uint16) << 8) + 128
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", PICTURE.size, deep.tobytes()).save(file, quality=95)
    assert pillow_heif.open_heif(file, convert_hdr_to_8bit=False).info["bit_depth"] == 10
    assert difference(pixels_of(file.getvalue()), EXPECTED) < 3


# --- upright ----------------------------------------------------------------------------------------

ORIENTED = ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ORIENTED)
def test_every_orientation_is_upright(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {} if kind in ("PNG", "TIFF") else {"quality": 95}
    content = sideways(PICTURE, kind, orientation, **options)
    photo = read_photo(content)
    assert (photo.width, photo.height) == photo.pixels.size == (96, 64)
    limit = 2 if kind in ("JPEG", "HEIF", "AVIF") else 0
    assert difference(pixels_of(content), EXPECTED) <= limit
    opened = pixels_of(Image.open(io.BytesIO(content)) if kind != "HEIF" else content)
    assert np.array_equal(opened, pixels_of(content))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_turn_nothing(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(pixels_of(saved(PICTURE, "PNG", exif=exif)), EXPECTED)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored() -> None:
    content = with_jpeg_segment(FORMATS["photo.jpg"], 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert np.array_equal(pixels_of(content), pixels_of(FORMATS["photo.jpg"]))


# --- every way in -----------------------------------------------------------------------------------


class Trickle(io.RawIOBase):
    """A pipe or socket: it cannot seek, and gives less than was asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._content.read(min(len(buffer), 7))
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize("name", FORMATS)
def test_every_way_in_gives_the_same_pixels(name: str, tmp_path: Path) -> None:
    content = FORMATS[name]
    path = tmp_path / "photo"
    path.write_bytes(content)
    expected = pixels_of(content)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(content)
        spooled.seek(0)
        sources: list[object] = [path, str(path), bytearray(content), memoryview(content), io.BytesIO(content)]
        sources += [file, raw, spooled, Trickle(content)]
        for source in sources:
            assert np.array_equal(pixels_of(source), expected), source
    if not name.endswith(".heic"):
        with Image.open(path) as lazy:
            assert np.array_equal(pixels_of(lazy), expected)
            lazy.load()
            assert np.array_equal(pixels_of(lazy), expected)


def test_a_file_object_is_read_once_and_left_open() -> None:
    file = io.BytesIO(FORMATS["photo.png"])
    read_photo(file)
    assert not file.closed
    assert file.tell() == len(FORMATS["photo.png"])


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("name", [name for name in FORMATS if not name.endswith(".heic")])
def test_the_callers_image_is_left_as_it_was(name: str, loaded: bool) -> None:
    file = io.BytesIO(FORMATS[name])
    image = Image.open(file)
    if loaded:
        image.load()
    before = (image.mode, image.size, dict(image.info), image.format, file.tell())
    photo = read_photo(image, at_least=(8, 8))
    assert (image.mode, image.size, dict(image.info), image.format, file.tell()) == before
    photo.pixels.paste("black", (0, 0, 96, 64))
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(FORMATS[name]))))


def test_an_image_changed_by_the_caller_is_read_as_it_is() -> None:
    content = saved(picture(256, 192), "JPEG", quality=95)
    cropped = Image.open(io.BytesIO(content)).crop((10, 10, 50, 40))
    assert read_photo(cropped).pixels.size == (40, 30)
    drafted = Image.open(io.BytesIO(content))
    drafted.draft(None, (32, 32))
    photo = read_photo(drafted)
    assert photo.pixels.size == (photo.width, photo.height) == drafted.size == (64, 48)
    painted = Image.open(io.BytesIO(content))
    painted.paste("white", (0, 0, 256, 192))
    assert pixels_of(painted).min() == 255


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_a_later_frame_is_read_as_it_is(kind: str) -> None:
    content = saved(PICTURE, kind, save_all=True, append_images=[Image.new("RGB", (96, 64), (0, 0, 255))])
    image = Image.open(io.BytesIO(content))
    image.seek(1)
    assert np.abs(pixels_of(image) - [0, 0, 255]).max() <= 4
    assert image.tell() == 1
    image.seek(0)
    assert difference(pixels_of(image), EXPECTED) < 8


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"]
)
def test_a_pil_image_of_every_mode(mode: str) -> None:
    grey = mode in ("1", "L", "LA", "I", "F")
    start = PICTURE.convert("L") if grey else PICTURE
    image = start.convert("P").convert("PA") if mode == "PA" else start.convert(mode)
    limits = {"1": 130, "P": 20, "PA": 20}  # few colours
    expected = np.asarray(start.convert("RGB")).astype(np.int16)
    assert difference(pixels_of(image), expected) < limits.get(mode, 3)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_a_pil_image_with_premultiplied_alpha(mode: str) -> None:
    straight = Image.new(
        "RGBA" if mode == "RGBa" else "LA", (1, 1), (100, 100, 100, 51) if mode == "RGBa" else (100, 51)
    )
    assert pixels_of(straight.convert(mode))[0, 0].tolist() == pytest.approx([224] * 3, abs=3)


def test_an_image_in_a_format_of_its_own_is_read_as_it_is() -> None:
    image = Image.open(io.BytesIO(saved(PICTURE, "PPM")))
    assert np.array_equal(pixels_of(image), EXPECTED)


# --- decoding at reduced size -----------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("width", "height"), [(1000, 700), (700, 1000), (513, 512), (2049, 400), (511, 511)])
def test_a_jpeg_is_decoded_at_no_less_than_asked(width: int, height: int, orientation: int) -> None:
    content = sideways(picture(width, height), "JPEG", orientation, quality=90)
    photo = read_photo(content, at_least=(256, 250))
    assert (photo.width, photo.height) == (width, height)
    assert min(photo.pixels.size) >= min(256, width, height)
    assert (photo.pixels.width > photo.pixels.height) == (width > height)
    assert photo.pixels.width / width == pytest.approx(photo.pixels.height / height, rel=0.01)
    if min(width, height) >= 512:
        assert photo.pixels.width < width
    else:
        assert photo.pixels.width == width


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF"])
def test_only_jpeg_is_decoded_at_reduced_size(kind: str) -> None:
    assert read_photo(saved(picture(640, 480), kind), at_least=(32, 32)).pixels.size == (640, 480)


def test_reduced_size_hardly_changes_what_the_model_sees() -> None:
    content = saved(picture(2000, 1500), "JPEG", quality=90)
    small = (224, 224)
    full = read_photo(content).pixels.resize(small, Image.Resampling.BILINEAR)
    reduced = read_photo(content, at_least=(448, 448)).pixels
    assert reduced.size == (500, 375) or reduced.size == (1000, 750)
    reduced = reduced.resize(small, Image.Resampling.BILINEAR)
    assert difference(np.asarray(full).astype(np.int16), np.asarray(reduced).astype(np.int16)) < 0.7


# --- colour profiles --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "profile", [b"", b"broken", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_colour_profile_changes_nothing(kind: str, profile: bytes) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    plain = pixels_of(saved(PICTURE, kind, **options))
    assert np.array_equal(pixels_of(saved(PICTURE, kind, icc_profile=profile, **options)), plain)


# --- scores -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_scorer(Settings())


@pytest.fixture(scope="module")
def cat_picture(photos: dict[str, Path]) -> Image.Image:
    return Image.open(photos["cat"]).crop((0, 0, 416, 288))


@pytest.mark.parametrize(("kind", "limit"), [("PNG", 0), ("TIFF", 0), ("WEBP", 0), ("JPEG", 0.05)])
def test_the_eight_orientations_score_the_same(
    scorer: Scorer, cat_picture: Image.Image, kind: str, limit: float
) -> None:
    # The size is a multiple of JPEG's blocks, and no colour is left out: what JPEG itself loses depends on how
    # the photo lies, by .1 points otherwise.
    jpeg = {"quality": 95, "subsampling": 0}
    options = {"lossless": True, "method": 0} if kind == "WEBP" else jpeg if kind == "JPEG" else {}
    photos = [sideways(cat_picture, kind, orientation, **options) for orientation in range(1, 9)]
    scores = [scorer.score(photo).score for photo in photos]
    assert max(scores) - min(scores) <= limit


def test_every_way_in_scores_the_same(scorer: Scorer, cat_picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    cat_picture.resize((3000, 2000), Image.Resampling.BICUBIC).save(path, quality=90)
    content = path.read_bytes()
    image = Image.open(path)
    sources = [path, str(path), content, bytearray(content), memoryview(content), io.BytesIO(content), image]
    assert len({scorer.score(source).score for source in sources}) == 1
    image.load()  # decoded by the caller in full, so no longer at reduced size
    assert scorer.score(image).score == pytest.approx(scorer.score(path).score, abs=0.15)


# --- a good guest in the caller's process -----------------------------------------------------------


def test_importing_and_reading_leave_pillow_alone(tmp_path: Path) -> None:
    for name, content in FORMATS.items():
        (tmp_path / name).write_bytes(content)
    program = """
import sys, warnings
from pathlib import Path
import numpy  # adds warning filters of its own
from PIL import Image, ImageFile

def state():
    return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, warnings.filters[:], warnings.showwarning

before = state()
from popscore.errors import ImageTooLarge
from popscore.photos.decode import read_photo
from popscore.scoring.scorer import Scorer, load_scorer
from popscore.settings import Settings
for path in Path(sys.argv[1]).iterdir():
    read_photo(path, at_least=(8, 8))
assert state() == before
assert "HEIF" not in Image.OPEN
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program, tmp_path], check=True, cwd=ROOT)


def test_large_photos_cause_no_warning() -> None:
    content = saved(Image.new("L", (12_000, 8_000)), "JPEG")
    with pytest.warns(Image.DecompressionBombWarning), Image.open(io.BytesIO(content)):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(content, at_least=(448, 448)).width == 12_000


@pytest.mark.parametrize("name", FORMATS)
def test_what_pillow_is_set_to_allow_hardly_matters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = pixels_of(FORMATS[name])
    for most in (10, 4_000, None):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        if name.endswith(".tif") and most == 10:
            with pytest.raises(ImageTooLarge, match="more pixels than Pillow is set to allow"):
                read_photo(FORMATS[name])
        elif not (name.endswith(".tif") and most):
            assert np.array_equal(pixels_of(FORMATS[name]), expected)


def test_threads_get_equal_pixels() -> None:
    expected = {name: pixels_of(content) for name, content in FORMATS.items()}
    start = threading.Barrier(8)

    def read_all(shift: int) -> bool:
        start.wait()
        names = list(FORMATS)
        names = names[shift:] + names[:shift]
        return all(np.array_equal(pixels_of(FORMATS[name]), expected[name]) for name in names * 3)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read_all, range(8)))


class SlowFile(io.BytesIO):
    """Gives other threads time to move its position before it reads."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.001)
        return super().read(size)


@pytest.mark.parametrize("loaded", [False, True])
def test_threads_may_share_one_image(loaded: bool) -> None:
    image = Image.open(SlowFile(FORMATS["photo.bmp"]))
    if loaded:
        image.load()
    with ThreadPoolExecutor(8) as pool:
        assert all(np.array_equal(found, EXPECTED) for found in pool.map(pixels_of, itertools.repeat(image, 50)))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(FORMATS["photo.png"])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for source in [path, tmp_path, tmp_path / "missing"] * 5:
        try:
            read_photo(source)
        except ValueError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
