"""Videos that PyAV decodes: frames that know their index, their time and their size.

The content decides what a file is, never its name.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from popscore.cpus import usable_cpus
from popscore.errors import UnreadableVideo
from popscore.files.kinds import HEAD_BYTES
from popscore.files.opening import head_of
from popscore.video.decoding.capture import capture_of
from popscore.video.decoding.frames import MAX_FRAME_PIXELS, DecodedFrame, Frame, turn_of_frame
from popscore.video.decoding.packets import Damage, Encrypted, Unexpected, counted, planned, prepare, read_timeline
from popscore.video.decoding.parallel import beside
from popscore.video.decoding.plan import Part, Plan, Sizes, plan_frames, plan_keyframes
from popscore.video.decoding.refusals import refusals
from popscore.video.decoding.too_much import TooMuch
from popscore.video.decoding.video import (
    READABLE_VIDEOS,
    Stop,
    VideoLimits,
    check_frame_size,
    clock,
)

# Demuxers that read one local file. Playlists (HLS, DASH, concat) are left out: they name other files and
# addresses, which popscore would then open. Sound is among them so that it can be told from no media at all.
_DEMUXERS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,h264,hevc,ivf,obu,mxf,dv,nut,mp3,wav,flac,aac"
_READ_TIMEOUT_S = 20.0
# Each holds up to 17 frames. All together hold no more than one decoder of the largest frames may.
_MAX_DECODERS = 4
_PIXELS_OF_THREADS = 2 * MAX_FRAME_PIXELS
# Opening a file once more costs as much as decoding some frames.
_PACKETS_EACH = 50
# By so much a frame may have more pixels than the header says; up to 4K it always may.
_GROWTH, _ANY_FRAME_PIXELS = 4, 9_000_000
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails
_DEFAULT_RATE = 25.0


class VideoFile:
    """A video that PyAV reads, see `popscore.video.decoding.video.Video`; arguments and errors as `open_video`."""

    def __init__(self, path: str | os.PathLike[str], *, name: str, limits: VideoLimits, stop: Stop) -> None:
        self.name = name
        self._path = Path(path).absolute()
        self._reformatter = VideoReformatter()
        self._damage = Damage()
        self._turn: Image.Transpose | None = None
        self._turn_known = False
        self._troubles: list[str] = []
        with self._open() as container:
            stream = self._chosen_stream(container)
            self._check(stream)
            self._stream_index = stream.index
            self.pixels = _pixels(stream)
            self._sample_aspect = float(stream.sample_aspect_ratio or 1)
            self._time_base = float(stream.time_base or 0)
            self._start_s = (container.start_time or 0) / 1e6
            self._rate = float(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE)
            self.capture = capture_of(container.metadata, stream.metadata)
            promised_s = _promised_s(container, stream)
            try:
                self._timeline, cut = read_timeline(
                    container, stream, max_frames=limits.max_frames, stop=stop, damage=self._damage
                )
            except Encrypted:
                raise UnreadableVideo(
                    f"{name} could not be read: it is encrypted. Choose a video without copy protection."
                ) from None
            except TooMuch as error:
                raise UnreadableVideo(f"{name} could not be read: {error}. Convert it, or record it again.") from None
        self.frame_count = len(self._timeline)
        if not self.frame_count:
            raise UnreadableVideo(f"{name} could not be read: it has no frames. Record or copy it again.")
        self.duration_s = self._found_duration_s()
        if cut:
            self._troubles.append(f"is very long: what lies behind {clock(self.duration_s)} was left out")
        elif promised_s > 1.25 * self.duration_s + 1:  # audio may go on for a moment
            self._troubles.append(
                f"ends after {clock(self.duration_s)}, though it says that it is {clock(promised_s)} long"
            )

    @property
    def troubles(self) -> Sequence[str]:
        """What was found to be wrong with the file so far, each the end of a sentence."""
        damaged = ["is damaged: what could be decoded was used"] if self._damage else []
        return [*self._troubles, *damaged]

    def keyframes(self) -> Sequence[int]:
        """Indexes of frames that can be decoded without any other, ascending."""
        return self._timeline.keyframes()

    def sizes(self) -> Sizes:
        """(frame_count,) bytes of each frame in the file, by index, as far as that is known."""
        return self._timeline.shown_sizes()

    def frames(self, wanted: Sequence[int], *, stop: Stop, in_order: bool = True) -> Generator[Frame]:
        """The frames of these indexes, see `Video`.

        What no wanted frame needs is not decoded. Where the decoder does not give exactly what the timeline
        promises, everything is decoded from the beginning instead, and frames are counted.
        """
        left = set(wanted)
        with refusals(self.name):
            plan = plan_frames(self._timeline, wanted)
            if plan is not None:
                try:
                    for frame in self._planned(plan, stop, in_order=in_order):
                        left.remove(frame.index)
                        yield frame
                    return
                except Unexpected:
                    pass
            yield from self._counted(left, stop)

    def keyframes_alone(self, wanted: Sequence[int], *, stop: Stop) -> Generator[Frame]:
        """As `frames`, in any order, for indexes from `keyframes`; nothing else is decoded."""
        left = set(wanted)
        with refusals(self.name):
            plan = plan_keyframes(self._timeline, wanted)
            try:
                if plan is not None:
                    for frame in self._planned(plan, stop, in_order=False):
                        left.remove(frame.index)
                        yield frame
                    return
            except Unexpected:
                pass
        yield from self.frames(sorted(left), stop=stop, in_order=False)

    def _planned(self, plan: Plan, stop: Stop, *, in_order: bool) -> Generator[DecodedFrame]:
        """Where possible one decoder per CPU, each with one thread, takes the next part whenever it is free.

        That costs less than a decoder with several threads, which wait for each other's rows of pixels.
        """
        decoders = 1 if in_order else self._useful_decoders(plan)
        parts: SimpleQueue[Part | None] = SimpleQueue()
        for part in [*plan.parts, *[None] * decoders]:
            parts.put(part)

        def decoded(stop: Stop) -> Generator[tuple[int, VideoFrame]]:
            taken = iter(parts.get_nowait, None)
            threads = 1 if decoders > 1 else self._threads()
            with self._open() as container:
                stream = self._stream(container)
                prepare(stream, threads, self._max_pixels(decoders))
                yield from planned(container, stream, self._timeline, plan, taken, stop=stop)

        found = beside([decoded] * decoders, stop) if decoders > 1 else decoded(stop)
        with closing(found):
            for index, frame in found:
                yield self._frame(index, frame, damaged=False)

    def _useful_decoders(self, plan: Plan) -> int:
        most = min(usable_cpus(), _MAX_DECODERS, MAX_FRAME_PIXELS // max(1, self.pixels))
        worth_opening = int(np.count_nonzero(plan.actions)) // _PACKETS_EACH
        return most if len(plan.parts) >= most and worth_opening >= most else 1

    def _threads(self) -> int:
        """Of a decoder that works alone; each holds a frame."""
        pixels = max(self.pixels, self._max_pixels(1) // 2)
        return max(1, min(usable_cpus(), _PIXELS_OF_THREADS // pixels))

    def _max_pixels(self, decoders: int) -> int:
        """Of a frame that the decoder is to accept: more than the header says, since some videos change their size.

        What is beyond is a lie: with all their threads, decoders would hold gigabytes of it.
        """
        return min(MAX_FRAME_PIXELS, max(_GROWTH * self.pixels, _ANY_FRAME_PIXELS // decoders))

    def _counted(self, wanted: set[int], stop: Stop) -> Generator[DecodedFrame]:
        last = max(wanted, default=-1)
        if last < 0:
            return
        with self._open() as container:
            stream = self._stream(container)
            prepare(stream, self._threads(), self._max_pixels(1))
            for index, decoded, damaged in counted(container, stream, self._timeline, stop, self._damage):
                if index in wanted:
                    yield self._frame(index, decoded, damaged=damaged)
                if index >= last:
                    return

    def _stream(self, container: InputContainer) -> VideoStream:
        return next(stream for stream in container.streams.video if stream.index == self._stream_index)

    def _frame(self, index: int, decoded: VideoFrame, *, damaged: bool) -> DecodedFrame:
        time_s = index / self._rate
        if decoded.pts is not None and self._time_base and self._timeline.timed:
            time_s = max(0.0, decoded.pts * self._time_base - self._start_s)
        if not self._turn_known:
            self._turn, self._turn_known = turn_of_frame(decoded), True
        return DecodedFrame(
            index=index,
            time_s=time_s,
            damaged=damaged,
            decoded=decoded,
            sample_aspect=self._sample_aspect,
            turn=self._turn,
            reformatter=self._reformatter,
            name=self.name,
        )

    # --- opening ------------------------------------------------------------------------------------

    def _open(self, **options: str) -> InputContainer:
        try:
            return av.open(
                f"file:{self._path}",
                options={
                    "format_whitelist": _DEMUXERS,
                    "protocol_whitelist": "file",
                    # FFmpeg decodes some frames to learn what is in the file.
                    "max_pixels": str(MAX_FRAME_PIXELS),
                    **options,
                },
                metadata_errors="replace",
                timeout=_READ_TIMEOUT_S,
            )
        except (av.FFmpegError, ValueError) as error:
            raise UnreadableVideo(f"{self.name} could not be read: {self._why_not()}") from error

    def _why_not(self) -> str:
        """Reason and next step for a file that does not open."""
        head = head_of(self._path, HEAD_BYTES)
        if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free", b"skip"):
            return "its index (moov) is missing or damaged, so the recording was cut off. Copy or record it again."
        if head[:4] in (b"\x1aE\xdf\xa3", b"RIFF"):
            return "the file is damaged. Copy it again from where it came from."
        return f"it is not a video, or of a rare kind. Choose a {READABLE_VIDEOS} file."

    def _chosen_stream(self, container: InputContainer) -> VideoStream:
        streams = [stream for stream in container.streams.video if not stream.disposition & _COVER]
        if streams:
            return max(streams, key=lambda one: (bool(one.disposition & Disposition.default), _pixels(one)))
        if container.streams.audio:
            cover = " and a cover picture" if container.streams.video else ""
            raise UnreadableVideo(f"{self.name} could not be read: it holds only sound{cover}. Choose a video.")
        raise UnreadableVideo(f"{self.name} could not be read: it holds no video stream. Choose another file.")

    def _check(self, stream: VideoStream) -> None:
        if stream.codec_context is None:
            raise UnreadableVideo(f"{self.name} could not be read: its codec is not supported. Convert it to H.264.")
        check_frame_size(self.name, stream.width, stream.height)
        pixels = _pixels(stream)
        if pixels and pixels <= _ANY_FRAME_PIXELS:
            return
        # FFmpeg puts what its decoder found in the place of what the header says, or nothing where it gave up.
        width, height = self._size_in_header(stream.index)
        check_frame_size(self.name, width, height)
        if width and height and pixels > _GROWTH * width * height:
            raise UnreadableVideo(
                f"{self.name} could not be read: its frames are {stream.width} x {stream.height}, its header says "
                f"{width} x {height}. Convert it, or record it again."
            )

    def _size_in_header(self, index: int) -> tuple[int, int]:
        with self._open(codec_whitelist="none") as container:
            found = [(one.width, one.height) for one in container.streams.video if one.index == index]
            return found[0] if found else (0, 0)

    def _found_duration_s(self) -> float:
        times = self._timeline.times
        if not self._timeline.timed or not self._time_base:
            return len(times) / self._rate
        return float(times.max() - times.min()) * self._time_base + 1 / self._rate


def _pixels(stream: VideoStream) -> int:
    return stream.width * stream.height if stream.codec_context is not None else 0


def _promised_s(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6
