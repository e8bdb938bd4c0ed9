"""Makers of small video clips whose frames say which one they are: an off-by-one shows in the pixels."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from PIL import Image

# The number of a frame as 8 blocks, black or white, in two rows of four; lowest bit first.
BITS, COLUMNS = 8, 4
SIZE = (128, 64)
RATE = 25
Draw = Callable[[int], Image.Image]


def numbered(index: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A picture that holds its number in big blocks, grey lines between them."""
    width, height = size
    pixels = np.full((height, width, 3), 128, np.uint8)
    across, down = width // COLUMNS, height // (BITS // COLUMNS)
    for bit in range(BITS):
        left, top = bit % COLUMNS * across, bit // COLUMNS * down
        pixels[top + 2 : top + down - 2, left + 2 : left + across - 2] = 235 if index >> bit & 1 else 20
    return Image.fromarray(pixels)


def number_of(picture: Image.Image) -> int:
    """The number that a picture of any size holds."""
    grey = np.asarray(picture.convert("L"), np.float32)
    across, down = grey.shape[1] / COLUMNS, grey.shape[0] / (BITS // COLUMNS)
    number = 0
    for bit in range(BITS):
        right, below = bit % COLUMNS, bit // COLUMNS
        rows = slice(round(down * (below + 0.3)), round(down * (below + 0.7)))
        columns = slice(round(across * (right + 0.3)), round(across * (right + 0.7)))
        number |= int(grey[rows, columns].mean() > 128) << bit
    return number


@dataclass(frozen=True, kw_only=True)
class Clip:
    """How to make a clip.

    Attributes:
        codec: FFmpeg's name of the encoder.
        options: of the encoder.
        frames: how many.
        times: presentation time of each in milliseconds; 25 per second by default.
        rotation: degrees counterclockwise that the player is told to turn by.
        aspect: width of a pixel by its height.
        tags: metadata of the file.
    """

    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    frames: int = 60
    size: tuple[int, int] = SIZE
    pix_fmt: str = "yuv420p"
    times: Sequence[int] | None = None
    rotation: int | None = None
    flipped: bool = False
    aspect: Fraction | None = None
    tags: dict[str, str] = field(default_factory=dict)
    colors: tuple[int, int, int] | None = None
    sound: bool = False
    container_options: dict[str, str] = field(default_factory=dict)


@contextmanager
def at_ordinary_priority() -> Iterator[None]:
    """Undo what the encoder of AV1 does where it may, as root: it gives its caller a real-time priority.

    All processes that are started later have it too. On two CPUs, two of them that are busy stop everything else.
    """
    policy = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    try:
        yield
    finally:
        if policy is not None:
            os.sched_setscheduler(0, policy, os.sched_param(0))


def make_clip(path: Path, clip: Clip, draw: Draw | None = None) -> Path:
    """Write the clip; the ending of the path says which container.

    Args:
        path: of the file.
        clip: what to make.
        draw: gives the picture of each frame; its number by default.
    """
    with at_ordinary_priority(), av.open(str(path), "w", container_options=clip.container_options) as container:
        container.metadata.update(clip.tags)
        stream = container.add_stream(clip.codec, rate=RATE)
        stream.width, stream.height = clip.size
        stream.pix_fmt = clip.pix_fmt
        stream.options = dict(clip.options)
        codec = stream.codec_context
        # Milliseconds, so that times may be uneven; codecs of a fixed rate count frames.
        codec.time_base = Fraction(1, RATE) if clip.times is None else Fraction(1, 1000)
        if clip.aspect is not None:
            codec.sample_aspect_ratio = clip.aspect
        if clip.colors is not None:
            codec.color_primaries, codec.color_trc, codec.colorspace = clip.colors
        if clip.rotation is not None or clip.flipped:
            stream.set_display_rotation(clip.rotation or 0, clip.flipped, False)
        sound = container.add_stream("aac", rate=8000) if clip.sound else None
        for index in range(clip.frames):
            picture = draw(index) if draw else numbered(index, clip.size)
            frame = av.VideoFrame.from_image(picture)
            if clip.colors is None:
                frame = frame.reformat(format=clip.pix_fmt, dst_colorspace="itu601")
            else:
                frame = frame.reformat(format=clip.pix_fmt, dst_colorspace="bt2020")
                frame.color_primaries, frame.color_trc, frame.colorspace = clip.colors
            frame.time_base = codec.time_base
            frame.pts = index if clip.times is None else clip.times[index]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            container.mux(silence(sound, clip.frames / RATE))
    return path


def silence(stream: av.AudioStream, seconds: float) -> list[av.Packet]:
    """Packets of silence for an audio stream."""
    packets = []
    for number in range(int(seconds * stream.rate) // 1024 + 1):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = stream.rate, 1024 * number
        packets += stream.encode(frame)
    return packets + stream.encode()


_made: dict[str, bytes] = {}


def clip_bytes(name: str, clip: Clip) -> bytes:
    """The bytes of a clip; the ending of the name says which container."""
    key = f"{name} {clip}"
    if key not in _made:
        _made[key] = _clip(name, clip)
    return _made[key]


def _clip(name: str, clip: Clip) -> bytes:
    with TemporaryDirectory() as folder:
        return make_clip(Path(folder) / name, clip).read_bytes()
