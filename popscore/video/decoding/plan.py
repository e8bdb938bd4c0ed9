"""Which packets of a video must be decoded to get exactly the wanted frames, and which need not be.

A packet is one coded frame. Packets come in decoding order; a frame's index is its place in display order, which
the presentation times give. Three kinds of work are saved, all without changing a pixel:

- frames that no other frame refers to are not decoded, unless wanted;
- behind the last wanted frame before a closed keyframe nothing is decoded until that keyframe;
- where every frame is a keyframe, only the wanted ones are decoded.

Where times are missing or not unique there is no plan, and everything has to be decoded.

A plan has parts, which can be decoded in any order, and beside each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

LEAVE, REFERENCE, SHOW = 0, 1, 2
"""What to do with a packet: do not decode; decode if others refer to it; decode and show."""

# Codecs whose decoders in FFmpeg can be told, from one packet to the next, to leave out frames that no other
# refers to. In HEVC that is true only without temporal layers, see `Timeline.layered`.
_KNOW_REFERENCES = {"h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video"}
# Codecs without any reference from one frame to another.
_INTRA_ONLY = {"mjpeg", "prores", "dnxhd", "jpeg2000", "ffvhuff", "huffyuv", "utvideo", "rawvideo", "png", "dvvideo"}
_KEY, _DISCARD = 1, 2

Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]
Sizes = npt.NDArray[np.int32]
Part = tuple[int, int]
"""A range of packets: the first, and the one behind the last."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The packets of a video stream, in decoding order; 13 bytes each.

    Attributes:
        times: (P,) presentation times in units of the stream's time base.
        flags: (P,) 1 for a keyframe, 2 for a frame that is decoded but never shown (edit lists).
        sizes: (P,) in bytes.
        codec: FFmpeg's name of the decoder.
        timed: every packet has a presentation time.
        ordered: the times fit what the codec says about the order of frames.
        layered: some frames are on a higher temporal layer than others (HEVC).
    """

    times: Times
    flags: Flags
    sizes: Sizes
    codec: str
    timed: bool
    ordered: bool = True
    layered: bool = False

    def __len__(self) -> int:
        return int(np.count_nonzero(self._shown))

    @property
    def _shown(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.flags & _DISCARD == 0)

    @property
    def reliable(self) -> bool:
        """The order of display is known without decoding."""
        return self.timed and self.ordered and len(np.unique(self.times)) == len(self.times)

    def shown_times(self) -> Times:
        """(N,) presentation time of each frame by index; only meaningful where `reliable`."""
        return np.sort(self.times[self._shown])

    def shown_sizes(self) -> Sizes:
        """(N,) bytes of each frame by index; only meaningful where `reliable`."""
        return self.sizes[self._shown][np.argsort(self.times[self._shown])]

    def keyframes(self) -> list[int]:
        """Indexes of the keyframes, ascending; only the first frame where the order is not known."""
        if not self.reliable:
            return [0]
        keys = self._shown & (self.flags & _KEY != 0)
        return [int(index) for index in np.searchsorted(self.shown_times(), np.sort(self.times[keys]))]

    def closed_keyframes(self) -> npt.NDArray[np.intp]:
        """Positions of keyframes that split both orders alike, so that decoding may begin anew there."""
        keys = np.flatnonzero(self.flags & _KEY)
        if not len(keys) or (self.flags[1:] & _DISCARD).any():
            return keys[:0]
        before = np.maximum.accumulate(self.times)
        after = np.minimum.accumulate(self.times[::-1])[::-1]
        keys = keys[keys > 0]
        closed = (before[keys - 1] < self.times[keys]) & (after[keys] == self.times[keys])
        return np.asarray(keys[closed], np.intp)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do with each packet.

    Attributes:
        actions: (P,) LEAVE, REFERENCE or SHOW.
        parts: ascending. Decoding can begin with any of them; all packets that are not left lie in one.
        indexes: of the wanted frames, by their presentation times.
        independent: no packet needs another one.
    """

    actions: Flags
    parts: Sequence[Part]
    indexes: Mapping[int, int]
    independent: bool = False


def plan_frames(timeline: Timeline, wanted: Sequence[int]) -> Plan | None:
    """The least work that gives the wanted frames exactly.

    Args:
        timeline: of the video.
        wanted: indexes of frames; those beyond the end are left out.

    Returns:
        None where the order of display is not known.
    """
    if not timeline.reliable:
        return None
    indexes = _indexes(timeline, wanted)
    show = np.isin(timeline.times, list(indexes))
    actions = np.where(show, SHOW, LEAVE).astype(np.uint8)
    if timeline.codec in _INTRA_ONLY:
        return Plan(actions=actions, parts=_alone(show), indexes=indexes, independent=True)
    reference = SHOW if timeline.layered or timeline.codec not in _KNOW_REFERENCES else REFERENCE
    bounds = [0, *map(int, timeline.closed_keyframes()), len(timeline.times)]
    parts = []
    for start, end in pairwise(bounds):
        places = np.flatnonzero(show[start:end])
        if not len(places):
            continue
        end = start + int(places[-1]) + 1
        part = actions[start:end]
        part[part == LEAVE] = reference
        parts.append((start, end))
    return Plan(actions=actions, parts=parts, indexes=indexes)


def plan_keyframes(timeline: Timeline, wanted: Sequence[int]) -> Plan | None:
    """Decode the wanted keyframes and nothing else.

    Args:
        timeline: of the video.
        wanted: indexes from `Timeline.keyframes`.

    Returns:
        None where the order of display is not known.
    """
    if not timeline.reliable:
        return None
    indexes = _indexes(timeline, wanted)
    show = np.isin(timeline.times, list(indexes)) & (timeline.flags & _KEY != 0)
    actions = np.where(show, SHOW, LEAVE).astype(np.uint8)
    return Plan(actions=actions, parts=_alone(show), indexes=indexes, independent=timeline.codec in _INTRA_ONLY)


def _indexes(timeline: Timeline, wanted: Sequence[int]) -> dict[int, int]:
    """Indexes by presentation times."""
    shown = timeline.shown_times()
    return {int(shown[index]): index for index in wanted if index < len(shown)}


def _alone(show: npt.NDArray[np.bool_]) -> list[Part]:
    """Each packet as a part of its own."""
    return [(int(place), int(place) + 1) for place in np.flatnonzero(show)]
