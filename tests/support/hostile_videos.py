"""Small video files that would take gigabytes or minutes: what is claimed in them is far more than what is there."""

import io
import struct
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from hostile_mp4 import HOSTILE_MP4
from PIL import Image
from video_clips import Clip, clip_bytes

# --- frames that are larger than the header says ------------------------------------------------------


def large_frames(name: str, codec: str, size: tuple[int, int], frames: int = 3) -> bytes:
    """A clip of large frames with a header that says 64 x 64."""
    content = grey_clip(name, codec, size, frames)
    order = "<" if name.endswith("avi") else ">"
    index = content.rindex(b"moov") if name.endswith("mp4") else 0  # the pictures have sizes as well
    head, tail = content[:index], content[index:]
    for kind, scale in (("HH", 1), ("II", 1), ("II", 65_536)):
        large, small = (struct.pack(order + kind, *(side * scale for side in sides)) for sides in (size, (64, 64)))
        tail = tail.replace(large, small)
    return head + tail


def grey_clip(name: str, codec: str, size: tuple[int, int], frames: int, aspect: Fraction | None = None) -> bytes:
    """Made with little memory: all frames are one."""
    frame = av.VideoFrame(*size, "yuvj420p" if codec == "mjpeg" else "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = size
            stream.pix_fmt = frame.format.name
            stream.codec_context.thread_count = 1
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if codec == "libx264":
                stream.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "ref=1:threads=1"}
            for index in range(frames):
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


def growing_frames(name: str = "clip.avi") -> bytes:
    """An MJPEG whose first frames are as small as its header says, and all others 144 megapixels."""
    small = clip_bytes("small.avi", Clip(codec="mjpeg", frames=400, size=(64, 64), pix_fmt="yuvj420p"))
    picture = io.BytesIO()
    Image.new("L", (12_000, 12_000)).save(picture, "JPEG", quality=10)
    large = picture.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path, source = Path(folder) / name, Path(folder) / "small.avi"
        source.write_bytes(small)
        with av.open(str(source)) as read, av.open(str(path), "w") as write:
            stream = write.add_stream_from_template(read.streams.video[0])
            for number, packet in enumerate(read.demux(video=0)):
                if packet.dts is None:
                    continue
                new = packet
                if 100 <= number < 106:
                    new = av.Packet(large)
                    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
                    new.is_keyframe = True
                new.stream = stream
                write.mux(new)
        return path.read_bytes()


# --- animations ---------------------------------------------------------------------------------------


def _animation(kind: str, size: tuple[int, int] = (16, 16)) -> bytes:
    file = io.BytesIO()
    pictures = [Image.new("RGB", size, color) for color in ("red", "green", "blue")]
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=40)
    return file.getvalue()


def gif_comments() -> bytes:
    """A comment in a million blocks of one byte before each of three frames."""
    content = _animation("GIF")
    comment = b"\x21\xfe" + b"\x01x" * 1_000_000 + b"\x00"
    return content.replace(b"\x21\xf9", comment + b"\x21\xf9")


def gif_text() -> bytes:
    """A million comments and texts, each of one block."""
    content = _animation("GIF")
    return content.replace(
        b"\x21\xf9", b"\x21\xfe\x01x\x00" * 500_000 + b"\x21\x01\x01x\x00" * 500_000 + b"\x21\xf9", 1
    )


def gif_pixels() -> bytes:
    """The pixels of a frame in ten million empty blocks of one byte."""
    content = _animation("GIF")
    at = content.index(b"\x2c") + 11
    return content[:at] + b"\x01\x00" * 10_000_000 + b"\0" + content[content.index(b"\x21\xf9", at) :]


def gif_large_frame() -> bytes:
    """A frame of 13,000 x 13,000 in a picture of 16 x 16."""
    content = bytearray(_animation("GIF"))
    at = content.rindex(b"\x2c\0\0\0\0")
    struct.pack_into("<HH", content, at + 5, 13_000, 13_000)
    return bytes(content)


def stretched() -> bytes:
    """Pixels a thousand times as wide as they are high, in a picture of 2048 x 16,000."""
    return grey_clip("clip.mkv", "mjpeg", (2048, 16_000), 2, Fraction(1000))


def large_gif() -> bytes:
    """Frames of 16 x 16 in a picture of 36 megapixels, as large as is allowed."""
    content = _animation("GIF")
    return content[:6] + struct.pack("<HH", 6_000, 5_990) + content[10:]


def large_webp() -> bytes:
    """As `large_gif`."""
    content = _animation("WEBP")
    at = content.index(b"VP8X") + 12
    return content[:at] + struct.pack("<I", 5_999)[:3] + struct.pack("<I", 5_989)[:3] + content[at + 6 :]


def webp_chunks() -> bytes:
    """An animated WebP with eight million empty chunks."""
    content = _animation("WEBP")
    body = content[12:] + b"junk\0\0\0\0" * 8_000_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_frames() -> bytes:
    """An animated WebP with 400,000 frames of one pixel."""
    content = _animation("WEBP", (1, 1))
    at = content.index(b"ANMF")
    length = struct.unpack_from("<I", content, at + 4)[0]
    frame = content[at : at + 8 + length + length % 2]
    body = content[12:at] + frame * 400_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


# --- Matroska -----------------------------------------------------------------------------------------


def _element(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">Q", 1 << 56 | len(content)) + content


def matroska_packed() -> bytes:
    """Blocks that grow a thousandfold when unpacked (ContentCompression)."""
    frame = zlib.compress(bytes(9_000_000), 9)
    packing = _element(
        b"\x6d\x80",
        _element(
            b"\x62\x40",
            _element(b"\x50\x31", b"\0")
            + _element(b"\x50\x32", b"\1")
            + _element(b"\x50\x34", _element(b"\x42\x54", b"\0")),
        ),
    )
    video = _element(b"\xe0", _element(b"\xb0", b"\x40") + _element(b"\xba", b"\x40"))
    track = _element(
        b"\xae",
        _element(b"\xd7", b"\1")
        + _element(b"\x73\xc5", b"\1")
        + _element(b"\x83", b"\1")
        + _element(b"\x86", b"V_MPEG4/ISO/ASP")
        + video
        + packing,
    )
    clusters = b"".join(
        _element(
            b"\x1f\x43\xb6\x75",
            _element(b"\xe7", struct.pack(">H", number)) + _element(b"\xa3", b"\x81\0\0\x80" + frame),
        )
        for number in range(100)
    )
    head = _element(b"\x1a\x45\xdf\xa3", _element(b"\x42\x82", b"matroska"))
    return head + _element(
        b"\x18\x53\x80\x67", _element(b"\x15\x49\xa9\x66", b"") + _element(b"\x16\x54\xae\x6b", track) + clusters
    )


def matroska_tags() -> bytes:
    """64 MB of tags of no content, in eight pieces."""
    return _tagged(b"\x73\x73\x83\x67\xc8\x80" * 1_333_333, 8)


def matroska_names() -> bytes:
    """400,000 tags, each of another name."""
    parts = (b"\x67\xc8\x8d\x45\xa3\x86%06x\x44\x87\x81x" % number for number in range(400_000))
    return _tagged(_element(b"\x73\x73", b"".join(parts)), 1)


def _tagged(content: bytes, times: int) -> bytes:
    """A Matroska with these tags before its tracks."""
    clip = clip_bytes("live.mkv", Clip(frames=3, size=(64, 64), container_options={"live": "1"}))
    tags = _element(b"\x12\x54\xc3\x67", content)
    at = clip.rindex(b"\x16\x54\xae\x6b")  # the tracks; the first one stands in the list of what lies where
    segment = clip.index(b"\x18\x53\x80\x67") + 4
    unknown = struct.pack(">Q", (1 << 57) - 1)
    return clip[:segment] + unknown + clip[segment + 8 : at] + tags * times + clip[at:]


def avi_notes() -> bytes:
    """70,000 notes, each of another name."""
    clip = clip_bytes("clip.avi", Clip(codec="mpeg4", frames=3, size=(64, 64)))
    notes = (
        b"INFO"
        + b"".join(b"%04x\x01\0\0\0x\0" % number for number in range(16**4))
        + b"".join(b"Z%03x\x01\0\0\0x\0" % number for number in range(16**3))
    )
    at = clip.index(b"movi") - 8
    return clip[:at] + b"LIST" + struct.pack("<I", len(notes)) + notes + clip[at:]


def flv_names() -> bytes:
    """200,000 values, each of another name."""
    clip = clip_bytes("clip.flv", Clip(codec="flv", frames=3, size=(64, 64)))
    values = b"".join(b"\0\x06%06x\1\1" % number for number in range(200_000))
    script = b"\2\0\x0aonMetaData\x08" + struct.pack(">I", 200_000) + values + b"\0\0\x09"
    tag = b"\x12" + struct.pack(">I", len(script))[1:] + bytes(7) + script + struct.pack(">I", 11 + len(script))
    return clip[:13] + tag + clip[13:]


def matroska_length(name: bytes) -> Callable[[], bytes]:
    """An element that says it is 250 MB long."""

    def make() -> bytes:
        content = clip_bytes("clip.mkv", Clip(frames=3, size=(64, 64)))
        at = content.index(name) + len(name)
        return content[:at] + b"\x1f\x00\x00\x00" + content[at + 1 :]

    return make


HOSTILE_VIDEOS: dict[str, Callable[[], bytes]] = {
    **HOSTILE_MP4,
    "large frames in avi": lambda: large_frames("clip.avi", "libx264", (8192, 4096)),
    "larger frames in avi": lambda: large_frames("clip.avi", "mjpeg", (12_000, 12_000), 1),
    "large frames in mp4": lambda: large_frames("clip.mp4", "libx264", (8192, 4096)),
    "larger frames in mp4": lambda: large_frames("clip.mp4", "mjpeg", (12_000, 12_000), 1),
    "larger frames in mpeg-ts": lambda: large_frames("clip.ts", "libx264", (12_000, 12_000), 1),
    "growing frames": growing_frames,
    "gif comments": gif_comments,
    "gif text": gif_text,
    "gif pixels": gif_pixels,
    "gif large frame": gif_large_frame,
    "webp chunks": webp_chunks,
    "webp frames": webp_frames,
    "large gif": large_gif,
    "large webp": large_webp,
    "stretched": stretched,
    "matroska packed": matroska_packed,
    "matroska tags": matroska_tags,
    "matroska names": matroska_names,
    "avi notes": avi_notes,
    "flv names": flv_names,
    "matroska codec private": matroska_length(b"\x63\xa2"),
}
"""By name, what makes each of them; most take a moment to make."""
