"""Near-duplicates: what counts as one, and what does not."""

import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from popscore.photos.similarity import SIGNATURE_BYTES, groups, resembling, signature

NAMES = ("cat", "coffee", "astronaut", "rocket")


@pytest.fixture(scope="module")
def pictures(photos: dict[str, Path]) -> dict[str, Image.Image]:
    found = {}
    for name, path in photos.items():
        with Image.open(path) as image:
            found[name] = image.convert("RGB")
    return found


def cut(photo: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = photo.size
    return photo.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def saved_again(photo: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file)


def turned(photo: Image.Image, degrees: float) -> Image.Image:
    return cut(photo.rotate(degrees, Image.Resampling.BICUBIC), 0.03, 0.03, 0.03, 0.03)


def alike(one: Image.Image, other: Image.Image, apart_s: float | None = None) -> bool:
    return groups([signature(one), signature(other)], [None if apart_s is None else 0, apart_s]) == [0, 0]


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda photo: photo,
    "saved again": lambda photo: saved_again(photo, 60),
    "half size": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "tiny": lambda photo: photo.resize((64, 48)),
    "cut on all sides": lambda photo: cut(photo, 0.025, 0.025, 0.025, 0.025),
    "cut on one side": lambda photo: cut(photo, 0.05, 0, 0, 0),
    "cut at a corner": lambda photo: cut(photo, 0, 0.04, 0.04, 0),
    "turned by 1 degree": lambda photo: turned(photo, 1),
    "turned by -2 degrees": lambda photo: turned(photo, -2),
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.15),
    "darker": lambda photo: ImageEnhance.Brightness(photo).enhance(0.85),
    "less contrast": lambda photo: ImageEnhance.Contrast(photo).enhance(0.85),
    "softer": lambda photo: photo.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", CHANGES)
def test_changed_photo_is_the_same(pictures: dict[str, Image.Image], change: str, name: str) -> None:
    assert alike(pictures[name], CHANGES[change](pictures[name]))


@pytest.mark.parametrize("name", NAMES)
def test_moved_camera_is_the_same(pictures: dict[str, Image.Image], name: str) -> None:
    assert alike(cut(pictures[name], 0, 0.04, 0.08, 0.04), cut(pictures[name], 0.03, 0.05, 0.05, 0.03))


def test_different_photos_are_different(pictures: dict[str, Image.Image]) -> None:
    assert groups([signature(picture) for picture in pictures.values()], [0.0] * 4) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [ImageOps.mirror, ImageOps.flip, ImageOps.invert])
def test_mirrored_and_negative_are_different(
    pictures: dict[str, Image.Image], change: Callable[[Image.Image], Image.Image], name: str
) -> None:
    assert not alike(pictures[name], change(pictures[name]), apart_s=1)


def test_same_picture_in_other_colours_is_different(pictures: dict[str, Image.Image]) -> None:
    red, green, blue = pictures["coffee"].split()
    assert not alike(pictures["coffee"], Image.merge("RGB", (blue, green, red)))


def test_time_between_photos_counts(pictures: dict[str, Image.Image]) -> None:
    """A subject that moved: the same moment within a burst, another picture after hours."""
    before, after = pictures["astronaut"], pictures["astronaut"].copy()
    width, height = before.size
    face = before.crop((width // 4, 0, 3 * width // 4, height // 2))
    after.paste(face, (width // 4 + width // 10, height // 20))
    assert alike(before, after, apart_s=3)
    assert not alike(before, after)
    assert not alike(before, after, apart_s=7200)
    assert alike(before, before, apart_s=1e9)


def test_pictures_of_one_colour(pictures: dict[str, Image.Image]) -> None:
    colors = [(0, 0, 0), (40, 40, 40), (0, 0, 0), (200, 30, 30), (30, 200, 30), (201, 30, 30)]
    flat = [signature(Image.new("RGB", (30, 20), color)) for color in colors]
    assert groups([*flat, signature(pictures["cat"])], [None] * 7) == [0, 1, 0, 3, 4, 3, 6]


def test_no_drift_along_a_chain(pictures: dict[str, Image.Image]) -> None:
    """Each step of a pan resembles the one before, but the last step is another picture than the first."""
    steps = [signature(cut(pictures["coffee"], at / 100, 0, 0.4 - at / 100, 0)) for at in range(0, 41, 2)]
    found = groups(steps, [None] * len(steps))
    assert found[1] == 0 and found[-1] != 0
    for member, founder in enumerate(found):
        assert groups([steps[founder], steps[member]], [None, None])[1] == 0 or founder == member
        assert found[founder] == founder


def test_many_photos_in_blocks(pictures: dict[str, Image.Image]) -> None:
    """Near-duplicates are found wherever they stand, across the blocks that are compared at one time."""
    random = np.random.default_rng(0)
    crowd = [random.integers(0, 256, SIGNATURE_BYTES, dtype=np.uint8).tobytes() for _ in range(2_500)]
    cat = signature(pictures["cat"])
    for at in (3, 140, 1_100, 2_499):
        crowd[at] = cat
    found = groups(crowd, [None] * len(crowd))
    assert [at for at, founder in enumerate(found) if founder != at] == [140, 1_100, 2_499]
    assert {found[at] for at in (3, 140, 1_100, 2_499)} == {3}


@pytest.mark.slow
def test_groups_are_those_of_one_by_one_comparison(pictures: dict[str, Image.Image]) -> None:
    views = [cut(picture, at / 100, 0, 0.3 - at / 100, 0) for picture in pictures.values() for at in range(30)]
    crowd = [signature(views[at]) for at in np.random.default_rng(1).permutation(len(views))] * 2
    expected: list[int] = []
    for member, looks in enumerate(crowd):
        found = (at for at in range(member) if expected[at] == at and groups([crowd[at], looks], [None] * 2)[1] == 0)
        expected.append(next(found, member))
    assert groups(crowd, [None] * len(crowd)) == expected
    assert 4 < len(set(expected)) < len(views)


def test_resembling_is_what_groups_find(pictures: dict[str, Image.Image]) -> None:
    views = [cut(picture, at / 100, 0, 0.3 - at / 100, 0) for picture in pictures.values() for at in range(30)]
    crowd = [signature(views[at]) for at in np.random.default_rng(2).permutation(len(views))]
    for known in (0, 1, 50, len(crowd)):
        expected = [
            any(groups([crowd[one], looks], [None] * 2)[1] == 0 for one in range(known)) for looks in crowd[known:]
        ]
        assert resembling(crowd, [None] * len(crowd), known) == expected
    with pytest.raises(ValueError, match="176 bytes"):
        resembling([b"1234"], [None], 0)


def test_memory_stays_small_when_all_look_the_same(pictures: dict[str, Image.Image]) -> None:
    crowd = [signature(picture) for picture in pictures.values()] * 1_000
    tracemalloc.start()
    try:
        assert set(groups(crowd, [0.0] * len(crowd))) == {0, 1, 2, 3}
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_few_photos() -> None:
    assert groups([], []) == []
    assert groups([bytes(SIGNATURE_BYTES)], [None]) == [0]


def test_signature_is_small_and_takes_any_size() -> None:
    for size in ((1, 1), (3, 500), (11, 12), (4000, 30)):
        assert len(signature(Image.new("RGB", size, "red"))) == SIGNATURE_BYTES
    assert SIGNATURE_BYTES <= 200


def test_refuses_what_is_no_signature() -> None:
    with pytest.raises(ValueError, match="176 bytes"):
        groups([b"1234", b"5678"], [None, None])
    with pytest.raises(ValueError, match="1 times for 2 signatures"):
        groups([bytes(SIGNATURE_BYTES)] * 2, [None])
