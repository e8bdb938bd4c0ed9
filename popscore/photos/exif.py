"""The two facts that popscore takes from EXIF: which way up, and when. Whatever else is claimed there is not read.

EXIF is a TIFF directory: entries of a tag, a type, a count, and a value or the place of it. A decoder that reads all
entries needs what they claim, and 60 kB can claim gigabytes. Source: EXIF 2.32, section 4.6.2; TIFF 6.0, section 2.
"""

import struct
from datetime import UTC, datetime

_ORIENTATION, _EXIF_DIRECTORY, _TAKEN, _PART_OF_SECOND = 0x0112, 0x8769, 0x9003, 0x9291
_SHORT, _TEXT, _LONG = 3, 2, 4
_MAX_TEXT = 64
_HEADERS = {b"II*\0": "<", b"MM\0*": ">"}


def facts(exif: bytes | None) -> tuple[int, float | None]:
    """EXIF orientation, and when the photo was taken.

    Args:
        exif: from its TIFF header on; None if there is none.

    Returns:
        1 to 8, 1 where it does not say; and seconds since 1970 by the camera's own clock, None likewise. Damaged
        EXIF says nothing.
    """
    order = _HEADERS.get(exif[:4]) if exif else None
    if exif is None or order is None:
        return 1, None
    first = _directory(exif, order, int(struct.unpack_from(order + "I", exif.ljust(8, b"\0"), 4)[0]))
    orientation = first.get(_ORIENTATION)
    pointer = first.get(_EXIF_DIRECTORY)
    second = _directory(exif, order, pointer) if isinstance(pointer, int) else {}
    found = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return found, _time(second.get(_TAKEN), second.get(_PART_OF_SECOND))


def _directory(exif: bytes, order: str, at: int) -> dict[int, int | str]:
    """The entries that are needed, of the directory that begins there."""
    found: dict[int, int | str] = {}
    if not 0 < at <= len(exif) - 2:
        return found
    (count,) = struct.unpack_from(order + "H", exif, at)
    entries = exif[at + 2 : at + 2 + 12 * count]
    for tag, kind, number, value in struct.iter_unpack(order + "HHI4s", entries[: len(entries) // 12 * 12]):
        if tag in (_ORIENTATION, _EXIF_DIRECTORY) and kind in (_SHORT, _LONG) and number == 1:
            found[tag] = int(struct.unpack_from(order + ("H" if kind == _SHORT else "I"), value)[0])
        elif tag in (_TAKEN, _PART_OF_SECOND) and kind == _TEXT and number <= _MAX_TEXT:
            (place,) = struct.unpack(order + "I", value)
            text = value[:number] if number <= 4 else exif[place : place + number]
            found[tag] = text.decode("ascii", errors="replace").strip("\0 ")
    return found


def _time(taken: int | str | None, part: int | str | None) -> float | None:
    try:
        moment = datetime.strptime(str(taken), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None  # not there, all zeros, or damaged
    seconds = moment.replace(tzinfo=UTC).timestamp()
    return seconds + float(f"0.{part}") if isinstance(part, str) and part.isdecimal() else seconds
