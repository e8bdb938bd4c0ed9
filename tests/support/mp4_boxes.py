"""MP4 files taken apart into boxes, changed, and put together again; what they say need not be true."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

_PARENTS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf"}


@dataclass
class Box:
    """A box of an MP4; `content` is that of a leaf, `inside` the boxes of a parent."""

    name: bytes
    content: bytes = b""
    inside: list["Box"] = field(default_factory=list)

    def packed(self) -> bytes:
        """With the right sizes."""
        content = b"".join(box.packed() for box in self.inside) if self.inside else self.content
        return struct.pack(">I4s", 8 + len(content), self.name) + content

    def get(self, *path: bytes) -> "Box":
        """The first box of this path."""
        box = self
        for name in path:
            box = next(one for one in box.inside if one.name == name)
        return box


def boxes(content: bytes) -> list[Box]:
    """The boxes of a file, or of a part of one."""
    found, at = [], 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        part = content[at + 8 : at + size] if size else content[at + 8 :]
        found.append(Box(name, inside=boxes(part)) if name in _PARENTS else Box(name, part))
        at += size or len(content)
    return found


def packed(found: list[Box]) -> bytes:
    """The file of these boxes."""
    return b"".join(box.packed() for box in found)


def with_table(
    content: bytes, name: bytes, table: bytes | Callable[[bytes], bytes], *more: tuple[bytes, bytes]
) -> bytes:
    """The same file with another table in its first track; offsets hold where the index lies behind the frames."""
    found = boxes(content)
    stbl = Box(b"", inside=found).get(b"moov", b"trak", b"mdia", b"minf", b"stbl")
    tables = {name: table, **dict(more)}
    for box in stbl.inside:
        new = tables.pop(box.name, None)
        if new is not None:
            box.content = new(box.content) if callable(new) else new
    stbl.inside.extend(Box(one, new) for one, new in tables.items() if isinstance(new, bytes))
    return packed(found)


def full(*numbers: int, version: int = 0, rest: bytes = b"") -> bytes:
    """The content of a box that begins with version and flags, then 32-bit numbers, then anything."""
    return struct.pack(f">I{len(numbers)}I", version << 24, *numbers) + rest
