"""Animated GIF and WebP as videos; decoding is Pillow's, which puts the pieces of a frame together."""

import os
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from popscore.errors import PopscoreError, UnreadableVideo
from popscore.video.decoding.capture import Capture
from popscore.video.decoding.frames import Size, reduced_size
from popscore.video.decoding.plan import Sizes
from popscore.video.decoding.refusals import refusals
from popscore.video.decoding.too_much import TooMuch
from popscore.video.decoding.video import Stop, VideoLimits, check_frame_size

# Browsers show a frame of 10 ms and less for 100 ms, because old files say 0 and mean "as you like".
_SHORTEST_MS, _INSTEAD_MS = 11, 100
# A picture has blocks of 255 bytes; programs end some of them early.
_ALWAYS_BLOCKS, _BYTES_PER_BLOCK = 200_000, 50
# Pillow puts a comment together block by block, each time anew.
_MAX_COMMENT_BLOCKS = 5_000
_MAX_CHUNKS = 500_000
# libwebp looks for each frame from the first one on: 20,000 take a second. In ordinary animations they last 20 minutes.
_MAX_WEBP_FRAMES = 20_000
# Ninety seconds and more; longer animations are large. A megabyte can hold 30,000 frames of one pixel.
_ALWAYS_FRAMES, _BYTES_PER_FRAME = 2_500, 20_000


@dataclass(frozen=True, slots=True)
class AnimationFrame:
    """A frame as Pillow decoded it, see `popscore.video.decoding.frames.Frame`."""

    index: int
    time_s: float
    picture: Image.Image
    name: str = "the video"
    damaged: bool = False
    high_dynamic_range: bool = False

    @property
    def width(self) -> int:
        """Of the picture."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Of the picture."""
        return self.picture.height

    def image(self, at_least: Size | None = None) -> Image.Image:
        """The picture, see `Frame.image`."""
        size = reduced_size(self.picture.size, at_least)
        if size == self.picture.size:
            return self.picture
        with refusals(self.name):
            return self.picture.resize(size, Image.Resampling.BOX, reducing_gap=2)


class AnimationFile:
    """An animation, see `popscore.video.decoding.video.Video`.

    Args:
        path: of the file.
        name: what to call it in messages.
        limits: frames to accept.

    Raises:
        UnreadableVideo: damaged, or without frames.
        VideoTooLarge: its frames have too many pixels.
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str, limits: VideoLimits) -> None:
        self.name = name
        self.capture = Capture()
        self._path = Path(path)
        self._troubles: list[str] = []
        content = self._path.read_bytes()
        self._kind = GifImageFile if content[:3] == b"GIF" else WebPImageFile
        try:
            size, durations_ms = _gif_frames(content) if self._kind is GifImageFile else _webp_frames(content)
        except TooMuch as error:
            raise UnreadableVideo(f"{name} could not be read: {error}. Save it again.") from None
        size_bytes = len(content)
        del content
        self.pixels = size[0] * size[1]
        check_frame_size(name, *size)
        if not durations_ms:
            raise UnreadableVideo(f"{name} could not be read: it has no frames. Copy it again from where it came from.")
        most = min(limits.max_frames, max(_ALWAYS_FRAMES, size_bytes // _BYTES_PER_FRAME))
        if self._kind is WebPImageFile:
            most = min(most, _MAX_WEBP_FRAMES)
        if len(durations_ms) > most:
            self._troubles.append(f"is very long: what lies behind its first {most} frames was left out")
        shown_ms = [ms if ms >= _SHORTEST_MS else _INSTEAD_MS for ms in durations_ms[:most]]
        self._times_s = [ms / 1000 for ms in accumulate(shown_ms, initial=0)]
        self.duration_s = self._times_s[-1]
        self.frame_count = len(shown_ms)

    @property
    def troubles(self) -> Sequence[str]:
        """What was found to be wrong with the file so far, each the end of a sentence."""
        return self._troubles

    def keyframes(self) -> Sequence[int]:
        """Only the first: the others may be changes to it."""
        return [0]

    def sizes(self) -> Sizes:
        """Not known."""
        return np.zeros(self.frame_count, np.int32)

    def frames(
        self,
        wanted: Sequence[int],
        *,
        stop: Stop,
        in_order: bool = True,  # noqa: ARG002  they always are
    ) -> Generator[AnimationFrame]:
        """The frames of these indexes, see `Video`."""
        last = max(wanted, default=-1)
        chosen = set(wanted)
        try:
            with open(self._path, "rb") as file, self._kind(file) as image:
                for index in range(min(last + 1, self.frame_count)):
                    if stop():
                        return
                    image.seek(index)
                    if index in chosen:
                        yield AnimationFrame(index, self._times_s[index], _flat(image), self.name)
        except PopscoreError:
            raise
        except Exception:  # noqa: BLE001  Pillow's errors share no base class, see `refusals`; what came before is used
            self._troubles.append("is damaged: what could be decoded was used")

    def keyframes_alone(self, wanted: Sequence[int], *, stop: Stop) -> Generator[AnimationFrame]:
        """As `frames`."""
        return self.frames(wanted, stop=stop)


def _flat(image: Image.Image) -> Image.Image:
    """RGB, with white where it is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    return flat


def _gif_frames(content: bytes) -> tuple[Size, list[int]]:
    """Size, and milliseconds of each frame. Source: GIF89a specification, sections 18 to 23."""
    width, height, flags = struct.unpack_from("<HHB", content, 6) if len(content) >= 13 else (0, 0, 0)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    durations_ms: list[int] = []
    delay_ms = blocks = comment_blocks = 0
    most_blocks = _ALWAYS_BLOCKS + len(content) // _BYTES_PER_BLOCK
    while at + 1 < len(content):
        comment = content[at : at + 2] == b"\x21\xfe"
        kind = content[at]
        if kind == 0x21:  # an extension; 0xF9 says how long the next picture is shown
            if content[at + 1] == 0xF9 and at + 6 <= len(content):
                delay_ms = 10 * int.from_bytes(content[at + 4 : at + 6], "little")
            at += 2
        elif kind == 0x2C:  # a picture: its place, perhaps its own colours, its code size
            if at + 10 > len(content):
                break
            durations_ms.append(delay_ms)
            # A frame may be larger than the picture, which then grows.
            left, top, across, down = struct.unpack_from("<4H", content, at + 1)
            width, height = max(width, left + across), max(height, top + down)
            own = content[at + 9]
            at += 11 + (3 << (own & 7) + 1 if own & 0x80 else 0)
        else:  # the end
            break
        start = blocks
        while at < len(content) and content[at]:
            at += content[at] + 1
            blocks += 1
            if blocks > most_blocks:
                raise TooMuch("it is in more pieces than an animation")
        at += 1
        blocks += 1
        comment_blocks += comment and blocks - start - 1
        if comment_blocks > _MAX_COMMENT_BLOCKS:
            raise TooMuch("it has more comments than an animation")
    return (width, height), durations_ms


def _webp_frames(content: bytes) -> tuple[Size, list[int]]:
    """Size, and milliseconds of each frame. Source: WebP Container Specification, RFC 9649, section 2.7.1."""
    size, durations_ms, still = (0, 0), list[int](), False
    at, chunks = 12, 0
    while at + 8 <= len(content):
        chunks += 1
        if chunks > _MAX_CHUNKS:
            raise TooMuch("it is in more pieces than an animation")
        kind, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if kind == b"VP8X" and at + 18 <= len(content):
            width, height = (int.from_bytes(content[at + place : at + place + 3], "little") for place in (12, 15))
            size = width + 1, height + 1
        elif kind == b"ANMF" and at + 23 <= len(content):
            durations_ms.append(int.from_bytes(content[at + 20 : at + 23], "little"))
        still |= kind in (b"VP8 ", b"VP8L")
        at += 8 + length + length % 2
    return size, durations_ms or ([_INSTEAD_MS] if still else [])
