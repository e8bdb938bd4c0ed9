"""Crops: shapes, places, scores that the shown pixels give again, and photos that make it hard."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from photos import picture, saved, sideways
from PIL import Image

import popscore
from popscore.errors import CropRefused, ExportFailed, InvalidSetting, UnreadableImage
from popscore.insight.aspects import ASPECTS, parse_aspect
from popscore.insight.crop_files import crop_name, save_crop, save_crops
from popscore.insight.crops import Crop, Crops, best_crops, best_crops_of, checked_box, score_box
from popscore.photos.decode import read_photo
from popscore.photos.sources import NamedPhoto
from popscore.scoring.scorer import Scorer, load_scorer

SHAPES = [aspect for aspect in ASPECTS if aspect != "free"]


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("POPSCORE_MODEL_PATH", "POPSCORE_MODEL_REPO"):
            patch.delenv(name, raising=False)
        yield load_scorer()


@pytest.fixture(scope="module")
def phone_photo(photos: dict[str, Path]) -> bytes:
    """12 megapixels, upright 3000 x 4000, stored as a phone stores it: sideways, as JPEG."""
    with Image.open(photos["coffee"]) as image:
        large = image.convert("RGB").resize((3000, 4000), Image.Resampling.BICUBIC)
    return sideways(large, "JPEG", 6, quality=90)


@pytest.fixture(scope="module")
def small_phone_photo(photos: dict[str, Path]) -> bytes:
    """The same with 1.2 megapixels; it is decoded at reduced size too."""
    with Image.open(photos["coffee"]) as image:
        large = image.convert("RGB").resize((960, 1280), Image.Resampling.BICUBIC)
    return sideways(large, "JPEG", 6, quality=90)


def check(found: Crops, size: tuple[int, int]) -> None:
    """What is true of all crops, whatever the photo."""
    json.dumps(found.to_json(), allow_nan=False)
    for crop in found.results:
        assert isinstance(crop, Crop)
        left, top, right, bottom = crop.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert (crop.width, crop.height) == size
        assert crop.gain == crop.score - crop.score_before
        assert crop.reason.isprintable()
        ratio = parse_aspect(crop.aspect).ratio
        if ratio is not None:
            assert right - left == size[0] or bottom - top == size[1]
            assert abs((right - left) - (bottom - top) * ratio) <= 1 + ratio


@pytest.mark.parametrize("name", ["cat", "coffee", "astronaut", "rocket"])
def test_each_score_is_that_of_the_shown_pixels(photos: dict[str, Path], scorer: Scorer, name: str) -> None:
    found = best_crops(photos[name], scorer=scorer)
    assert [crop.aspect for crop in found.results] == list(ASPECTS)
    with Image.open(photos[name]) as image:
        pixels = image.convert("RGB")
    check(found, pixels.size)
    for crop in found.results:
        assert crop.file == str(photos[name])
        assert crop.score == pytest.approx(scorer.score(pixels.crop(crop.box)).score, abs=1e-3)
        assert crop.score_before == pytest.approx(scorer.score(photos[name]).score, abs=1e-6)
        assert crop.score == pytest.approx(score_box(pixels, crop.box, scorer), abs=1e-6)


def test_a_phone_photo_of_12_megapixels(phone_photo: bytes, scorer: Scorer) -> None:
    found = best_crops(NamedPhoto(phone_photo, "phone.jpg"), scorer=scorer)
    check(found, (3000, 4000))
    decoded = read_photo(phone_photo, at_least=scorer.at_least)
    assert decoded.pixels.width < 3000  # decoded at reduced size, as for scoring
    for crop in found.results:
        left, top, right, bottom = (round(value * decoded.pixels.width / 3000) for value in crop.box)
        shown = decoded.pixels.crop((left, top, right, bottom))
        assert crop.score == pytest.approx(scorer.score(shown).score, abs=1e-3)


def test_decoded_in_full_a_crop_scores_as_when_it_is_saved(small_phone_photo: bytes, tmp_path: Path) -> None:
    exact = load_scorer(exact=True)
    (crop,) = best_crops(small_phone_photo, aspects=["1:1"], scorer=exact).results
    file = save_crop(small_phone_photo, crop.box, tmp_path / "crop.png")
    assert exact.score(file).score == pytest.approx(crop.score, abs=1e-3)


def test_whatever_model_scores_the_crops_are_the_same(
    cat: Path, scorer: Scorer, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = best_crops(cat, scorer=scorer)
    monkeypatch.setenv("POPSCORE_MODEL_PATH", str(tiny_model))
    other = best_crops(cat)
    assert [crop.box for crop in mine.results] == [crop.box for crop in other.results]
    assert other.model.source == "file"
    with Image.open(cat) as image:
        pixels = image.convert("RGB")
    for crop in other.results:
        assert crop.score == pytest.approx(load_scorer().score(pixels.crop(crop.box)).score, abs=1e-3)


def test_a_photo_of_the_shape_already(scorer: Scorer, astronaut: Path) -> None:
    (crop,) = best_crops(astronaut, aspects=["1:1"], scorer=scorer).results
    assert crop.box == (0, 0, 512, 512)
    assert crop.gain == 0
    assert "already" in crop.reason


@pytest.fixture
def astronaut(photos: dict[str, Path]) -> Path:
    return photos["astronaut"]


def test_what_there_is_to_see_is_in_the_crop(photos: dict[str, Path], scorer: Scorer) -> None:
    """A cup at one end of an empty table, and the same photo mirrored."""
    with Image.open(photos["coffee"]) as image:
        cup = image.convert("RGB")
    wide = Image.new("RGB", (1000, 400), cup.getpixel((5, 395)))
    wide.paste(cup, (0, 0))
    (crop,) = best_crops(wide, aspects=["1:1"], scorer=scorer).results
    assert crop.box[0] + crop.box[2] < 1000
    (mirrored,) = best_crops(wide.transpose(Image.Transpose.FLIP_LEFT_RIGHT), aspects=["1:1"], scorer=scorer).results
    assert mirrored.box[0] + mirrored.box[2] > 1000


# --- photos that make it hard -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (10, 10), (40, 30), (200, 7)])
def test_tiny_and_narrow_photos(size: tuple[int, int], scorer: Scorer) -> None:
    found = best_crops(picture(*size), scorer=scorer)
    check(found, size)
    assert len(found.results) + len(found.errors) == len(ASPECTS)
    assert found.results[-1].aspect == "free"
    for failed in found.errors:
        assert isinstance(failed.error, CropRefused)
        assert "Choose a larger photo" in str(failed.error)
    assert bool(found.errors) == (min(size) < 7)


def test_one_color(scorer: Scorer) -> None:
    found = best_crops(Image.new("RGB", (300, 200), "gray"), scorer=scorer)
    check(found, (300, 200))
    for crop in found.results:
        left, _, right, _ = crop.box
        assert abs(left + right - 300) <= 60
        assert crop.warning == "one_color"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "CMYK", "I;16"])
def test_alpha_and_other_modes(mode: str, scorer: Scorer) -> None:
    image = picture(300, 200)
    if mode == "I;16":
        image = Image.fromarray((np.asarray(image.convert("L"), np.uint16) * 257).astype(np.uint16))
    else:
        image = image.convert(mode)
    check(best_crops(image, scorer=scorer), (300, 200))


def test_the_first_frame_of_an_animation(scorer: Scorer) -> None:
    frames = [picture(120, 80), Image.new("RGB", (120, 80), "red")]
    file = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    check(best_crops(file, scorer=scorer), (120, 80))


def test_what_cannot_be_had(cat: Path, scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting):
        best_crops(cat, aspects=["1:99"], scorer=scorer)
    with pytest.raises(InvalidSetting):
        best_crops(cat, aspects=[], scorer=scorer)
    with pytest.raises(UnreadableImage):
        best_crops(tmp_path / "missing.jpg", scorer=scorer)


@pytest.mark.parametrize(
    "box",
    (
        *((), (1, 2, 3), "abcd", None, (math.nan, 0, 1, 1), (0, 0, math.inf, 1), (-1, 0, 5, 5), (0, 0, 97, 5)),
        *((5, 5, 5, 9), (9, 0, 3, 5), (0, 0, 10**400, 5), (0, 0, 1, 1, 1)),
    ),
)
def test_boxes_that_do_not_lie_in_the_photo(box: object, scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(CropRefused):
        score_box(picture(), box, scorer)  # type: ignore[arg-type]
    with pytest.raises(CropRefused):
        save_crop(picture(), box, tmp_path / "crop.png")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_box_by_hand(phone_photo: bytes, scorer: Scorer) -> None:
    assert checked_box((0.4, 0, 96.2, "64"), (96, 64)) == (0, 0, 96, 64)
    decoded = read_photo(phone_photo, at_least=scorer.at_least)
    size = decoded.width, decoded.height
    whole = score_box(decoded.pixels, (0, 0, *size), scorer, size=size)
    assert whole == scorer.score(phone_photo).score
    for edge in ((2999, 3999, 3000, 4000), (0, 0, 1, 1)):  # less than a pixel of what was decoded
        assert math.isfinite(score_box(decoded.pixels, edge, scorer, size=size))


def test_of_decoded_pixels(cat: Path, scorer: Scorer) -> None:
    decoded = read_photo(cat)
    found = best_crops_of(decoded, name="my cat", scorer=scorer)
    assert [crop.box for crop in found.results] == [crop.box for crop in best_crops(cat, scorer=scorer).results]
    assert {crop.file for crop in found.results} == {"my cat"}


def test_the_package_has_them(cat: Path) -> None:
    assert popscore.best_crops is best_crops
    assert popscore.Crops is Crops


# --- files ------------------------------------------------------------------------------------------


def test_saved_upright_and_in_full_resolution(small_phone_photo: bytes, scorer: Scorer, tmp_path: Path) -> None:
    photo = NamedPhoto(small_phone_photo, "phone.jpg")
    found = save_crops(photo, best_crops(photo, aspects=["4:5", "9:16"], scorer=scorer), tmp_path / "new" / "folder")
    assert not found.errors
    whole = np.asarray(read_photo(small_phone_photo).pixels, dtype=float)
    for crop in found.results:
        assert crop.image is not None
        left, top, right, bottom = crop.box
        with Image.open(crop.image) as image:
            assert image.size == (right - left, bottom - top)
            assert image.getexif().get(0x0112, 1) == 1
            written = np.asarray(image.convert("RGB"), dtype=float)
        assert np.abs(written - whole[top:bottom, left:right]).mean() < 2
    assert [Path(str(crop.image)).name for crop in found.results] == ["phone_crop_4x5.jpg", "phone_crop_9x16.jpg"]


def test_the_place_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    photo = saved(picture(300, 200), "JPEG", exif=exif)
    for keep in (False, True):
        file = save_crop(photo, (0, 0, 100, 100), tmp_path / f"{keep}.jpg", keep_location=keep)
        with Image.open(file) as image:
            assert image.getexif()[0x010F] == "Maker"
            assert bool(image.getexif().get_ifd(0x8825)) is keep


def test_names_of_crops(cat: Path) -> None:
    assert crop_name(cat, "1.91:1") == "chelsea_crop_1.91x1.png"
    assert crop_name(NamedPhoto(b"\xff\xd8\xff\xe0", "../../a:b.jpeg"), "free") == "a_b_crop_free.jpg"


def test_a_folder_that_is_a_file(cat: Path, scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportFailed):
        save_crops(cat, best_crops(cat, scorer=scorer), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_one_crop_that_cannot_be_written(cat: Path, scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "chelsea_crop_4x5.png").mkdir()
    found = save_crops(cat, best_crops(cat, aspects=["1:1", "4:5"], scorer=scorer), tmp_path)
    assert [bool(crop.image) for crop in found.results] == [True, False]
    assert [failed.file for failed in found.errors] == [str(cat)]


def test_the_photo_itself_is_never_replaced(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(saved(picture(), "PNG"))
    before = photo.read_bytes()
    with pytest.raises(ExportFailed):
        save_crop(photo, (0, 0, 10, 10), photo, replace=True)
    assert photo.read_bytes() == before
