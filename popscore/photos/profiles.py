"""The colour profile of a photo, taken out of its file to be written into another one.

Pixels are never converted here: popscore's stay in the space of their profile, so the profile must go with them.
Source: ICC.1:2022, section 7.2 (header) and annex B (how files hold it).
"""

import re
import zlib

from popscore.files.kinds import Kind
from popscore.photos.exif_entries import Entry, read_exif

# A camera's is 500 bytes to 4 kB, the largest of RGB in use 2 MB.
_MAX_BYTES = 4_000_000
_MAX_STEPS = 50_000
_HEADER_BYTES = 128
_TIFF_PROFILE = 34_675


def color_profile(content: bytes, kind: Kind) -> bytes | None:
    """The ICC profile in a photo's file; None if there is none that fits RGB pixels.

    Args:
        content: the whole file, one that could be decoded.
        kind: what it is.
    """
    found = None
    if kind == "jpeg":
        found = _in_jpeg(content)
    elif kind == "png":
        found = _in_png(content)
    elif kind == "webp":
        found = _in_webp(content)
    elif kind == "tiff":
        exif = read_exif(content)
        found = _raw(exif.main.get(_TIFF_PROFILE)) if exif else None
    elif kind in ("avif", "heif"):
        found = _in_boxes(content)
    return fitting_profile(found)


def fitting_profile(profile: object) -> bytes | None:
    """The profile if it is one for RGB. One for CMYK or grey says nothing about pixels that were made RGB."""
    if not isinstance(profile, bytes) or not _HEADER_BYTES < len(profile) <= _MAX_BYTES:
        return None
    is_whole = int.from_bytes(profile[:4], "big") <= len(profile)
    return profile if is_whole and profile[36:40] == b"acsp" and profile[16:20] == b"RGB " else None


def _raw(entry: Entry | None) -> bytes | None:
    return entry.raw if entry else None


_PROFILE_SEGMENT = b"ICC_PROFILE\0"


def _in_jpeg(content: bytes) -> bytes | None:
    """In several segments, each with its number and how many there are."""
    parts: dict[int, bytes] = {}
    at, total = 2, 0
    for _ in range(_MAX_STEPS):
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        marker = content[at : at + 2]
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
            break
        if marker[1] == 0x01 or 0xD0 <= marker[1] <= 0xD8:
            at += 2
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker[1] == 0xE2 and content[at + 4 : at + 16] == _PROFILE_SEGMENT and end >= at + 18:
            total = content[at + 17]
            parts[content[at + 16]] = content[at + 18 : end]
        at = end
    return b"".join(parts[number] for number in sorted(parts)) if len(parts) == total else None


def _in_png(content: bytes) -> bytes | None:
    at = 8
    for _ in range(_MAX_STEPS):
        length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if len(name) < 4 or name in (b"IDAT", b"IEND"):
            return None
        if name == b"iCCP":
            _, _, packed = content[at + 8 : at + 8 + length].partition(b"\0")
            try:
                return zlib.decompressobj().decompress(packed[1:], _MAX_BYTES + 1)
            except zlib.error:
                return None
        at += 12 + length
    return None


def _in_webp(content: bytes) -> bytes | None:
    at = 12
    for _ in range(_MAX_STEPS):
        name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if len(name) < 4:
            return None
        if name == b"ICCP":
            return content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return None


# A box of colour: its length, its name, what it holds. Source: ISO/IEC 14496-12, section 12.1.5.
_COLOR_BOX = re.compile(rb"(.{4})colr(?:prof|rICC)", re.DOTALL)


def _in_boxes(content: bytes) -> bytes | None:
    for found in _COLOR_BOX.finditer(content):
        profile = fitting_profile(content[found.end() : found.start() + int.from_bytes(found[1], "big")])
        if profile:
            return profile
    return None
