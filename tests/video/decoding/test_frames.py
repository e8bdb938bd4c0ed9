"""How a decoded frame becomes an upright picture: turned, in square pixels, in the right colours, without fields."""

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image
from video_clips import SIZE, Clip, make_clip

from popscore.video.decoding.capture import capture_of
from popscore.video.decoding.frames import Frame, reduced_size, turn_of
from popscore.video.decoding.opening import open_video
from popscore.video.decoding.video import VideoLimits

RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 220)


def corners_picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red and green above, blue and grey below."""
    width, height = size
    picture = Image.new("RGB", size, RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(GREY, (width // 2, height // 2, width, height))
    return picture


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The nearest of the four colours in each corner: top left, top right, bottom left, bottom right."""
    found = []
    for down in (0.25, 0.75):
        for right in (0.25, 0.75):
            pixel = np.array(picture.getpixel((int(picture.width * right), int(picture.height * down))), int)
            nearest = min((RED, GREEN, BLUE, GREY), key=lambda color: np.abs(pixel - color).max())
            assert np.abs(pixel - nearest).max() <= 6, pixel
            found.append(nearest)
    return found


def frame_of(path: Path, index: int = 0) -> Frame:
    (frame,) = open_video(path, name=path.name, limits=VideoLimits(), stop=lambda: False).frames(
        [index], stop=lambda: False
    )
    return frame


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    ("rotation", "flipped", "expected"),
    [
        (None, False, [RED, GREEN, BLUE, GREY]),
        (90, False, [GREEN, GREY, RED, BLUE]),
        (180, False, [GREY, BLUE, GREEN, RED]),
        (270, False, [BLUE, RED, GREY, GREEN]),
        (0, True, [GREEN, RED, GREY, BLUE]),
        (180, True, [BLUE, GREY, RED, GREEN]),
    ],
)
def test_rotation_is_applied(
    tmp_path: Path, ending: str, rotation: int | None, flipped: bool, expected: list[tuple[int, ...]]
) -> None:
    clip = Clip(frames=2, rotation=rotation, flipped=flipped)
    frame = frame_of(make_clip(tmp_path / f"clip.{ending}", clip, lambda _: corners_picture()))
    width, height = SIZE if rotation in (None, 0, 180) else SIZE[::-1]
    assert (frame.width, frame.height) == (width, height)
    assert frame.image().size == (width, height)
    assert corners(frame.image()) == expected
    small = frame.image(at_least=(width // 2, height // 4))
    assert small.size == (width // 2, height // 2)
    assert corners(small) == expected


# The eight matrices of EXIF's eight orientations, and two that are none.
@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), None),
        ((-1, 0, 0, 1), Image.Transpose.FLIP_LEFT_RIGHT),
        ((-1, 0, 0, -1), Image.Transpose.ROTATE_180),
        ((1, 0, 0, -1), Image.Transpose.FLIP_TOP_BOTTOM),
        ((0, 1, 1, 0), Image.Transpose.TRANSPOSE),
        ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
        ((0, -1, -1, 0), Image.Transpose.TRANSVERSE),
        ((0, -1, 1, 0), Image.Transpose.ROTATE_90),
        ((0, 0, 0, 0), None),
        ((0.9, 0.4, -0.4, 0.9), None),
    ],
)
def test_display_matrix(matrix: tuple[float, ...], turn: Image.Transpose | None) -> None:
    a, b, c, d = (round(value * 65536) for value in matrix)
    assert turn_of(np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()) == turn
    assert turn_of(b"short") is None


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(4, 3), (171, 64)), (Fraction(3, 4), (128, 85)), (Fraction(1), (128, 64))]
)
def test_pixels_become_square(tmp_path: Path, ending: str, aspect: Fraction, size: tuple[int, int]) -> None:
    frame = frame_of(make_clip(tmp_path / f"clip.{ending}", Clip(frames=2, aspect=aspect), lambda _: corners_picture()))
    assert (frame.width, frame.height) == size
    assert frame.image().size == size
    assert corners(frame.image()) == [RED, GREEN, BLUE, GREY]


def test_square_pixels_of_a_turned_video(tmp_path: Path) -> None:
    clip = Clip(frames=2, aspect=Fraction(2), rotation=90)
    frame = frame_of(make_clip(tmp_path / "clip.mp4", clip, lambda _: corners_picture()))
    assert frame.image().size == (frame.width, frame.height) == (64, 256)


@pytest.mark.parametrize(
    ("full", "at_least", "size"),
    [
        ((1920, 1080), (448, 448), (796, 448)),
        ((1080, 1920), (448, 448), (448, 796)),
        ((400, 300), (448, 448), (400, 300)),
        ((1920, 1080), None, (1920, 1080)),
        ((1920, 1080), (96, 64), (114, 64)),
        ((448, 448), (448, 448), (448, 448)),
    ],
)
def test_reduced_size(full: tuple[int, int], at_least: tuple[int, int] | None, size: tuple[int, int]) -> None:
    assert reduced_size(full, at_least) == size


# --- fields -------------------------------------------------------------------------------------------


def fields(index: int) -> Image.Image:
    """A bar that moves from one field to the next, as a camera of 50 fields per second sees it."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for parity in (0, 1):
        left = 10 + (2 * index + parity) * 8
        pixels[parity::2, left : left + 20] = 220
    return Image.fromarray(pixels)


def teeth(picture: Image.Image) -> float:
    """How much each line differs from those above and below."""
    rows = np.asarray(picture.convert("L"), int)
    return float(np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean())


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("h264.mp4", Clip(frames=5, options={"x264-params": "interlaced=1:tff=1", "flags": "+ildct+ilme"})),
        ("mpeg2.mkv", Clip(codec="mpeg2video", frames=5, options={"flags": "+ildct+ilme", "b": "4000k"})),
    ],
)
def test_interlaced_video_has_no_teeth(tmp_path: Path, name: str, clip: Clip) -> None:
    picture = frame_of(make_clip(tmp_path / name, clip, fields), 2).image()
    assert teeth(fields(2)) > 20
    assert teeth(picture) < 1
    assert picture.size == SIZE


def test_progressive_video_keeps_its_lines(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "lines.mp4", Clip(frames=5, options={"crf": "10"}), fields)
    assert teeth(frame_of(path, 2).image()) > 20


# --- colours ------------------------------------------------------------------------------------------

PQ, HLG, SDR = 16, 18, 14
BT2020, BT2020_MATRIX = 9, 9


def ramp(_index: int = 0) -> Image.Image:
    pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:] = np.linspace(0, 255, SIZE[0])[np.newaxis, :, np.newaxis]
    return Image.fromarray(pixels)


def hdr_clip(codec: str, transfer: int) -> Clip:
    names = {PQ: "smpte2084", HLG: "arib-std-b67", SDR: "bt2020-10"}
    options = {"preset": "12"}
    if codec == "libx265":
        colors = f"colorprim=bt2020:colormatrix=bt2020nc:transfer={names[transfer]}"
        options = {"x265-params": f"log-level=none:{colors}"}
    return Clip(codec=codec, pix_fmt="yuv420p10le", frames=3, colors=(BT2020, transfer, BT2020_MATRIX), options=options)


@pytest.mark.parametrize(("codec", "ending"), [("libx265", "mp4"), ("libsvtav1", "mkv")])
@pytest.mark.parametrize(("transfer", "white_from", "white_to"), [(PQ, 0.55, 0.68), (HLG, 0.68, 0.85)])
@pytest.mark.slow
def test_high_dynamic_range_is_mapped(
    tmp_path: Path, codec: str, ending: str, transfer: int, white_from: float, white_to: float
) -> None:
    frame = frame_of(make_clip(tmp_path / f"clip.{ending}", hdr_clip(codec, transfer), ramp))
    assert frame.high_dynamic_range
    greys = np.asarray(frame.image().convert("L"), int)[SIZE[1] // 2]
    assert greys[0] <= 8
    assert greys[-1] >= 250
    assert (np.diff(greys) >= -6).all(), "brighter must not become darker"
    # BT.2408: paper white, 203 cd/m2, lies at .58 of PQ and at .75 of HLG; it must come near white.
    white = int(np.argmax(greys >= 225)) / SIZE[0]
    assert white_from < white < white_to


@pytest.mark.slow
def test_ordinary_video_of_ten_bits(tmp_path: Path) -> None:
    frame = frame_of(make_clip(tmp_path / "clip.mp4", hdr_clip("libx265", SDR), ramp))
    assert not frame.high_dynamic_range
    greys = np.asarray(frame.image().convert("L"), int)[SIZE[1] // 2]
    assert np.abs(greys - np.linspace(0, 255, SIZE[0])).max() <= 8


def test_large_video_without_a_colour_matrix_is_bt709(tmp_path: Path) -> None:
    # Made with the matrix of BT.601, so that BT.709 gives other colours.
    size = (1280, 720)
    path = make_clip(tmp_path / "large.mp4", Clip(frames=1, size=size), lambda _: Image.new("RGB", size, GREEN))
    small = make_clip(tmp_path / "small.mp4", Clip(frames=1), lambda _: Image.new("RGB", SIZE, GREEN))
    assert np.abs(np.array(frame_of(small).image().getpixel((9, 9))) - GREEN).max() <= 4
    assert frame_of(path).image().getpixel((9, 9))[1] < 205 or frame_of(path).image().getpixel((9, 9))[1] > 235


# --- when it was taken --------------------------------------------------------------------------------


def test_capture() -> None:
    apple = {
        "com.apple.quicktime.creationdate": "2024-06-01T14:30:05+0200",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 15",
        "creation_time": "2024-06-01T12:30:05.000000Z",
    }
    exif = capture_of(apple, {}).exif(61.25)
    tags = exif.get_ifd(0x8769)
    assert (exif[0x010F], exif[0x0110]) == ("Apple", "iPhone 15")
    assert tags[0x9003] == "2024:06:01 14:31:06"
    assert tags[0x9011] == "+02:00"
    assert tags[0x9291] == "250"


@pytest.mark.parametrize(
    "words", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "soon", "", "9999-99-99", "2024", "\x00"]
)
def test_impossible_dates_say_nothing(words: str) -> None:
    assert not capture_of({"creation_time": words}, {}).exif(1.0)


def test_frames_are_let_go_at_once(tmp_path: Path) -> None:
    """Without Python's garbage collector: what it has to find makes memory grow with the length of a video."""
    path = make_clip(tmp_path / "clip.mp4", Clip(frames=20, rotation=90))
    frames = open_video(path, name="clip", limits=VideoLimits(), stop=lambda: False).frames(
        range(20), stop=lambda: False
    )
    gc.collect()
    gc.disable()
    try:
        for frame in frames:
            frame.image(at_least=(20, 20))
            assert frame.height == SIZE[0]
        del frame
        kept = [found for found in gc.get_objects() if isinstance(found, VideoFrame)]
        assert len(kept) <= 2, "one for its turn, and perhaps the one before"
    finally:
        gc.enable()
