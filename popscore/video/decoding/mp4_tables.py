"""The tables of an MP4 or MOV file, measured before FFmpeg sees them.

FFmpeg makes an entry of 24 bytes for each sample that a table claims, and 12 more for its times. Some tables need no
bytes of the file for a sample: where all samples are of one size, or a fragment says that they are as usual. A file of
2 kB can so claim gigabytes. Here only the heads of tables are read, sound and pictures (`mdat`) are passed over, and
the number of steps is bounded. Sources: ISO/IEC 14496-12, QuickTime File Format, and libavformat/mov.c.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from popscore.video.decoding.too_much import TooMuch

# A recording of 18 hours in fragments of one second has 500,000.
_MAX_BOXES = 1_000_000
# Titles, places and the like; FFmpeg compares each with all others.
_MAX_NOTES = 4_000
_MAX_DEPTH = 16  # FFmpeg's own limit is 10
_MAX_TRACKS = 200
# Samples that are always allowed, so that a recording that was cut off keeps its index.
_ALWAYS = 100_000
# Fragments times tracks; FFmpeg keeps 83 bytes for each.
_MAX_FRAGMENT_TRACKS = 4_000_000
# FFmpeg writes the samples of each edit into its index.
_MAX_EDITED = 16_000_000
_MAX_INDEX_BYTES = 256_000_000
_MAX_DESCRIPTION_BYTES = 16_000_000
_MAX_UNPACKED_BYTES = 64_000_000
# FFmpeg takes so many samples of sound together at least, where each lasts for one tick of the clock.
_SOUND_TOGETHER = 160

_PARENTS = frozenset(
    b"moov trak edts mdia minf stbl mvex moof traf udta cmov mfra ilst dinf tref sinf schi clip strk".split()
)
_NOTES = (b"udta", b"ilst")
_KINDS = (b"vide", b"soun", b"subp", b"clcp")
_INDEXES = frozenset((b"moov", b"moof"))
# Tables by name: where the count lies in the content, and bytes of an entry.
_TABLES = {
    b"stts": (4, 8),
    b"ctts": (4, 8),
    b"stsc": (4, 12),
    b"stco": (4, 4),
    b"co64": (4, 8),
    b"stss": (4, 4),
    b"stps": (4, 4),
    b"stsh": (4, 8),
    b"keys": (4, 8),
}
_IN_TRACKS = (b"stsz", b"stz2", b"trun", b"elst", b"stsc", b"stco", b"co64")


Fill = npt.NDArray[np.float64]


@dataclass
class _Track:
    """What the tables of a track claim.

    Attributes:
        sound: it is a track of sound.
        samples, sample_bytes: how many, and of how many bytes each if all are alike.
        one_tick: each sample lasts for one tick of the clock, which FFmpeg takes together where they are sound.
        chunks: how many pieces of the file they lie in.
        fill: (N, 3) from which chunk on, how many samples are in each.
        edits: how many parts of it are shown.
    """

    sound: bool = False
    samples: int = 0
    sample_bytes: int = 0
    one_tick: bool = True
    chunks: int = 0
    fill: Fill = field(default_factory=lambda: np.zeros((0, 3)))
    edits: int = 0

    def index_entries(self, file_bytes: int) -> int:
        """Entries of FFmpeg's index for this track.

        Raises:
            TooMuch: the file cannot hold that many samples.
        """
        if self.sound and self.one_tick:
            beyond = self._in_chunks() // _SOUND_TOGETHER
            if beyond > max(_ALWAYS, file_bytes):
                raise TooMuch("its index claims more sound than the file holds")
            return self.chunks + beyond
        if self.sample_bytes and self.samples > max(_ALWAYS, file_bytes // self.sample_bytes):
            raise TooMuch("its index claims more frames than the file holds")
        if self.edits > 1 and self.edits * self.samples > _MAX_EDITED:
            raise TooMuch("its edit list is longer than that of a video")
        return self.samples * max(1, self.edits if self.edits * self.samples > _ALWAYS else 1)

    def _in_chunks(self) -> int:
        """Samples in all chunks. Each row of the table holds for the chunks up to the next row."""
        if not len(self.fill):
            return 0
        firsts, numbers = self.fill[:, 0], self.fill[:, 1]
        chunks = np.diff(firsts, append=self.chunks + 1)
        if firsts[0] < 1 or (chunks < 1).any():  # damaged; FFmpeg mends it in its own way
            return int((self.chunks + 1) * numbers.max())
        return int(chunks @ numbers)


def check_mp4(file: BinaryIO, file_bytes: int, max_frames: int) -> None:
    """Walk the boxes of a file. One that is no MP4 at all passes: nothing in it looks like a table.

    Args:
        file: open for reading; where it stands does not matter.
        file_bytes: its length.
        max_frames: that popscore is willing to read. Four times as many samples are let through, since sound has
            samples as well.

    Raises:
        TooMuch: the tables claim more than the file can hold, or more than any video has.
    """
    walk = _Walk(file_bytes)
    walk.boxes_of(file, file_bytes)
    entries = sum(track.index_entries(file_bytes) for track in walk.tracks) + walk.run_samples
    if entries > 4 * max_frames:
        raise TooMuch("its index claims more frames than a video has")
    if walk.bare_samples > max(_ALWAYS, file_bytes):
        raise TooMuch("its fragments claim more frames than the file holds")
    if walk.fragments * max(1, len(walk.tracks)) > _MAX_FRAGMENT_TRACKS:
        raise TooMuch("it is in more fragments than a video")


class _Walk:
    def __init__(self, file_bytes: int) -> None:
        self.tracks: list[_Track] = []
        self.fragments = self.run_samples = self.bare_samples = 0
        self._file_bytes = file_bytes
        self._boxes = self._notes = 0
        self._file: BinaryIO = io.BytesIO()
        self._checks: dict[bytes, Callable[[int, int], None]] = {
            b"stsz": self._sizes,
            b"stz2": self._sizes,
            b"elst": self._edits,
            b"stsd": self._descriptions,
            b"trun": self._run,
            b"hdlr": self._handler,
            b"cmvd": self._packed,
            b"sidx": self._fragment_index,
            b"tfra": self._fragment_index,
            b"iinf": self._items,
            b"iloc": self._items,
            b"sbgp": self._groups,
        }

    def boxes_of(self, file: BinaryIO, end: int) -> None:
        """Walk a file, or an index that was packed."""
        self._file, outer = file, self._file
        waiting = [(0, end, 0, False)]
        while waiting:
            at, end, depth, notes = waiting.pop()
            while at + 8 <= end:
                self._boxes += 1
                self._notes += notes
                if self._boxes > _MAX_BOXES or self._notes > _MAX_NOTES:
                    raise TooMuch("it is in more pieces than a video")
                size, name, longer = struct.unpack(">I4sQ", self._read(at, 16).ljust(16, b"\0"))
                begins = at + (16 if size == 1 else 8)
                size = longer if size == 1 else size or end - at
                if size < begins - at:
                    break
                behind = min(at + size, end)
                inside = self._inside(name, begins, behind)
                if inside is not None:
                    if depth >= _MAX_DEPTH:
                        raise TooMuch("its boxes lie deeper in each other than those of a video")
                    waiting += [(behind, end, depth, notes), (inside, behind, depth + 1, name in _NOTES)]
                    break
                if name in _TABLES:
                    self._table(name, begins, behind)
                elif name in self._checks:
                    self._checks[name](begins, behind)
                at = behind
        self._file = outer

    def _inside(self, name: bytes, begins: int, behind: int) -> int | None:
        """Where the first box inside this one begins; None if it holds none that matters."""
        if name in _INDEXES and behind - begins > _MAX_INDEX_BYTES:
            raise TooMuch("its index is larger than that of a video")
        if name == b"trak":
            self.tracks.append(_Track())
            if len(self.tracks) > _MAX_TRACKS:
                raise TooMuch("it has more tracks than a video")
        self.fragments += name == b"moof"
        if name in _PARENTS:
            return begins
        if name == b"meta":  # in MP4 it begins with a version, in QuickTime it does not
            handler = self._read(begins, min(64, behind - begins)).find(b"hdlr")
            return begins + handler - 4 if handler >= 4 else begins + 4
        # FFmpeg looks into free space for an index that was given up.
        return begins if name in (b"free", b"hoov") and self._read(begins + 4, 4) == b"moov" else None

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        return self._file.read(count)

    def _numbers(self, at: int, count: int) -> tuple[int, ...]:
        """32-bit numbers; those that are not there are 0."""
        return struct.unpack(f">{count}I", self._read(at, 4 * count).ljust(4 * count, b"\0"))

    @property
    def _track(self) -> _Track:
        return self.tracks[-1] if self.tracks else _Track()

    # --- tables -------------------------------------------------------------------------------------

    def _table(self, name: bytes, begins: int, behind: int) -> None:
        place, entry_bytes = _TABLES[name]
        (count,) = self._numbers(begins + place, 1)
        at = begins + place + 4
        _fits(count * entry_bytes, behind - at)
        if name == b"keys" and count > _MAX_NOTES:
            raise TooMuch("it is in more pieces than a video")
        if name == b"stts":
            # FFmpeg keeps the first of two such tables, or the last one.
            self._track.one_tick &= count == 1 and self._numbers(at + 4, 1) == (1,)
        elif name in (b"stco", b"co64"):
            self._track.chunks = max(self._track.chunks, count)
        elif name == b"stsc":
            found = np.frombuffer(self._read(at, 12 * count), ">u4").reshape(-1, 3).astype(np.float64)
            self._track.fill = found if len(found) > len(self._track.fill) else self._track.fill

    def _sizes(self, begins: int, behind: int) -> None:
        _, size, count = self._numbers(begins, 3)
        compact = self._read(begins - 4, 4) == b"stz2"
        if compact or not size:
            bits = size & 0xFF if compact else 32
            _fits(count * bits // 8, behind - begins - 12)
        self._track.samples = max(self._track.samples, count)
        if size and not compact:
            self._track.sample_bytes = max(self._track.sample_bytes, size)

    def _edits(self, begins: int, behind: int) -> None:
        version, count = self._numbers(begins, 2)
        _fits(count * (20 if version >> 24 == 1 else 12), behind - begins - 8)
        self._track.edits += count

    def _descriptions(self, begins: int, behind: int) -> None:
        if behind - begins > _MAX_DESCRIPTION_BYTES:
            raise TooMuch("the descriptions of its tracks are larger than those of a video")
        # FFmpeg reads tables wherever they lie; these belong beside the descriptions, not into them.
        content = self._read(begins, behind - begins)
        if any(name in content for name in _IN_TRACKS):
            raise TooMuch("its tables lie where none belong")

    def _handler(self, begins: int, behind: int) -> None:
        kind = self._read(begins + 8, min(4, behind - begins - 8)) if behind - begins > 8 else b""
        if kind in _KINDS:  # others are those of data and of metadata
            self._track.sound = kind == b"soun"

    def _run(self, begins: int, behind: int) -> None:
        flags, count = self._numbers(begins, 2)
        entry_bytes = 4 * (flags & 0xF00).bit_count()
        _fits(count * entry_bytes, behind - begins - 8)
        self.run_samples += count
        if not entry_bytes:
            self.bare_samples += count

    def _fragment_index(self, begins: int, behind: int) -> None:
        if self._read(begins - 4, 4) == b"sidx":
            long = self._read(begins, 1) != b"\0"
            count, entry_bytes = self._numbers(begins + (28 if long else 20), 1)[0] & 0xFFFF, 12
        else:
            count, entry_bytes = self._numbers(begins + 12, 1)[0], 11
        _fits(count * entry_bytes, behind - begins)
        self.fragments += count

    def _items(self, begins: int, behind: int) -> None:
        version, at = self._read(begins, 1), begins + (6 if self._read(begins - 4, 4) == b"iloc" else 4)
        wide = version >= (b"\2" if at == begins + 6 else b"\1")
        (count,) = self._numbers(at, 1)
        _fits((count if wide else count >> 16) * 6, behind - begins)

    def _groups(self, begins: int, behind: int) -> None:
        at = begins + (12 if self._read(begins, 1) == b"\1" else 8)
        _fits(self._numbers(at, 1)[0] * 8, behind - at)

    def _packed(self, begins: int, behind: int) -> None:
        """An index in zlib's format, as QuickTime wrote it."""
        (claimed,) = self._numbers(begins, 1)
        if claimed > _MAX_UNPACKED_BYTES:
            raise TooMuch("its index is larger than that of a video")
        packer = zlib.decompressobj()
        try:
            index = packer.decompress(self._read(begins + 4, behind - begins), _MAX_UNPACKED_BYTES)
        except zlib.error:
            return  # FFmpeg says so
        self.boxes_of(io.BytesIO(index), len(index))


def _fits(needed: int, there: int) -> None:
    if needed > max(0, there):
        raise TooMuch("its index claims more than the file holds")
