"""Small video files that would take gigabytes or minutes: what is claimed in them is far more than what is there."""

import io
import struct
import tempfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from mp4_boxes import Box, boxes, full, packed, with_table
from PIL import Image
from video_clips import Clip, make_clip

# FFmpeg allocates no more than 2 GB at once, which 89 million entries of its index need.
MANY = 85_000_000


_made: dict[str, bytes] = {}


def clip_bytes(name: str, clip: Clip) -> bytes:
    """The bytes of a clip; the ending of the name says which container."""
    key = f"{name} {clip}"
    if key not in _made:
        _made[key] = _clip(name, clip)
    return _made[key]


def _clip(name: str, clip: Clip) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make_clip(Path(folder) / name, clip).read_bytes()


def _mp4(**options: str) -> bytes:
    return clip_bytes("clip.mp4", Clip(frames=3, size=(64, 64), container_options=options))


def _sound_mp4() -> bytes:
    """A clip whose sound is its first track."""
    found = boxes(clip_bytes("clip.mp4", Clip(frames=3, size=(64, 64), sound=True)))
    moov = next(box for box in found if box.name == b"moov")
    tracks = [box for box in moov.inside if box.name == b"trak"]
    others = [box for box in moov.inside if box.name != b"trak"]
    moov.inside = [others[0], *reversed(tracks), *others[1:]]
    return packed(found)


# --- MP4: tables of samples ---------------------------------------------------------------------------


def constant_sizes(count: int = MANY, size: int = 1) -> bytes:
    """All samples are of one size, so that a table of any length needs no bytes."""
    return with_table(
        _mp4(),
        b"stsz",
        full(size, count),
        (b"stts", full(1, count, 512)),
        (b"stsc", full(1, 1, count, 1)),
        (b"ctts", full(1, count, 0)),
    )


def table(name: bytes, count: int = 900_000_000) -> Callable[[], bytes]:
    """A table that claims this many entries, and holds a few."""
    head = {b"stsz": (0, count), b"stz2": (4, count)}.get(name, (count,))

    def make() -> bytes:
        return with_table(_mp4(), name, full(*head, rest=bytes(64)))

    return make


def many_edits() -> bytes:
    """Each of 20,000 edits shows the whole of 20,000 samples."""
    count = 20_000
    sizes = b"".join(struct.pack(">I", 1) for _ in range(count))
    content = with_table(
        _mp4(),
        b"stsz",
        full(0, count, rest=sizes),
        (b"stts", full(1, count, 512)),
        (b"stsc", full(1, 1, count, 1)),
        (b"ctts", full(1, count, 0)),
        (b"stss", full(1, 1)),
    )
    found = boxes(content)
    edits = Box(b"", inside=found).get(b"moov", b"trak", b"edts", b"elst")
    edits.content = full(count, rest=struct.pack(">IiI", 800_000, 0, 65_536) * count)
    return packed(found)


def edit_count() -> bytes:
    """An edit list of 900 million entries without any."""
    found = boxes(_mp4())
    Box(b"", inside=found).get(b"moov", b"trak", b"edts", b"elst").content = full(900_000_000, rest=bytes(24))
    return packed(found)


def sound_chunks() -> bytes:
    """Chunks of sound with four billion samples each."""
    chunks = 40
    return with_table(
        _sound_mp4(),
        b"stsz",
        full(1, 0xFFFFFFFF),
        (b"stts", full(1, 0xFFFFFFFF, 1)),
        (b"stsc", full(1, 1, 0xF0000000, 1)),
        (b"stco", full(chunks, rest=struct.pack(">I", 48) * chunks)),
    )


def _fragmented() -> list[Box]:
    return boxes(_mp4(movflags="frag_keyframe+empty_moov+default_base_moof"))


def run_count(count: int = MANY, runs: int = 1) -> bytes:
    """A run in a fragment whose samples all are as the header says, so that they need no bytes."""
    found = _fragmented()
    fragment = next(box for box in found if box.name == b"moof").get(b"traf")
    fragment.inside = [box for box in fragment.inside if box.name != b"trun"]
    fragment.inside += [Box(b"trun", full(count)) for _ in range(runs)]
    return packed(found)


def many_runs() -> bytes:
    """20,000 runs of 20,000 samples."""
    return run_count(20_000, 20_000)


def run_table() -> bytes:
    """A run that claims sizes it does not hold."""
    found = _fragmented()
    fragment = next(box for box in found if box.name == b"moof").get(b"traf")
    run = next(box for box in fragment.inside if box.name == b"trun")
    run.content = struct.pack(">II", 0xF00, 700_000_000) + bytes(64)
    return packed(found)


def many_tracks() -> bytes:
    """900 tracks, and 20,000 fragments."""
    found = _fragmented()
    moov = next(box for box in found if box.name == b"moov")
    (track,) = (box for box in moov.inside if box.name == b"trak")
    moov.inside += [track] * 900
    fragment = next(box for box in found if box.name == b"moof")
    return packed(found) + fragment.packed() * 20_000


def packed_index() -> bytes:
    """An index of 2 GB, packed into 8 MB (QuickTime's cmov)."""
    packer = zlib.compressobj(1)
    part = bytes(10_000_000)
    body = b"".join([*(packer.compress(part) for _ in range(100)), packer.flush()])
    method = Box(b"dcom", b"zlib")
    content = Box(b"cmvd", struct.pack(">I", 2_000_000_000) + body)
    return (
        Box(b"ftyp", b"qt  \0\0\0\0qt  ").packed()
        + Box(b"moov", Box(b"cmov", inside=[method, content]).packed()).packed()
    )


def packed_lies() -> bytes:
    """An index that lies, packed."""
    found = boxes(constant_sizes())
    moov = next(box for box in found if box.name == b"moov").packed()
    method = Box(b"dcom", b"zlib")
    content = Box(b"cmvd", struct.pack(">I", len(moov)) + zlib.compress(moov))
    index = Box(b"moov", Box(b"cmov", inside=[method, content]).packed())
    return packed([box for box in found if box.name != b"moov"]) + index.packed()


def many_boxes() -> bytes:
    """Three million empty boxes."""
    return _mp4() + Box(b"free").packed() * 3_000_000


def deep_boxes() -> bytes:
    """Boxes in boxes, 100,000 deep."""
    count = 100_000
    heads = b"".join(struct.pack(">I4s", 8 * (count - number), b"moov") for number in range(count))
    return Box(b"ftyp", b"isom\0\0\0\0isom").packed() + heads


def picture_items() -> bytes:
    """An index of 500 million still pictures."""
    items = Box(b"iinf", full(500_000_000, version=1, rest=bytes(64)))
    places = Box(b"iloc", full(0x44440000, 500_000_000, version=2, rest=bytes(64)))
    return (
        Box(b"ftyp", b"isom\0\0\0\0isom").packed() + Box(b"meta", bytes(4) + items.packed() + places.packed()).packed()
    )


# --- frames that are larger than the header says ------------------------------------------------------


def large_frames(name: str, codec: str, size: tuple[int, int], frames: int = 8) -> bytes:
    """A clip of large frames with a header that says 64 x 64."""
    content = _grey_clip(name, codec, size, frames)
    order = "<" if name.endswith("avi") else ">"
    index = content.rindex(b"moov") if name.endswith("mp4") else 0  # the pictures have sizes as well
    head, tail = content[:index], content[index:]
    for kind, scale in (("HH", 1), ("II", 1), ("II", 65_536)):
        large, small = (struct.pack(order + kind, *(side * scale for side in sides)) for sides in (size, (64, 64)))
        tail = tail.replace(large, small)
    return head + tail


def _grey_clip(name: str, codec: str, size: tuple[int, int], frames: int, aspect: Fraction | None = None) -> bytes:
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
    return _grey_clip("clip.mkv", "mjpeg", (2048, 16_000), 2, Fraction(1000))


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


def shared_bytes() -> bytes:
    """An MP4 of 300 frames that all are the same 2 MB."""
    count = 300
    sizes = b"".join(struct.pack(">I", 2_000_000) for _ in range(count))
    places = b"".join(struct.pack(">I", 48) for _ in range(count))
    content = with_table(
        _mp4(),
        b"stsz",
        full(0, count, rest=sizes),
        (b"stts", full(1, count, 512)),
        (b"stsc", full(1, 1, 1, 1)),
        (b"stco", full(count, rest=places)),
        (b"ctts", full(1, count, 0)),
        (b"stss", full(1, 1)),
    )
    return content + bytes(2_000_000)


def matroska_length(name: bytes) -> Callable[[], bytes]:
    """An element that says it is 250 MB long."""

    def make() -> bytes:
        content = clip_bytes("clip.mkv", Clip(frames=3, size=(64, 64)))
        at = content.index(name) + len(name)
        return content[:at] + b"\x1f\x00\x00\x00" + content[at + 1 :]

    return make


def numbers(seed: int, content: bytes, changes: int) -> bytes:
    """The same file with some of its bytes drawn anew."""
    random = np.random.default_rng(seed)
    found = bytearray(content)
    for place in random.integers(0, len(found), changes):
        found[place] = random.integers(256)
    return bytes(found)


HOSTILE_VIDEOS: dict[str, Callable[[], bytes]] = {
    "constant sizes": constant_sizes,
    "constant sizes of zero": lambda: constant_sizes(0x7FFFFFFF, 0),
    **{
        f"table {name.decode()}": table(name)
        for name in (
            b"stsz",
            b"stz2",
            b"stts",
            b"ctts",
            b"stsc",
            b"stco",
            b"co64",
            b"stss",
            b"stps",
            b"sdtp",
            b"sbgp",
            b"saiz",
            b"saio",
            b"senc",
        )
    },
    "many edits": many_edits,
    "edit count": edit_count,
    "sound chunks": sound_chunks,
    "run count": run_count,
    "many runs": many_runs,
    "run table": run_table,
    "many tracks": many_tracks,
    "packed index": packed_index,
    "packed lies": packed_lies,
    "many boxes": many_boxes,
    "deep boxes": deep_boxes,
    "picture items": picture_items,
    "large frames in avi": lambda: large_frames("clip.avi", "libx264", (8192, 4096)),
    "larger frames in avi": lambda: large_frames("clip.avi", "mjpeg", (12_000, 12_000), 2),
    "large frames in mp4": lambda: large_frames("clip.mp4", "libx264", (8192, 4096)),
    "larger frames in mp4": lambda: large_frames("clip.mp4", "mjpeg", (12_000, 12_000), 2),
    "larger frames in mpeg-ts": lambda: large_frames("clip.ts", "libx264", (12_000, 12_000), 2),
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
    "shared bytes": shared_bytes,
    "matroska packed": matroska_packed,
    "matroska codec private": matroska_length(b"\x63\xa2"),
}
"""By name, what makes each of them; most take a moment to make."""
