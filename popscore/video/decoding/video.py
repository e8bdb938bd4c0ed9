"""A video as the rest of popscore sees it, whatever decodes it: its contract, and the limits that hold for all."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from popscore.errors import VideoTooLarge
from popscore.settings import Settings
from popscore.video.decoding.capture import Capture
from popscore.video.decoding.frames import MAX_FRAME_PIXELS, Frame
from popscore.video.decoding.plan import Sizes

READABLE_VIDEOS = "MP4, MOV, MKV, WebM or AVI"
_MAX_SIDE = 16_384

Stop = Callable[[], bool]
"""Answers True once nobody waits for more."""


@dataclass(frozen=True, kw_only=True)
class VideoLimits:
    """How much of a video popscore is willing to read, and for how long.

    Attributes:
        max_bytes: of the file.
        max_frames: frames of the file, looked at or not; what lies behind is left out.
        max_seconds: wall time for everything; what is not done by then is left out.
    """

    max_bytes: int = Settings().max_video_bytes
    max_frames: int = 2_000_000
    max_seconds: float = 900.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the environment asks for."""
        return cls(max_bytes=settings.max_video_bytes)


class Video(Protocol):
    """A video whose timeline is known. One contract, whatever decodes it. Not for several threads at once.

    No file stays open between two calls.

    Attributes:
        name: what to call it in messages.
        frame_count: frames of the file, as far as that is known without decoding.
        duration_s: to the end of the last frame, in seconds, as found, not as the header says.
        pixels: of one frame, as the file says.
        capture: what the file says about when it was taken.
    """

    name: str
    frame_count: int
    duration_s: float
    pixels: int
    capture: Capture

    @property
    def troubles(self) -> Sequence[str]:
        """What was found to be wrong with the file so far, each the end of a sentence."""

    def keyframes(self) -> Sequence[int]:
        """Indexes of frames that can be decoded without any other, ascending."""

    def sizes(self) -> Sizes:
        """(frame_count,) bytes of each frame in the file, by index, as far as that is known."""

    def frames(self, wanted: Sequence[int], *, stop: Stop, in_order: bool = True) -> Generator[Frame]:
        """The frames of these indexes; those that cannot be decoded are left out.

        Args:
            wanted: indexes.
            stop: asked often; once it answers True, no more frames come.
            in_order: of display. False gives them as they come, which takes less time.
        """

    def keyframes_alone(self, wanted: Sequence[int], *, stop: Stop) -> Generator[Frame]:
        """As `frames`, in any order, for indexes from `keyframes`; nothing else is decoded."""


def clock(time_s: float) -> str:
    """Hours, minutes and seconds as people write them: 0:02, 4:00:00."""
    seconds = max(0, round(time_s))
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def check_frame_size(name: str, width: int, height: int) -> None:
    """Refuse frames that would take too much memory.

    Raises:
        VideoTooLarge: too many pixels, or a side that is too long.
    """
    limit = None
    if width * height > MAX_FRAME_PIXELS:
        limit = f"{MAX_FRAME_PIXELS / 1e6:.0f} megapixels per frame"
    elif max(width, height) > _MAX_SIDE:
        limit = f"{_MAX_SIDE} pixels a side"
    if limit:
        raise VideoTooLarge(f"{name} is too large: {width} x {height} pixels, the limit is {limit}. Save it smaller.")
