"""Small MP4 files whose tables would take gigabytes or minutes: they claim far more than the file holds."""

import struct
import zlib
from collections.abc import Callable

from mp4_boxes import Box, boxes, full, packed, with_table
from video_clips import Clip, clip_bytes

# FFmpeg allocates no more than 2 GB at once, which 89 million entries of its index need.
MANY = 85_000_000


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
    return _sound(40, 0xF0000000)


def more_sound_chunks() -> bytes:
    """60,000 chunks of sound with a million samples each."""
    return _sound(60_000, 1_000_000)


def _sound(chunks: int, in_each: int) -> bytes:
    return with_table(
        _sound_mp4(),
        b"stsz",
        full(1, 0xFFFFFFFF),
        (b"stts", full(1, 0xFFFFFFFF, 1)),
        (b"stsc", full(1, 1, in_each, 1)),
        (b"stco", full(chunks, rest=struct.pack(">I", 48) * chunks)),
    )


def sound_that_is_none() -> bytes:
    """A track that says it is sound, and then that it is not."""
    content = with_table(
        _mp4(),
        b"stsz",
        full(1, MANY),
        (b"stts", full(1, MANY, 1)),
        (b"stsc", full(1, 1, MANY, 1)),
        (b"ctts", full(1, MANY, 0)),
    )
    found = boxes(content)
    media = Box(b"", inside=found).get(b"moov", b"trak", b"mdia")
    media.inside.insert(1, Box(b"hdlr", full(0, rest=b"soun" + bytes(13))))
    return packed(found)


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


def many_names() -> bytes:
    """300,000 notes, each of another name."""
    found = boxes(_mp4())
    moov = next(box for box in found if box.name == b"moov")
    count = 300_000
    keys = full(count, rest=b"".join(struct.pack(">I4s", 16, b"mdta") + b"%08x" % number for number in range(count)))
    value = Box(b"data", struct.pack(">II", 1, 0) + b"x").packed()
    items = b"".join(Box(struct.pack(">I", number + 1), value).packed() for number in range(count))
    handler = Box(b"hdlr", full(0, rest=b"mdta" + bytes(13)))
    moov.inside.append(Box(b"meta", handler.packed() + Box(b"keys", keys).packed() + Box(b"ilst", items).packed()))
    return packed(found)


def picture_items() -> bytes:
    """An index of 500 million still pictures."""
    items = Box(b"iinf", full(500_000_000, version=1, rest=bytes(64)))
    places = Box(b"iloc", full(0x44440000, 500_000_000, version=2, rest=bytes(64)))
    return (
        Box(b"ftyp", b"isom\0\0\0\0isom").packed() + Box(b"meta", bytes(4) + items.packed() + places.packed()).packed()
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


HOSTILE_MP4: dict[str, Callable[[], bytes]] = {
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
    "more sound chunks": more_sound_chunks,
    "sound that is none": sound_that_is_none,
    "run count": run_count,
    "many runs": many_runs,
    "run table": run_table,
    "many tracks": many_tracks,
    "packed index": packed_index,
    "packed lies": packed_lies,
    "many boxes": many_boxes,
    "deep boxes": deep_boxes,
    "many names": many_names,
    "picture items": picture_items,
    "shared bytes": shared_bytes,
}
"""By name, what makes each of them."""
