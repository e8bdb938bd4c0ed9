"""Facts of a photo: what the file says, what the pixels measure."""

import json
from pathlib import Path

import pytest
from hostile_photos import exif_bomb
from photos import picture, saved, sideways
from PIL import ExifTags, Image

import popscore
from popscore.errors import UnreadableImage
from popscore.insight.facts import facts, fitting_shapes, measured, shape_words


def exif(**more: object) -> Image.Exif:
    found = Image.Exif()
    found[0x010F], found[0x0110], found[0x0112] = "Canon", "Canon EOS R5", 6
    found.get_ifd(ExifTags.IFD.Exif).update(
        {0x829A: 1 / 250, 0x829D: 2.8, 0x8827: 125, 0x920A: 35.0, 0xA434: "RF35mm F1.8", 0x9003: "2026:05:04 10:11:12"}
    )
    for tag, value in more.items():
        found[int(tag[1:])] = value
    return found


def test_what_a_camera_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(picture(96, 64), "JPEG", exif=exif()))
    found = facts(path)
    assert (found.file, found.width, found.height, found.format) == (str(path), 64, 96, "JPEG")
    assert found.size_bytes == path.stat().st_size and found.taken == "2026-05-04T10:11:12"
    assert (found.camera, found.lens) == ("Canon EOS R5", "RF35mm F1.8")
    assert (found.exposure_s, found.f_number, found.iso, found.focal_length_mm) == (0.004, 2.8, 125, 35)
    rows = dict(found.rows)
    assert rows["Exposure"] == "1/250 s, f/2.8, ISO 125, 35 mm"
    assert rows["Taken"] == "4 May 2026, 10:11"
    assert rows["Camera"] == "Canon EOS R5, RF35mm F1.8"
    assert rows["Shape"] == "portrait, 2:3"
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["iso"] == 125 and {"name": "Shape", "words": "portrait, 2:3"} in document["rows"]


def test_what_the_file_does_not_say_has_no_row(cat: Path) -> None:
    found = facts(cat)
    assert found.format == "PNG" and found.camera is None and found.taken is None and found.iso is None
    assert [name for name, _ in found.rows] == ["Size", "File", "Shape", "Fits", "Light", "Sharpness", "Colour"]
    assert dict(found.rows)["Size"] == "451 x 300 pixels, 0.1 megapixels"


def test_pixels_without_a_file() -> None:
    found = facts(picture())
    assert found.format is None and found.size_bytes is None and "File" not in dict(found.rows)


@pytest.mark.parametrize(
    ("size", "shape", "fits"),
    [
        ((1080, 1920), "portrait, 9:16", ("9:16",)),
        ((1920, 1080), "landscape, 16:9", ("16:9",)),
        ((1080, 1350), "portrait, 4:5", ("4:5",)),
        ((1000, 1000), "square, 1:1", ("1:1",)),
        ((1200, 628), "landscape, 1.91:1", ("1.91:1",)),
        ((4032, 3024), "landscape, 4:3", ()),
        ((1, 5000), "tall strip, 1:5000", ()),
        ((5000, 1), "panorama, 5000:1", ()),
        ((1080, 1900), "portrait, 9:16", ("9:16",)),
    ],
)
def test_shapes(size: tuple[int, int], shape: str, fits: tuple[str, ...]) -> None:
    assert fitting_shapes(*size) == fits
    if size != (1080, 1900):  # 1 % off is still a story, and has a name of its own
        assert shape_words(*size) == shape


def test_a_lying_16_to_9_is_no_story() -> None:
    rows = dict(facts(picture(160, 90)).rows)
    assert rows["Fits"] == "a wide screen (16:9)"
    assert dict(facts(picture(90, 160)).rows)["Fits"] == "a story (9:16)"
    assert "none" in dict(facts(picture(100, 70)).rows)["Fits"]


def test_light_sharpness_and_colour() -> None:
    black, white = measured(Image.new("RGB", (90, 60))), measured(Image.new("RGB", (90, 60), "white"))
    assert black["brightness"] == 0 and black["shadows"] == 1 and black["sharpness"] == 0
    assert white["brightness"] == 255 and white["highlights"] == 1 and white["saturation"] == 0
    assert measured(Image.new("RGB", (90, 60), "red"))["saturation"] == 255
    words = dict(facts(Image.new("RGB", (90, 60))).rows)
    assert words["Light"] == "dark, low in contrast, 100 % of it black without detail"
    assert words["Colour"] == "black and white"


def test_a_blur_is_less_sharp_and_size_hardly_matters(photos: dict[str, Path]) -> None:
    image = Image.open(photos["coffee"]).convert("RGB")
    blurred = image.reduce(4).resize(image.size)
    assert measured(blurred)["sharpness"] < 0.5 * measured(image)["sharpness"]
    large = measured(image.resize((2400, 1600), Image.Resampling.BICUBIC))
    assert large["brightness"] == pytest.approx(measured(image)["brightness"], abs=2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_sideways(kind: str) -> None:
    found = facts(sideways(picture(), kind, 6))
    assert (found.width, found.height) == (96, 64)


def test_hostile_names_and_numbers() -> None:
    odd = exif(t271="Evil\x1b[2J\n", t272="\N{RIGHT-TO-LEFT OVERRIDE}<b>cam</b>" + "x" * 5000)
    odd.get_ifd(ExifTags.IFD.Exif).update({0x829A: 1e-30, 0x829D: 0.0, 0x8827: 0, 0x9003: "0000:00:00 00:00:00"})
    found = facts(saved(picture(), "JPEG", exif=odd))
    assert found.camera and len(found.camera) <= 120 and found.camera.isprintable()
    assert found.exposure_s is None and found.f_number is None and found.iso is None and found.taken is None
    facts(saved(picture(), "JPEG", exif=b"Exif\0\0" + exif_bomb()))
    with pytest.raises(UnreadableImage):
        facts(b"no photo")


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2, 2)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    assert facts(saved(picture(*size), "PNG")).rows


def test_it_is_a_name_of_the_package(cat: Path) -> None:
    assert popscore.facts(cat).width == 451
