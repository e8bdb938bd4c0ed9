"""Faces in real photos: where they are, and that other things are none."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from popscore.people.blazeface import FULL_RANGE, POINTS, SHORT_RANGE, Found, distinct, merged, overlaps
from popscore.people.faces import Face, detect

# Drawn by eye on the photo of 512 x 512 pixels: forehead to chin, without the hair.
ASTRONAUT_FACE = (175, 70, 275, 180)


def opened(photos: dict[str, Path], name: str) -> Image.Image:
    with Image.open(photos[name]) as image:
        return image.convert("RGB")


def overlap(face: Face, box: tuple[float, ...]) -> float:
    return float(overlaps(np.array(face.box, np.float32), np.array([box], np.float32))[0])


def test_the_face_of_the_astronaut_is_found(photos: dict[str, Path]) -> None:
    (face,) = detect(opened(photos, "astronaut"))
    assert overlap(face, ASTRONAUT_FACE) > 0.7
    assert 0.8 < face.confidence <= 1
    assert tuple(face.landmarks) == POINTS
    right, left, nose, mouth = (face.landmarks[name] for name in POINTS[:4])
    # Her own right eye is on the left of the picture.
    assert right[0] < nose[0] < left[0]
    assert max(right[1], left[1]) < nose[1] < mouth[1]
    assert all(abs(x - 222) < 60 and abs(y - 120) < 60 for x, y in face.landmarks.values())


@pytest.mark.parametrize("name", ["coffee", "cat", "rocket"])
def test_other_things_are_no_faces(photos: dict[str, Path], name: str) -> None:
    assert detect(opened(photos, name)) == []


@pytest.mark.parametrize("size", [(128, 128), (240, 240), (1500, 1500), (600, 500), (450, 600)])
def test_the_box_is_in_pixels_of_the_given_picture(photos: dict[str, Path], size: tuple[int, int]) -> None:
    picture = opened(photos, "astronaut").resize(size)
    (face,) = detect(picture)
    x, y = size[0] / 512, size[1] / 512
    left, top, right, bottom = ASTRONAUT_FACE
    assert overlap(face, (left * x, top * y, right * x, bottom * y)) > 0.5


def test_a_face_cut_by_the_border_ends_there(photos: dict[str, Path]) -> None:
    picture = opened(photos, "astronaut").crop((205, 60, 405, 260))
    (face,) = detect(picture)
    assert face.box[0] == 0
    assert face.width > 40
    assert face.width == face.box[2] - face.box[0]
    assert face.height == face.box[3] - face.box[1]


def test_a_face_that_fills_the_picture_is_found(photos: dict[str, Path]) -> None:
    picture = opened(photos, "astronaut").crop((165, 60, 285, 180)).resize((600, 600))
    (face,) = detect(picture)
    assert face.width > 300


def test_the_largest_face_comes_first(photos: dict[str, Path]) -> None:
    face = opened(photos, "astronaut").crop((100, 0, 350, 250))
    page = Image.new("RGB", (700, 400), (90, 110, 120))
    for place, side in (((10, 10), 160), ((200, 10), 300), ((530, 200), 110)):
        page.paste(face.resize((side, side)), place)
    widths = [found.width for found in detect(page)]
    assert len(widths) == 3
    assert widths == sorted(widths, reverse=True)
    assert [found.box[0] // 200 for found in detect(page)] == [1, 0, 2]


def test_the_answer_is_the_same_each_time_and_the_picture_is_left_as_it_is(photos: dict[str, Path]) -> None:
    picture = opened(photos, "astronaut")
    before = picture.tobytes()
    assert detect(picture) == detect(picture.copy())
    assert picture.tobytes() == before


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1)),
        Image.new("RGB", (1, 5000), "white"),
        Image.new("RGB", (5000, 1), "white"),
        Image.new("RGB", (5000, 200), "red"),
        Image.new("L", (40, 40), 128),
        Image.new("RGBA", (300, 300), (255, 255, 255, 0)),
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)),
    ],
    ids=lambda picture: f"{picture.mode} {picture.width}x{picture.height}",
)
def test_what_shows_nobody_has_no_faces(picture: Image.Image) -> None:
    assert detect(picture) == []


def test_grey_is_seen_as_well(photos: dict[str, Path]) -> None:
    (face,) = detect(opened(photos, "astronaut").convert("L"))
    assert overlap(face, ASTRONAUT_FACE) > 0.6


# --- the arithmetic ---------------------------------------------------------------------------------


def test_there_is_an_anchor_for_each_answer() -> None:
    short, full = SHORT_RANGE.anchors(), FULL_RANGE.anchors()
    assert short.shape == (896, 2)
    assert full.shape == (2304, 2)
    # Source: two per cell of 16 x 16, then six per cell of 8 x 8, row by row.
    np.testing.assert_allclose(short[:3], [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32]])
    np.testing.assert_allclose(short[512], [1 / 16, 1 / 16])
    np.testing.assert_allclose(full[49], [1.5 / 48, 1.5 / 48])


def found(*boxes: tuple[float, ...], confidences: tuple[float, ...]) -> Found:
    points = np.zeros((len(boxes), len(POINTS), 2), np.float32)
    return Found(
        boxes=np.array(boxes, np.float32).reshape(-1, 4), points=points, confidences=np.array(confidences, np.float32)
    )


def test_boxes_of_one_face_become_their_weighted_mean() -> None:
    joint = merged(found((0, 0, 10, 10), (2, 0, 12, 10), (50, 50, 60, 60), confidences=(0.6, 0.3, 0.9)))
    np.testing.assert_allclose(joint.boxes, [[50, 50, 60, 60], [2 / 3, 0, 10 + 2 / 3, 10]], rtol=1e-6)
    np.testing.assert_allclose(joint.confidences, [0.9, 0.6])


def test_nothing_found_stays_nothing() -> None:
    empty = found(confidences=())
    assert merged(empty).boxes.shape == distinct(empty).boxes.shape == (0, 4)


def test_a_box_within_another_one_is_the_same_face() -> None:
    kept = distinct(found((0, 0, 100, 100), (10, 10, 50, 50), (80, 80, 140, 140), confidences=(0.9, 0.8, 0.7)))
    assert kept.boxes[:, 0].tolist() == [0, 80]


def test_boxes_without_area_overlap_nothing() -> None:
    assert overlaps(np.zeros(4, np.float32), np.zeros((2, 4), np.float32)).tolist() == [0, 0]


def test_jpeg_damage_does_not_hide_a_face(photos: dict[str, Path]) -> None:
    file = io.BytesIO()
    opened(photos, "astronaut").resize((240, 240)).save(file, "JPEG", quality=40)
    (face,) = detect(Image.open(file))
    assert face.confidence > 0.6
