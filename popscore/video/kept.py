"""Decoded frames that may be among the best, kept so that they need not be decoded again."""

from popscore.video.frames import Frame
from popscore.video.moments import MOMENT_S

# At 3 bytes per pixel, the most that a frame has: 16 frames of 1080p, 4 of 4K.
_MAX_BYTES = 100_000_000


class KeptFrames:
    """The frames with the best scores so far, at different times.

    Args:
        count: how many to keep.
    """

    def __init__(self, count: int) -> None:
        self._most = count
        self._frames: list[tuple[float, Frame]] = []  # best first

    def offer(self, frame: Frame, score: float) -> None:
        """Keep the frame, if it is better than those that are kept, or if there is room."""
        near = [one for one in self._frames if abs(one[1].time_s - frame.time_s) < MOMENT_S]
        if any(one[0] >= score for one in near):
            return
        room = min(self._most, _MAX_BYTES // (3 * frame.width * frame.height))
        frames = [one for one in self._frames if one not in near]
        self._frames = sorted([*frames, (score, frame)], key=lambda one: -one[0])[:room]

    def take(self, index: int) -> Frame | None:
        """The frame of this index, if it was kept; it is no longer kept then."""
        for place, (_, frame) in enumerate(self._frames):
            if frame.index == index:
                del self._frames[place]
                return frame
        return None
