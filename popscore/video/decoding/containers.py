"""The file of a video, walked before FFmpeg sees it: what it claims must fit into it.

Nothing is believed but what lies in the file, and the number of steps is bounded. Pixels and sound are passed over, so
that a file of 500 MB takes milliseconds. A file that cannot be walked goes to FFmpeg as it is, which says what is wrong
with it. MP4 has a file of its own, `mp4_tables.py`; MPEG-TS and Ogg have no tables that could lie.
"""

import struct
from typing import BinaryIO

from popscore.errors import UnreadableVideo
from popscore.video.decoding.mp4_tables import check_mp4
from popscore.video.decoding.too_much import TooMuch
from popscore.video.decoding.video import VideoLimits

_MAX_CHUNKS = 200_000
# FFmpeg makes 24 bytes of the 16 of an entry of AVI's index, and keeps the index of each stream.
_MAX_AVI_INDEX_BYTES = 128_000_000
_MAX_AVI_HEADER_BYTES = 16_000_000
# FFmpeg compares each note with all others.
_MAX_AVI_NOTES_BYTES = 40_000


def check_container(file: BinaryIO, file_bytes: int, *, name: str, limits: VideoLimits) -> None:
    """Refuse a file whose tables claim more than it can hold.

    Args:
        file: open for reading; where it stands does not matter, nor afterwards.
        file_bytes: its length.
        name: what to call it in messages.
        limits: how many frames popscore is willing to read.

    Raises:
        UnreadableVideo: it is no video that a camera or a program wrote.
    """
    file.seek(0)
    head = file.read(12)
    try:
        if head[:4] == b"RIFF":
            _check_avi(file, file_bytes)
        elif head[:4] == _EBML:
            _check_matroska(file, file_bytes)
        elif head[:3] == b"FLV":
            _check_flv(file, file_bytes)
        else:
            check_mp4(file, file_bytes, max(limits.max_frames, VideoLimits().max_frames))
    except TooMuch as error:
        raise UnreadableVideo(f"{name} could not be read: {error}. Convert it to MP4, or record it again.") from None


# --- AVI ----------------------------------------------------------------------------------------------


def _check_avi(file: BinaryIO, file_bytes: int) -> None:
    """The chunks at the top, and those of the header. Source: AVI RIFF File Reference."""
    waiting, steps = [(12, file_bytes)], 0
    index_bytes = notes_bytes = 0
    while waiting:
        at, end = waiting.pop()
        while at + 8 <= end:
            steps += 1
            if steps > _MAX_CHUNKS:
                raise TooMuch("it is in more pieces than a video")
            file.seek(at)
            name, length, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
            begins, behind = at + 8, min(at + 8 + length + length % 2, end)
            index_bytes += behind - begins if name in (b"idx1", b"indx") else 0
            if index_bytes > _MAX_AVI_INDEX_BYTES:
                raise TooMuch("its index is larger than that of a video")
            notes_bytes += behind - begins if name == b"LIST" and kind == b"INFO" else 0
            if notes_bytes > _MAX_AVI_NOTES_BYTES:
                raise TooMuch("its metadata are larger than those of a video")
            if name in (b"strf", b"strd", b"strh", b"avih") and behind - begins > _MAX_AVI_HEADER_BYTES:
                raise TooMuch("its header is larger than that of a video")
            if (name == b"LIST" and kind in (b"hdrl", b"strl", b"odml")) or name == b"RIFF":
                waiting += [(behind, end), (begins + 4, behind)]
                break
            at = behind


# --- Matroska and WebM --------------------------------------------------------------------------------

_EBML, _SEGMENT, _CLUSTER, _VOID = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\xec"
_ATTACHMENTS, _TAGS, _CHAPTERS = b"\x19\x41\xa4\x69", b"\x12\x54\xc3\x67", b"\x10\x43\xa7\x70"
# Of all elements together. FFmpeg makes 40 to 100 bytes of the ten of an element. The index of 18 hours has 2 MB.
# It compares each tag and each chapter with all others.
_MAX_BYTES_OF = {b"": 16_000_000, _ATTACHMENTS: 100_000_000, _TAGS: 64_000, _CHAPTERS: 500_000}


def _check_matroska(file: BinaryIO, file_bytes: int) -> None:
    """The elements at the top and in the segment. Source: RFC 8794, RFC 9559."""
    at, end, left = 0, file_bytes, dict(_MAX_BYTES_OF)
    for _ in range(_MAX_CHUNKS):
        if at >= end:
            return
        file.seek(at)
        head = file.read(12)
        name_bytes = 9 - head[0].bit_length()
        name, rest = head[:name_bytes], head[name_bytes:]
        size_bytes = 9 - rest[0].bit_length() if rest else 9
        if name_bytes > 4 or size_bytes > 8 or len(rest) < size_bytes:
            return  # damaged: FFmpeg looks for the next cluster
        length = int.from_bytes(rest[:size_bytes], "big") & (1 << 7 * size_bytes) - 1
        unknown = length == (1 << 7 * size_bytes) - 1
        at += name_bytes + size_bytes
        if name == _SEGMENT:
            continue
        if unknown:
            return  # a live recording: clusters until the end
        if name not in (_CLUSTER, _VOID):
            kind = name if name in left else b""
            left[kind] -= min(length, end - at)
            if left[kind] < 0:
                raise TooMuch("its index or its metadata are larger than those of a video")
        at += length
    raise TooMuch("it is in more pieces than a video")


# --- FLV ----------------------------------------------------------------------------------------------

_FLV_SCRIPT = 18
# The list of keyframes of four hours has 130 kB.
_MAX_FLV_SCRIPT_BYTES = 150_000


def _check_flv(file: BinaryIO, file_bytes: int) -> None:
    """The first tags. Source: Adobe Flash Video File Format Specification 10.1, annex E."""
    file.seek(5)
    at, scripts_bytes = int.from_bytes(file.read(4), "big") + 4, 0
    for _ in range(_MAX_CHUNKS):
        if at + 11 > file_bytes:
            return
        file.seek(at)
        head = file.read(4)
        length = int.from_bytes(head[1:], "big")
        scripts_bytes += min(length, file_bytes - at) if head[0] & 31 == _FLV_SCRIPT else 0
        if scripts_bytes > _MAX_FLV_SCRIPT_BYTES:
            raise TooMuch("its metadata are larger than those of a video")
        at += 11 + length + 4
