"""Every face of a photo with what can be seen of it, on real photos."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from photos import sideways
from PIL import Image, ImageFilter

import popscore
from popscore import UnreadableImage, find_faces
from popscore.people.blazeface import overlaps
from popscore.people.expressions import EXPRESSIONS
from popscore.people.find import _tiles
from popscore.people.sharpness import sharpness
from popscore.people.turning import turned
from popscore.photos.sources import ImageLimits

FACE = (172, 67, 277, 172)  # what the networks draw on the photo of 512 x 512 pixels


def opened(photos: dict[str, Path], name: str = "astronaut") -> Image.Image:
    with Image.open(photos[name]) as image:
        return image.convert("RGB")


def overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    return float(overlaps(np.array(box, np.float32), np.array([other], np.float32))[0])


def test_everything_that_is_seen_of_the_astronaut(photos: dict[str, Path]) -> None:
    found = find_faces(photos["astronaut"])
    (face,) = found.faces
    assert (found.width, found.height, found.file) == (512, 512, str(photos["astronaut"]))
    assert overlap(face.box, FACE) > 0.9
    assert face.size == pytest.approx(105 * 105 / 512**2, rel=0.1)
    assert {side: eye.state for side, eye in face.eyes.items()} == {"right": "open", "left": "open"}
    assert not face.turned.away
    assert abs(face.turned.yaw) < 10
    assert abs(face.turned.pitch) < 10
    assert abs(face.turned.roll) < 10
    assert face.expression == "happy"
    assert face.expressions["happy"] > 0.9
    assert sum(face.expressions.values()) == pytest.approx(1, abs=1e-5)
    assert tuple(face.expressions) == EXPRESSIONS
    assert found.eyes_closed == 0


def test_the_document_is_json_and_says_nothing_about_who_it_is(photos: dict[str, Path]) -> None:
    document = json.loads(json.dumps(find_faces(photos["astronaut"]).to_json(), allow_nan=False))
    assert set(document) == {"file", "width", "height", "eyes_closed", "faces"}
    assert set(document["faces"][0]) == {
        "box", "confidence", "landmarks", "size", "sharpness", "turned", "eyes", "expressions",
    }  # fmt: skip
    assert set(document["faces"][0]["eyes"]) == {"left", "right"}


@pytest.mark.parametrize("name", ["coffee", "cat", "rocket"])
def test_other_photos_have_no_faces(photos: dict[str, Path], name: str) -> None:
    assert find_faces(photos[name]).faces == ()


def test_path_bytes_file_and_picture_give_the_same(photos: dict[str, Path]) -> None:
    content = photos["astronaut"].read_bytes()
    answers = [find_faces(item).faces for item in (content, io.BytesIO(content), Image.open(photos["astronaut"]))]
    assert all(faces == find_faces(photos["astronaut"]).faces for faces in answers)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_sideways_photo_is_seen_upright(photos: dict[str, Path], orientation: int) -> None:
    picture = opened(photos).crop((0, 0, 512, 400))
    found = find_faces(sideways(picture, "JPEG", orientation, quality=95))
    (face,) = found.faces
    assert (found.width, found.height) == (512, 400)
    assert overlap(face.box, FACE) > 0.8


def group(photos: dict[str, Path], side: int, count: int) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """A wide photo with small heads on it, and where their faces are."""
    page = opened(photos, "coffee").resize((2400, 1600))
    head = opened(photos).crop((120, 10, 330, 220)).resize((side, side), Image.Resampling.LANCZOS)
    scale, boxes = side / 210, []
    for index in range(count):
        left, top = 130 + index % 6 * 370, 120 + index // 6 * 330
        page.paste(head, (left, top))
        x, y = left + (FACE[0] - 120) * scale, top + (FACE[1] - 10) * scale
        boxes.append((round(x), round(y), round(x + 105 * scale), round(y + 105 * scale)))
    return page, boxes


@pytest.mark.parametrize(("side", "least"), [(140, 11), (240, 12)])
def test_small_faces_in_a_group_are_found(photos: dict[str, Path], side: int, least: int) -> None:
    """Of 70 and 120 pixels on a photo 2400 pixels wide."""
    page, boxes = group(photos, side, 12)
    found = find_faces(page).faces
    hits = [max(overlap(box, face.box) for face in found) > 0.5 for box in boxes]
    assert sum(hits) >= least
    assert len(found) == sum(hits)


def test_more_faces_are_found_in_tiles_than_at_one_look(photos: dict[str, Path]) -> None:
    from popscore.people.faces import detect

    page, boxes = group(photos, 100, 12)
    assert len(detect(page)) < len(boxes) - 6


def test_a_blurred_face_is_less_sharp(photos: dict[str, Path]) -> None:
    picture = opened(photos)
    shots = [picture, *(picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.7, 1.5, 3))]
    values = [find_faces(shot).faces[0].sharpness for shot in shots]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[2]


def test_closed_eyes_are_seen(photos: dict[str, Path]) -> None:
    """Lids drawn over the eyes of a real face, in the colours of the skin below them."""
    picture = opened(photos).crop((120, 10, 330, 220)).resize((840, 840), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture).copy()
    for x, y in ((328, 370), (510, 382)):
        lid = pixels[y + 36 : y + 37, x - 60 : x + 60].astype(float)
        rows = np.linspace(0, 1, 52)[:, None, None]
        pixels[y - 26 : y + 26, x - 60 : x + 60] = (lid * (1 - 0.1 * rows)).astype(np.uint8)
        pixels[y + 16 : y + 22, x - 44 : x + 44] = 60
    (face,) = find_faces(Image.fromarray(pixels)).faces
    assert {eye.state for eye in face.eyes.values()} == {"closed"}
    assert find_faces(Image.fromarray(pixels)).eyes_closed == 1
    (open_face,) = find_faces(picture).faces
    assert {eye.state for eye in open_face.eyes.values()} == {"open"}


def test_black_glasses_hide_the_eyes(photos: dict[str, Path]) -> None:
    picture = opened(photos)
    picture.paste((12, 12, 14), (183, 92, 268, 119))
    for face in find_faces(picture).faces:
        assert {eye.state for eye in face.eyes.values()} == {"not_visible"}


def test_eyes_of_a_small_face_are_not_visible(photos: dict[str, Path]) -> None:
    (face,) = find_faces(opened(photos).resize((200, 200))).faces
    assert {eye.state for eye in face.eyes.values()} == {"not_visible"}
    assert all(eye.openness is None for eye in face.eyes.values())


def test_a_mirrored_face_has_its_sides_exchanged(photos: dict[str, Path]) -> None:
    (face,) = find_faces(opened(photos)).faces
    (mirrored,) = find_faces(opened(photos).transpose(Image.Transpose.FLIP_LEFT_RIGHT)).faces
    assert mirrored.turned.roll == pytest.approx(-face.turned.roll, abs=4)
    assert mirrored.turned.yaw == pytest.approx(-face.turned.yaw, abs=8)
    assert mirrored.landmarks["left_eye"][0] == pytest.approx(511 - face.landmarks["right_eye"][0], abs=5)


def test_yaw_and_roll_are_what_the_points_say() -> None:
    points = np.zeros((468, 3), np.float32)
    points[234], points[454] = (-1, 0, 0), (1, 0, 2)  # the left side lies farther away: she looks to the right
    points[10], points[152] = (0, -1, 0), (0, 1, 0)
    points[33], points[263] = (-1, -1, 0), (1, 1, 0)
    found = turned(points)
    assert found.yaw == pytest.approx(45)
    assert found.roll == pytest.approx(45)
    assert found.away


# --- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 1), (40, 40), (1, 5000), (5000, 1), (5000, 200), (3, 300)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_pictures_of_any_shape_are_looked_at(size: tuple[int, int]) -> None:
    assert find_faces(Image.new("RGB", size, "gray")).faces == ()


def test_a_face_in_a_long_strip_is_found(photos: dict[str, Path]) -> None:
    strip = Image.new("RGB", (5000, 200), (120, 140, 150))
    strip.paste(opened(photos).crop((120, 10, 330, 220)).resize((190, 190)), (3700, 5))
    (face,) = find_faces(strip).faces
    assert 3700 < face.box[0] < face.box[2] < 3890


def test_alpha_and_animation_are_read_as_photos(photos: dict[str, Path]) -> None:
    file = io.BytesIO()
    opened(photos).convert("RGBA").save(file, "PNG")
    assert len(find_faces(file.getvalue()).faces) == 1
    file = io.BytesIO()
    opened(photos).save(file, "WEBP", save_all=True, append_images=[Image.new("RGB", (512, 512))])
    assert len(find_faces(file.getvalue()).faces) == 1


@pytest.mark.parametrize("content", [b"", b"no photo", b"\xff\xd8\xff\xe0 damaged"])
def test_what_is_no_photo_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableImage):
        find_faces(content)


def test_limits_hold(photos: dict[str, Path]) -> None:
    with pytest.raises(popscore.ImageTooLarge):
        find_faces(photos["astronaut"], limits=ImageLimits(max_pixels=1000))


def test_a_part_without_contrast_has_no_sharpness() -> None:
    plain = Image.new("RGB", (50, 50), "blue")
    assert sharpness(plain, (0, 0, 50, 50)) == 0
    assert sharpness(plain, (0, 0, 3, 3)) == 0


@pytest.mark.parametrize("size", [(640, 480), (200, 5000), (100, 100), (1, 700)])
def test_tiles_cover_the_picture(size: tuple[int, int]) -> None:
    covered = np.zeros((size[1], size[0]), bool)
    for left, top, right, bottom in _tiles(size, 240):
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        covered[top:bottom, left:right] = True
    assert covered.all()
