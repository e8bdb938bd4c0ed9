"""Decoded frames that may be among the best, kept so that they need not be decoded again."""

from popscore.video.decoding.frames import Frame
from popscore.video.moments import ScoredFrame, one_by_one

# At 3 bytes per pixel, the most that a frame has: 16 frames of 1080p, 4 of 4K.
_MAX_BYTES = 100_000_000


class KeptFrames:
    """The best frame of each of the best moments so far.

    Args:
        count: how many to keep.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._frames: dict[int, tuple[ScoredFrame, Frame]] = {}  # by index

    def offer(self, scored: ScoredFrame, frame: Frame) -> None:
        """Keep the frame, if it is among the best with those that are kept."""
        room = min(self._count, _MAX_BYTES // (3 * frame.width * frame.height))
        if not room:
            return
        if len(self._frames) == room and all(known.score > scored.score for known, _ in self._frames.values()):
            return
        frames = {**self._frames, scored.index: (scored, frame)}
        best = one_by_one([known for known, _ in frames.values()], room)
        self._frames = {one.index: frames[one.index] for one in best}

    def take(self, index: int) -> Frame | None:
        """The frame of this index, if it was kept; it is no longer kept then."""
        _, frame = self._frames.pop(index, (None, None))
        return frame
