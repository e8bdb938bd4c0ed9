"""Packets of a video file: all of them for the timeline, those of a plan to the decoder."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from popscore.video.decoding.plan import LEAVE, SHOW, Part, Plan, Timeline, Times
from popscore.video.decoding.too_much import TooMuch
from popscore.video.decoding.video import Stop

if TYPE_CHECKING:
    from av.packet import Packet

    VideoPacket = Packet[VideoStream]  # PyAV's own class takes no parameter when it runs

# Reading on after damage: so many failures without one packet in between, and the file has ended.
_MAX_READ_FAILURES = 50
# Containers that say when to decode a frame, not when to show it.
_DECODING_TIMES = {"avi", "asf"}
# Between two packets of a Matroska file lie block and cluster headers, tens of bytes.
_MAX_GAP_BYTES = 1024
# Frames may be packed in a file, though no camera or program packs them much, and have these bytes in any file.
_PACKED, _ALWAYS_BYTES = 4, 20_000_000
_LAST_VCL_TYPE = 31  # HEVC: NAL units of pictures have types 0 to 31


class Unexpected(Exception):
    """Decoding by plan did not give what the timeline promised."""


class Encrypted(Exception):
    """The packets can only be decoded with a key."""


@dataclass
class Damage:
    """What could not be read or decoded; counted while frames are given out."""

    packets: int = 0
    frames: int = 0

    def __bool__(self) -> bool:
        return bool(self.packets or self.frames)


def packets(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator["VideoPacket"]:
    """All packets of the stream that hold something. Damage in between is passed over, and counted."""
    failures, end = 0, None
    # After damage FFmpeg searches for the next cluster of a Matroska file and says nothing. It shows as bytes
    # that belong to no packet, of any stream.
    watched = container.format.name.startswith("matroska")
    streams = container.streams if watched else (stream,)
    while failures < _MAX_READ_FAILURES:
        try:
            for packet in container.demux(*streams):
                if watched and packet.pos is not None:
                    damage.packets += end is not None and packet.pos - end > _MAX_GAP_BYTES
                    end = packet.pos + packet.size
                if packet.size and packet.stream_index == stream.index:
                    failures = 0
                    yield cast("VideoPacket", packet)
            return
        except av.FFmpegError:
            failures += 1
            damage.packets += failures == 1


def read_timeline(
    container: InputContainer, stream: VideoStream, *, max_frames: int, stop: Stop, damage: Damage
) -> tuple[Timeline, bool]:
    """The timeline, and whether it was cut short by `max_frames` or `stop`.

    Raises:
        Encrypted: the video is protected.
        TooMuch: its frames share their bytes, or grow when they are unpacked, so that they never end.
    """
    bytes_left = _PACKED * container.size + _ALWAYS_BYTES
    codec = stream.codec_context
    times, flags, sizes, layers = array("q"), bytearray(), array("i"), set[int]()
    cut = False
    timed = not (container.format.name in _DECODING_TIMES and codec.has_b_frames)
    length_bytes = _length_bytes(codec.extradata or b"")
    for packet in packets(container, stream, damage):
        if cut := bool(times) and (len(times) >= max_frames or stop()):
            break
        if packet.has_sidedata("encryption_info"):
            raise Encrypted
        timed &= packet.pts is not None
        times.append(packet.pts or 0)
        flags.append(packet.is_keyframe | packet.is_discard << 1)
        sizes.append(packet.size)
        bytes_left -= packet.size
        if bytes_left < 0:
            raise TooMuch("its frames claim more bytes than the file holds")
        damage.packets += packet.is_corrupt
        if codec.name == "hevc" and len(layers) < 2:
            layers.add(_temporal_layer(memoryview(packet), length_bytes))
    found = np.array(times, np.int64)
    timeline = Timeline(
        times=found,
        flags=np.frombuffer(bytes(flags), np.uint8),
        sizes=np.array(sizes, np.int32),
        codec=codec.name,
        timed=timed,
        # Frames are shown in another order than they are decoded in, and the times must say so.
        ordered=not codec.has_b_frames or bool((np.diff(found) < 0).any()),
        layered=len(layers) > 1,
    )
    return timeline, cut


def prepare(stream: VideoStream, threads: int, max_pixels: int) -> None:
    """Set up the decoder of a stream, before its first packet.

    Args:
        stream: of a container that was just opened.
        threads: to decode with.
        max_pixels: of a frame; for a larger one the decoder fails instead of taking memory.
    """
    codec = stream.codec_context
    codec.thread_type = "AUTO" if threads > 1 else "NONE"
    codec.thread_count = threads
    codec.options = {"max_pixels": str(max_pixels)}


def planned(
    container: InputContainer,
    stream: VideoStream,
    timeline: Timeline,
    plan: Plan,
    parts: Iterable[Part],
    *,
    stop: Stop,
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode parts of a plan: exactly their wanted frames, each with its index.

    Args:
        parts: of the plan, ascending; taken one at a time.
        stop: asked often; once it answers True, no more frames come.

    Raises:
        Unexpected: a packet or a frame was not as the timeline promised, or was damaged.
    """
    codec = stream.codec_context
    awaited: deque[int] = deque()  # times of wanted frames
    begins: list[int] = []  # the time of the keyframe that must come first, where the decoder began anew
    behind = 0  # number of the packet behind those that were decoded

    def expected(frames: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            if begins and (frame.pts != begins.pop() or frame.pict_type != PictureType.I):
                raise Unexpected
            if frame.is_corrupt or frame.pts is None or (awaited and frame.pts > awaited[0]):
                raise Unexpected
            if awaited and frame.pts == awaited[0]:
                yield plan.indexes[awaited.popleft()], frame

    def the_rest() -> Iterator[tuple[int, VideoFrame]]:
        yield from expected(codec.decode(None))
        if awaited:
            raise Unexpected

    numbered = enumerate(packets(container, stream, Damage()))
    try:
        for start, end in parts:
            if start != behind and not plan.independent:
                if behind:
                    yield from the_rest()
                    codec.flush_buffers()
                begins = [int(timeline.times[start])]
            awaited.extend(sorted(time for time in timeline.times[start:end].tolist() if time in plan.indexes))
            for position, packet in numbered:
                if stop():
                    return
                if position < start or plan.actions[position] == LEAVE:
                    continue
                if packet.pts != timeline.times[position]:
                    raise Unexpected
                codec.skip_frame = "DEFAULT" if plan.actions[position] == SHOW else "NONREF"
                yield from expected(codec.decode(packet))
                if position == end - 1:
                    break
            behind = end
        if behind:
            yield from the_rest()
    except av.FFmpegError:
        raise Unexpected from None


def counted(
    container: InputContainer, stream: VideoStream, timeline: Timeline, stop: Stop, damage: Damage
) -> Iterator[tuple[int, VideoFrame, bool]]:
    """Decode everything: index, frame, and whether it is damaged, or follows damage before the next keyframe.

    Frames are counted from the first one that can be decoded. Where the timeline is reliable, a frame that was
    lost to damage keeps its number, so that those behind it keep theirs.
    """
    codec = stream.codec_context
    shown = timeline.shown_times() if timeline.reliable else None
    first: int | None = None
    index, damaged = -1, False

    def decoded(packet: "VideoPacket | None") -> list[VideoFrame]:
        nonlocal damaged
        try:
            return codec.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            damaged = True
            damage.frames += 1
            return []

    for packet in _and_the_end(packets(container, stream, damage)):
        if stop():
            return
        for frame in decoded(packet):
            place = None if shown is None else _place(shown, frame.pts)
            first = place if first is None else first
            expected = index + 1
            index = expected if place is None or first is None else max(expected, place - first)
            if frame.is_corrupt or index > expected:
                damage.frames += not damaged
                damaged = True
            if frame.key_frame and not frame.is_corrupt:
                damaged = False
            yield index, frame, damaged


def _place(shown: Times, time: int | None) -> int | None:
    """Index of the frame that is shown at this time, None if there is none."""
    if time is None:
        return None
    place = int(np.searchsorted(shown, time))
    return place if place < len(shown) and shown[place] == time else None


def _and_the_end(found: Iterator["VideoPacket"]) -> Iterator["VideoPacket | None"]:
    yield from found
    yield None


# --- HEVC temporal layers -----------------------------------------------------------------------------


def _length_bytes(extradata: bytes) -> int:
    """Bytes of the length before each NAL unit; 0 where start codes separate them. ISO/IEC 14496-15, 8.3.3.1."""
    return (extradata[21] & 3) + 1 if len(extradata) > 22 and extradata[0] == 1 else 0


def _temporal_layer(packet: memoryview, length_bytes: int) -> int:
    """Temporal layer of a coded HEVC picture; 0 where that cannot be told. ITU-T H.265, 7.3.1.2."""
    at = 0
    for _ in range(64):
        if length_bytes:
            begins = at + length_bytes
            at = begins + int.from_bytes(packet[at:begins], "big")
        else:
            found = bytes(packet[at : at + 4096]).find(b"\0\0\1")
            if found < 0:
                return 0
            at = begins = at + found + 3
        header = bytes(packet[begins : begins + 2])
        if len(header) < 2:
            return 0
        if header[0] >> 1 & 63 <= _LAST_VCL_TYPE:
            return max(0, (header[1] & 7) - 1)
    return 0
