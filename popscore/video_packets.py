"""Packets of a video file: all of them for the timeline, those of a plan to the decoder."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from popscore.scoring import usable_cpus
from popscore.video_plan import LEAVE, SHOW, Plan, Timeline

if TYPE_CHECKING:
    from av.packet import Packet

    VideoPacket = Packet[VideoStream]  # PyAV's own class takes no parameter when it runs

# Reading on after damage: so many failures without one packet in between, and the file has ended.
_MAX_READ_FAILURES = 50
_LAST_VCL_TYPE = 31  # HEVC: NAL units of pictures have types 0 to 31

Stop = Callable[[], bool]


class Unexpected(Exception):
    """Decoding by plan did not give what the timeline promised."""


@dataclass
class Damage:
    """What could not be read or decoded; counted while frames are given out."""

    packets: int = 0
    frames: int = 0

    def __bool__(self) -> bool:
        return bool(self.packets or self.frames)


def packets(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator["VideoPacket"]:
    """All packets of the stream that hold something. Damage in between is passed over, and counted."""
    failures = 0
    while failures < _MAX_READ_FAILURES:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    failures = 0
                    yield packet
            return
        except av.FFmpegError:
            failures += 1
            damage.packets += failures == 1


def read_timeline(
    container: InputContainer, stream: VideoStream, *, max_frames: int, stop: Stop, damage: Damage
) -> tuple[Timeline, bool]:
    """The timeline, and whether it was cut short by `max_frames` or `stop`."""
    codec = stream.codec_context
    times, flags, layers = array("q"), bytearray(), set[int]()
    timed, cut = True, False
    length_bytes = _length_bytes(codec.extradata or b"")
    for packet in packets(container, stream, damage):
        if len(times) >= max_frames or stop():
            cut = True
            break
        timed &= packet.pts is not None
        times.append(packet.pts or 0)
        flags.append(packet.is_keyframe | packet.is_discard << 1)
        damage.packets += packet.is_corrupt
        if codec.name == "hevc" and len(layers) < 2:
            layers.add(_temporal_layer(memoryview(packet), length_bytes))
    timeline = Timeline(
        times=np.array(times, np.int64),
        flags=np.frombuffer(bytes(flags), np.uint8),
        codec=codec.name,
        timed=timed,
        layered=len(layers) > 1,
    )
    return timeline, cut


def planned(
    container: InputContainer, stream: VideoStream, timeline: Timeline, plan: Plan, stop: Stop
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode what the plan says: exactly its frames, each with its index.

    Raises:
        Unexpected: a packet or a frame was not as the timeline promised, or was damaged.
    """
    codec = _decoder(stream)
    awaited = list(zip(plan.times, plan.indexes, strict=True))[::-1]
    last = int(np.flatnonzero(plan.actions).max(initial=-1))
    begins: list[int] = []  # the time of the keyframe that must come first, after the decoder was emptied

    def expected(frames: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in frames:
            if begins and (frame.pts != begins.pop() or frame.pict_type != PictureType.I):
                raise Unexpected
            if frame.is_corrupt or frame.pts is None or (awaited and frame.pts > awaited[-1][0]):
                raise Unexpected
            if awaited and frame.pts == awaited[-1][0]:
                yield awaited.pop()[1], frame

    try:
        for position, packet in enumerate(packets(container, stream, Damage())):
            if position > last or stop():
                break
            if plan.actions[position] == LEAVE:
                continue
            if packet.pts != timeline.times[position]:
                raise Unexpected
            if plan.starts[position]:
                yield from expected(codec.decode(None))
                codec.flush_buffers()
                begins = [int(timeline.times[position])]
            codec.skip_frame = "DEFAULT" if plan.actions[position] == SHOW else "NONREF"
            yield from expected(codec.decode(packet))
        if not stop():
            yield from expected(codec.decode(None))
    except av.FFmpegError:
        raise Unexpected from None
    if awaited and not stop():
        raise Unexpected


def counted(
    container: InputContainer, stream: VideoStream, stop: Stop, damage: Damage
) -> Iterator[tuple[int, VideoFrame, bool]]:
    """Decode everything: index, frame, and whether it is damaged, or follows damage before the next keyframe."""
    codec = _decoder(stream)
    index, damaged = 0, False

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
            if frame.key_frame and not frame.is_corrupt:
                damaged = False
            elif frame.is_corrupt:
                damage.frames += not damaged
                damaged = True
            yield index, frame, damaged
            index += 1


def _and_the_end(found: Iterator["VideoPacket"]) -> Iterator["VideoPacket | None"]:
    yield from found
    yield None


def _decoder(stream: VideoStream) -> VideoCodecContext:
    codec = stream.codec_context
    codec.thread_type = "AUTO"
    codec.thread_count = usable_cpus()
    return codec


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
