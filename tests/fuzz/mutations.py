"""Valid files, and what becomes of them: bits turned, parts cut, doubled and exchanged, numbers made huge or none."""

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hostile_mp4 import HOSTILE_MP4
from photos import every_format, picture, saved, sideways
from video_clips import Clip, clip_bytes, numbered

_NUMBERS = (0, 1, 2, 3, 7, 15, 16, 64, 127, 128, 255, 1 << 12, 1 << 15, (1 << 15) - 1, (1 << 16) - 1, 1 << 20, 1 << 24)
_HUGE = (-1, -2, 1 << 31, (1 << 31) - 1, 1 << 28, 1 << 30, 85_000_000, 1 << 62, (1 << 63) - 1)
# Refused as they are; what is made from them may slip through.
_LIES = ("constant sizes", "sound chunks", "run count", "packed lies", "edit count")
_MOST_BYTES = 400_000


def corpus(group: str) -> dict[str, bytes]:
    """Valid files by name, small ones of every format."""
    return _photos() if group == "photos" else _videos()


def _photos() -> dict[str, bytes]:
    grey = picture(40, 30).convert("L")
    return {
        **every_format(picture(48, 32)),
        "sideways.jpg": sideways(picture(48, 32), "JPEG", 6),
        "sideways.heic": sideways(picture(48, 32), "HEIF", 6),
        "grey.png": saved(grey, "PNG"),
        "palette.png": saved(picture(48, 32).convert("P"), "PNG", transparency=3),
        "alpha.webp": saved(picture(48, 32).convert("RGBA"), "WEBP"),
        "cmyk.jpg": saved(picture(48, 32).convert("CMYK"), "JPEG"),
        "grey.tif": saved(grey.convert("I;16"), "TIFF"),
        "deflate.tif": saved(picture(48, 32), "TIFF", compression="tiff_adobe_deflate"),
        "palette.bmp": saved(picture(48, 32).convert("P"), "BMP"),
        "animation.gif": _animation("GIF"),
        "animation.webp": _animation("WEBP"),
    }


def _videos() -> dict[str, bytes]:
    size = (64, 64)
    x264 = {"x264-params": "keyint=6:bframes=2:threads=1"}
    jpeg = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
    clips = {
        "clip.mp4": Clip(frames=14, size=size, options=x264, sound=True),
        "first.mp4": Clip(frames=14, size=size, options=x264, container_options={"movflags": "faststart"}),
        "parts.mp4": Clip(
            frames=14, size=size, options=x264, container_options={"movflags": "frag_keyframe+empty_moov"}
        ),
        "turned.mov": Clip(frames=14, size=size, options=x264, rotation=90),
        "jpeg.mov": Clip(frames=6, size=size, **jpeg),
        "clip.mkv": Clip(frames=14, size=size, options=x264, sound=True),
        "clip.webm": Clip(frames=14, size=size, codec="libvpx"),
        "clip.avi": Clip(frames=14, size=size, codec="mpeg4"),
        "jpeg.avi": Clip(frames=6, size=size, **jpeg),
        "raw.avi": Clip(frames=2, size=(32, 32), codec="rawvideo", pix_fmt="bgr24"),
        "clip.ts": Clip(frames=14, size=size, codec="mpeg2video"),
        "clip.flv": Clip(frames=14, size=size, codec="flv"),
        "clip.asf": Clip(frames=14, size=size, codec="wmv2"),
        "clip.mxf": Clip(frames=14, size=size, codec="mpeg2video"),
        "clip.nut": Clip(frames=14, size=size, codec="mpeg4"),
    }
    animations = {"clip.gif": _animation("GIF"), "clip.webp": _animation("WEBP")}
    lies = {f"{name}.mp4": HOSTILE_MP4[name]() for name in _LIES}
    return {**{name: clip_bytes(name, clip) for name, clip in clips.items()}, **animations, **lies}


def _animation(kind: str) -> bytes:
    file = io.BytesIO()
    pictures = [numbered(index, (48, 32)) for index in range(5)]
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=40)
    return file.getvalue()


def mutated(files: dict[str, bytes], seed: int) -> tuple[str, bytes]:
    """A file that was valid once; one seed always gives the same.

    Returns:
        What it was made from, and its bytes.
    """
    random = Random(seed)  # noqa: S311  no secret
    name = random.choice(sorted(files))
    content = bytearray(files[name])
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 10, 30))):
        change = random.choice(_CHANGES)
        change(content, random, [files[other] for other in sorted(files)])
        if not content:
            break
    return name, bytes(content[:_MOST_BYTES])


# --- changes ------------------------------------------------------------------------------------------

Change = Callable[[bytearray, Random, Sequence[bytes]], None]


def _place(content: bytearray, random: Random) -> int:
    """Anywhere; more often where headers and indexes lie."""
    length = len(content)
    spread = random.choice((64, 512, length, length))
    place = random.randrange(max(1, min(length, spread)))
    return length - 1 - place if random.random() < 0.25 else place


def _flip(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    content[_place(content, random)] ^= 1 << random.randrange(8)


def _byte(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    content[_place(content, random)] = random.randrange(256)


def _number(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    """A field of 1 to 8 bytes, either end first, becomes a number that somebody might not expect."""
    width = random.choice((1, 2, 2, 4, 4, 4, 8))
    at = _place(content, random)
    value = random.choice(_NUMBERS + _HUGE) % (1 << 8 * width)
    content[at : at + width] = value.to_bytes(width, random.choice(("big", "little")))


def _truncate(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    del content[_place(content, random) :]


def _drop(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at = _place(content, random)
    del content[at : at + random.choice((1, 4, 8, 100, 1000))]


def _double(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    """A block stands there more than once."""
    at = _place(content, random)
    block = content[at : at + random.choice((1, 4, 8, 16, 64, 500, 4000))]
    content[at:at] = block * random.choice((1, 1, 2, 20, 1000))
    del content[_MOST_BYTES:]


def _splice(content: bytearray, random: Random, files: Sequence[bytes]) -> None:
    """A block of another file, in place of what was there or between it."""
    other = random.choice(files)
    start, length = random.randrange(len(other)), random.choice((4, 16, 100, 2000, len(other)))
    at = _place(content, random)
    content[at : at + random.choice((0, length))] = other[start : start + length]


def _fill(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at, length = _place(content, random), random.choice((4, 16, 100, 1000))
    content[at : at + length] = bytes([random.choice((0, 255, 0x41))]) * len(content[at : at + length])


def _move(content: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at, length = _place(content, random), random.choice((4, 8, 32, 300))
    block = content[at : at + length]
    del content[at : at + length]
    to = random.randrange(len(content) + 1)
    content[to:to] = block


_CHANGES: tuple[Change, ...] = (
    _flip, _flip, _byte, _number, _number, _number, _number, _truncate, _drop, _double, _splice, _fill, _move,
)  # fmt: skip
