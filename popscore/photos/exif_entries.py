"""All entries of a photo's EXIF, within bounds, to look at or to write again.

EXIF is a TIFF file without a picture: directories of entries, each a tag, a type, a count and a value. What is taken
out here lies in the file, and is limited in number and bytes, whatever is claimed. Source: EXIF 2.32, section 4.6;
TIFF 6.0, section 2. Scoring needs two facts only, which `exif` takes without this.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# A camera writes up to 60 entries in a directory. A JPEG has room for 64 kB of EXIF in all.
_MAX_ENTRIES = 300
_MAX_VALUE_BYTES, _MAX_BYTES = 60_000, 200_000
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d"}
_FRACTIONS = {5: "I", 10: "i"}
_TEXT, _SHORT, _LONG = 2, 3, 4
_HEADERS = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF_AT, _GPS_AT, _INTEROP_AT = 0x8769, 0x8825, 0xA005


@dataclass(frozen=True)
class Entry:
    """One value, or several of one type.

    Attributes:
        kind: its type by the number that TIFF gives it.
        raw: its bytes, in the order of the file that it is from.
    """

    kind: int
    raw: bytes

    @property
    def count(self) -> int:
        """How many values of its type."""
        return len(self.raw) // _SIZES[self.kind]


Entries = Mapping[int, Entry]


@dataclass(frozen=True, kw_only=True)
class Exif:
    """The directories of EXIF, each from tag to entry.

    Attributes:
        order: of the bytes, `<` or `>`.
        main: about the picture and the camera.
        photo: about how it was taken, the "Exif directory".
        gps: where it was taken.
        interop: how colours are meant.
    """

    order: str = "<"
    main: Entries = field(default_factory=dict)
    photo: Entries = field(default_factory=dict)
    gps: Entries = field(default_factory=dict)
    interop: Entries = field(default_factory=dict)

    def numbers(self, entry: Entry | None) -> list[float]:
        """The values of an entry; none where it holds no numbers, or one is not finite."""
        if entry is None:
            return []
        if entry.kind in _FRACTIONS:
            flat = struct.unpack(f"{self.order}{2 * entry.count}{_FRACTIONS[entry.kind]}", entry.raw)
            pairs = list(zip(flat[::2], flat[1::2], strict=True))
            return [above / below for above, below in pairs] if all(below for _, below in pairs) else []
        if entry.kind not in _NUMBERS:
            return []
        found = [float(value) for value in struct.unpack(f"{self.order}{entry.count}{_NUMBERS[entry.kind]}", entry.raw)]
        return found if all(abs(value) < 1e15 for value in found) else []  # false for what is not a number

    def text(self, entry: Entry | None) -> str | None:
        """The text of an entry, None where it holds none. It is from outside: make it fit for its place."""
        if entry is None or entry.kind != _TEXT:
            return None
        return entry.raw.partition(b"\0")[0].decode("utf-8", errors="replace").strip() or None

    def short(self, value: int) -> Entry:
        """An entry of one small number."""
        return Entry(_SHORT, struct.pack(self.order + "H", value))

    def long(self, value: int) -> Entry:
        """An entry of one number."""
        return Entry(_LONG, struct.pack(self.order + "I", value))

    def to_bytes(self) -> bytes:
        """EXIF from its TIFF header on, without a thumbnail."""
        main, photo = dict(self.main), dict(self.photo)
        pointer = self.long(0)
        main |= {_EXIF_AT: pointer} if photo or self.interop else {}
        main |= {_GPS_AT: pointer} if self.gps else {}
        photo |= {_INTEROP_AT: pointer} if self.interop else {}
        at = {_EXIF_AT: 8 + _length(main)}
        at[_GPS_AT] = at[_EXIF_AT] + (_length(photo) if photo else 0)
        at[_INTEROP_AT] = at[_GPS_AT] + (_length(self.gps) if self.gps else 0)
        main |= {tag: self.long(at[tag]) for tag in (_EXIF_AT, _GPS_AT) if tag in main}
        photo |= {tag: self.long(at[tag]) for tag in (_INTEROP_AT,) if tag in photo}
        header = (b"II" if self.order == "<" else b"MM") + struct.pack(self.order + "HI", 42, 8)
        parts = [self._directory(main, 8)]
        parts += [self._directory(photo, at[_EXIF_AT])] if photo else []
        parts += [self._directory(self.gps, at[_GPS_AT])] if self.gps else []
        parts += [self._directory(self.interop, at[_INTEROP_AT])] if self.interop else []
        return b"".join([header, *parts])

    def _directory(self, entries: Entries, at: int) -> bytes:
        rows, values = [struct.pack(self.order + "H", len(entries))], [bytes(4)]  # no directory follows
        free = at + 2 + 12 * len(entries) + 4
        for tag, entry in sorted(entries.items()):
            row = struct.pack(self.order + "HHI", tag, entry.kind, entry.count)
            if len(entry.raw) <= 4:
                rows.append(row + entry.raw.ljust(4, b"\0"))
                continue
            rows.append(row + struct.pack(self.order + "I", free))
            values.append(entry.raw + bytes(len(entry.raw) % 2))  # values begin at even places
            free += len(values[-1])
        return b"".join(rows + values)


def _length(entries: Entries) -> int:
    outside = (len(entry.raw) + len(entry.raw) % 2 for entry in entries.values() if len(entry.raw) > 4)
    return 2 + 12 * len(entries) + 4 + sum(outside)


def read_exif(exif: bytes | None) -> Exif | None:
    """The entries that lie in EXIF as they should; None where there is no EXIF.

    Args:
        exif: from its TIFF header on; a TIFF file is EXIF too.
    """
    order = _HEADERS.get(exif[:4]) if exif else None
    if exif is None or order is None or len(exif) < 8:
        return None
    reader = _Reader(exif, order)
    main = reader.directory(int(struct.unpack_from(order + "I", exif, 4)[0]))
    photo = reader.directory_of(main.pop(_EXIF_AT, None))
    gps = reader.directory_of(main.pop(_GPS_AT, None))
    interop = reader.directory_of(photo.pop(_INTEROP_AT, None))
    return Exif(order=order, main=main, photo=photo, gps=gps, interop=interop)


class _Reader:
    def __init__(self, exif: bytes, order: str) -> None:
        self._exif, self._order, self._left = exif, order, _MAX_BYTES

    def directory_of(self, pointer: Entry | None) -> dict[int, Entry]:
        if pointer is None or pointer.kind != _LONG or pointer.count != 1:
            return {}
        return self.directory(int(struct.unpack(self._order + "I", pointer.raw)[0]))

    def directory(self, at: int) -> dict[int, Entry]:
        found: dict[int, Entry] = {}
        if not 0 < at <= len(self._exif) - 2:
            return found
        (count,) = struct.unpack_from(self._order + "H", self._exif, at)
        rows = self._exif[at + 2 : at + 2 + 12 * min(count, _MAX_ENTRIES)]
        for tag, kind, number, value in struct.iter_unpack(self._order + "HHI4s", rows[: len(rows) // 12 * 12]):
            length = number * _SIZES.get(kind, 0)
            if not 0 < length <= min(_MAX_VALUE_BYTES, self._left) or tag in found:
                continue
            (place,) = struct.unpack(self._order + "I", value)
            raw = value[:length] if length <= 4 else self._exif[place : place + length]
            if len(raw) == length:
                found[tag] = Entry(kind, bytes(raw))
                self._left -= length
        return found


# --- what may be written again -------------------------------------------------------------------------

_ORIENTATION, _WIDTH, _HEIGHT, _MAKER_NOTE, _COMMENT = 0x0112, 0xA002, 0xA003, 0x927C, 0x9286
# Standard tags that stay true whatever is done to the pixels. Not among them: how pixels are stored, sizes and places
# in the picture, which change; weather and depth; and what no standard knows, because nobody can say what is in it.
_MAIN = {
    0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298,
    *range(0x9C9B, 0x9CA0),
}  # fmt: skip
_PHOTO = {
    0x829A, 0x829D, 0x8822, 0x8827, *range(0x8830, 0x8836), 0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9101,
    *range(0x9201, 0x920B), *range(0x9290, 0x9293), 0xA000, 0xA001, 0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217,
    0xA300, 0xA301, 0xA302, *range(0xA401, 0xA40B), 0xA40C, 0xA420, *range(0xA430, 0xA436), 0xA460, 0xA461, 0xA462,
    0xA500,
}  # fmt: skip
# What fits into a JPEG beside the other entries.
_MOST_WRITTEN = 60_000


def for_changed_pixels(exif: Exif, *, size: tuple[int, int], keep_location: bool) -> Exif:
    """What EXIF may say about a picture that was turned upright and changed.

    The thumbnail is left out, because it shows the picture as it was. Without `keep_location` the maker note is left
    out too, which no standard describes: several makers put places, faces and names into it; and the user comment,
    where programs keep notes of their own.

    Args:
        exif: of the photo as it was.
        size: (width, height) of the picture as it is now.
        keep_location: where it was taken may be told.
    """
    main = {tag: entry for tag, entry in exif.main.items() if tag in _MAIN}
    photo = {tag: entry for tag, entry in exif.photo.items() if tag in _PHOTO}
    main[_ORIENTATION] = exif.short(1)
    photo |= {_WIDTH: exif.long(size[0]), _HEIGHT: exif.long(size[1])}
    if not keep_location:
        return _fitting(replace(exif, main=main, photo=photo, gps={}))
    photo |= {tag: exif.photo[tag] for tag in (_MAKER_NOTE, _COMMENT) if tag in exif.photo}
    return _fitting(replace(exif, main=main, photo=photo))


def _fitting(exif: Exif) -> Exif:
    """Without the largest values where there are too many bytes of them; a maker note is the first to go."""
    while len(exif.to_bytes()) > _MOST_WRITTEN:
        parts = {name: dict(getattr(exif, name)) for name in ("main", "photo", "gps", "interop")}
        name, tag = max(
            ((name, tag) for name, entries in parts.items() for tag in entries),
            key=lambda place: len(parts[place[0]][place[1]].raw),
        )
        del parts[name][tag]
        exif = replace(exif, main=parts["main"], photo=parts["photo"], gps=parts["gps"], interop=parts["interop"])
    return exif
