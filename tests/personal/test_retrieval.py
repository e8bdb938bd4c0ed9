"""Which posts are like a photo: psi and its three parts."""

import numpy as np
import pytest
from PIL import Image

from popscore.errors import InvalidSetting
from popscore.personal.captions import BUCKETS, caption_vector, packed_caption, unpacked_captions
from popscore.personal.pose import POINTS, SURE, likeness, pose_of
from popscore.personal.retrieval import PAPER, Retrieval, cosines, nearest, psi

NAN = np.nan


def test_psi_is_the_weighted_sum() -> None:
    parts = (np.array([1.0, 0.5]), np.array([0.2, 0.4]), np.array([0.6, 0.0]))
    assert psi(parts, PAPER) == pytest.approx([0.6, 0.3])
    assert psi(parts, Retrieval(pose=2, background=1, caption=1)) == pytest.approx([0.7, 0.35])
    assert psi((None, None, parts[2]), Retrieval()) == pytest.approx([0.6, 0.0])


def test_a_missing_part_is_nothing_or_left_out() -> None:
    parts = (np.array([NAN, 1.0]), np.array([0.8, 0.4]), np.array([0.4, NAN]))
    assert psi(parts, PAPER) == pytest.approx([0.4, 1.4 / 3])
    renormalised = Retrieval(pose=1, background=1, caption=1, renormalise=True)
    assert psi(parts, renormalised) == pytest.approx([0.6, 0.7])
    nothing = (np.full(2, NAN), None, None)
    assert psi(nothing, Retrieval(pose=1, caption=0, renormalise=True)).tolist() == [0, 0]


@pytest.mark.parametrize("options", [{"caption": 0}, {"pose": -1}, {"caption": NAN}, {"k": 0}, {"k": 1000}])
def test_weights_and_k_that_cannot_be_used_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        Retrieval(**options)  # type: ignore[arg-type]


def test_the_nearest_come_first_and_of_equal_ones_the_newest() -> None:
    assert nearest(np.array([0.1, 0.5, 0.5, 0.9]), 3).tolist() == [3, 2, 1]
    assert nearest(np.array([0.1]), 5).tolist() == [0]


def test_cosines_lie_between_0_and_1() -> None:
    rows = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    assert cosines(rows, np.array([2, 0], np.float32)).tolist() == [1, 0, 0]
    assert cosines(rows, np.zeros(2, np.float32)).tolist() == [0, 0, 0]


# --- captions ---------------------------------------------------------------------------------------


def alike(first: str, second: str) -> float:
    a, b = caption_vector(first), caption_vector(second)
    assert a is not None
    assert b is not None
    return float(a @ b)


def test_captions_of_one_subject_are_more_alike() -> None:
    assert alike("Sunset at the beach", "sunset at the beach!") > 0.9
    assert alike("sunsets on beaches", "sunset, beach") > 2 * alike("sunsets on beaches", "my new bicycle")
    assert alike("夕焼けの海", "海の夕焼け") > alike("夕焼けの海", "新しい自転車")


def test_a_caption_without_letters_is_none() -> None:
    assert caption_vector("") is None
    assert caption_vector(" \n ") is None
    assert packed_caption("") is None
    assert caption_vector("☕") is not None


def test_a_packed_caption_is_nearly_the_same() -> None:
    text = "Breakfast with a view #morning @someone"
    packed = packed_caption(text)
    assert packed is not None
    assert len(packed) == BUCKETS
    found = unpacked_captions(np.frombuffer(packed, np.uint8)[np.newaxis])[0]
    assert float(found @ caption_vector(text)) > 0.999


def test_a_long_or_odd_caption_is_no_trouble() -> None:
    for text in ("x" * 100_000, "a " * 50_000, "\ud800", "\0\0", "\N{ZERO WIDTH JOINER}" * 99):
        vector = caption_vector(text)
        assert vector is None or np.isfinite(vector).all()


# --- poses ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def astronaut(photos: dict[str, object]) -> Image.Image:
    with Image.open(str(photos["astronaut"])) as image:
        return image.convert("RGB")


def test_a_person_is_seen_where_she_is(astronaut: Image.Image) -> None:
    pose = pose_of(astronaut)
    assert pose is not None
    points = dict(zip(POINTS, pose.tolist(), strict=True))
    x, y, sure = points["nose"]
    assert sure > SURE
    assert (x, y) == pytest.approx((0.44, 0.23), abs=0.02)  # of 512 x 512 pixels
    assert points["left_shoulder"][0] > points["right_shoulder"][0]  # her own left


def test_a_wide_picture_has_the_same_pose_beside_its_border(astronaut: Image.Image) -> None:
    wide = Image.new("RGB", (1024, 512), "grey")
    wide.paste(astronaut, (512, 0))
    pose, own = pose_of(wide), pose_of(astronaut)
    assert pose is not None
    assert own is not None
    assert pose[0, :2] == pytest.approx([0.5 + own[0, 0] / 2, own[0, 1] / 2], abs=0.02)


@pytest.mark.parametrize("name", ["coffee", "rocket"])
def test_nobody_is_nobody(photos: dict[str, object], name: str) -> None:
    with Image.open(str(photos[name])) as image:
        assert pose_of(image.convert("RGB")) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (191, 193)])
def test_odd_sizes_are_no_trouble(size: tuple[int, int]) -> None:
    pose_of(Image.new("RGB", size, "red"))


def test_a_pose_is_like_itself_and_less_like_one_that_moved(astronaut: Image.Image) -> None:
    pose = pose_of(astronaut)
    assert pose is not None
    moved, elsewhere = pose.copy(), pose.copy()
    moved[:, 0] += 0.02
    elsewhere[:, 0] += 0.5
    found = likeness(np.stack([pose, moved, elsewhere, np.zeros_like(pose)]), pose)
    assert found[0] == pytest.approx(1)
    assert 0.3 < found[1] < 1
    assert found[2] < 0.05
    assert found[3] == 0


def test_likeness_is_the_formula_of_coco() -> None:
    pose = np.zeros((17, 3), np.float32)
    pose[:, 2] = 0.9
    pose[:, 0], pose[:, 1] = np.linspace(0.2, 0.6, 17), np.linspace(0.1, 0.9, 17)
    other = pose.copy()
    other[9, 0] += 0.05  # a wrist
    other[3, 2] = 0.1  # an ear that is not seen
    area = 0.4 * 0.8
    wrist = np.exp(-(0.05**2) / (2 * area * (2 * 0.062) ** 2))
    assert likeness(pose[np.newaxis], other)[0] == pytest.approx((15 + wrist) / 17)


def test_no_posts_are_like_nothing() -> None:
    assert likeness(np.zeros((0, 17, 3), np.float32), np.ones((17, 3), np.float32)).shape == (0,)
