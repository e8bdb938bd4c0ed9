"""The file of a photo, walked before a decoder sees it: its EXIF taken out, and what decoding does not need left out.

Decoders read comments, profiles and metadata in full, some of them in Python, before they come to the pixels. A file
of a few kilobytes can claim so many of them that they need minutes or gigabytes. Here nothing is believed but what lies
in the file, and the number of steps is bounded. A file that cannot be walked goes to its decoder as it is, which says
what is wrong with it.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from popscore.files.kinds import Kind


class TooMuch(Exception):
    """More than any photo needs; the message is the reason, as a part of a sentence."""


@dataclass(frozen=True)
class Walked:
    """A file with its EXIF beside it.

    Attributes:
        content: the file, with what decoding does not need left out.
        exif: from its TIFF header on; None if there is none.
    """

    content: bytes
    exif: bytes | None = None


def walked(content: bytes, kind: Kind) -> Walked:
    """Walk a file of this kind.

    Raises:
        TooMuch: it is no photo that a camera or a program wrote.
    """
    walk = _WALKS.get(kind)
    return walk(content) if walk else Walked(content)


# --- JPEG ---------------------------------------------------------------------------------------------

# A camera writes about 15 segments before the pixels, a program with a large profile some 60.
_MAX_SEGMENTS = 2_000
_MAX_FILL_BYTES = 10_000
_SOS, _APP1 = 0xDA, 0xE1
# JFIF and Adobe say how colours are stored; all other application segments and comments do not matter for pixels.
_DROPPED = {*range(0xE1, 0xF0), 0xFE} - {0xEE}
_EXIF = b"Exif\0\0"


def _jpeg(content: bytes) -> Walked:
    kept, exif, at, fill = [content[:2]], None, 2, 0
    for _ in range(_MAX_SEGMENTS):
        start = at
        while content[at : at + 2] == b"\xff\xff":
            ahead = _NOT_FILL.match(content, at, at + _MAX_FILL_BYTES)
            at = ahead.end() if ahead else at + 1
            fill += at - start
            if fill >= _MAX_FILL_BYTES:
                raise TooMuch("it has more fill bytes than a photo")
        marker = content[at + 1] if content[at : at + 1] == b"\xff" and at + 1 < len(content) else None
        if marker is None or marker == 0xD9:
            return Walked(content, exif)  # damaged: the decoder says how
        if marker == _SOS:
            return Walked(b"".join([*kept, content[at:]]), exif)
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        end = at + 2 if alone else at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == _APP1 and exif is None and content[at + 4 : at + 10] == _EXIF:
            exif = content[at + 10 : end]
        if marker not in _DROPPED:
            kept.append(content[at:end])
        at = end
    raise TooMuch("it has more segments than a photo")


_NOT_FILL = re.compile(rb"\xff*(?=\xff[^\xff])")


# --- PNG ----------------------------------------------------------------------------------------------

# Programs write pixels in pieces of 8 kB and more.
_MAX_CHUNKS = 50_000
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_HARMLESS = {b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"sBIT", b"tIME"}
_MAX_PROFILE_BYTES = 200_000


def _png(content: bytes) -> Walked:
    kept, exif, at, plain = [content[:8]], None, 8, True
    for _ in range(_MAX_CHUNKS):
        length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = at + 12 + length
        if len(name) < 4 or end > len(content):
            kept.append(content[at:])  # cut off, which the decoder tells
            break
        if name in _NEEDED:
            kept.append(content[at:end])
        elif name not in _HARMLESS:
            plain = False
            if name == b"eXIf" and exif is None:
                exif = content[at + 8 : end - 4]
            elif name in (b"tEXt", b"zTXt") and content[at + 8 : at + 25] == b"Raw profile type ":
                exif = exif or _raw_profile(content[at + 8 : end - 4], packed=name == b"zTXt")
        at = end
        if name == b"IEND":
            break
    else:
        raise TooMuch("it has more chunks than a photo")
    return Walked(content if plain else b"".join(kept), exif)


def _raw_profile(text: bytes, *, packed: bool) -> bytes | None:
    """EXIF as ImageMagick writes it: its length and its bytes in hexadecimal digits."""
    _, _, body = text.partition(b"\0")
    try:
        if packed:
            body = zlib.decompressobj().decompress(body[1:], _MAX_PROFILE_BYTES)
        digits = b"".join(body[:_MAX_PROFILE_BYTES].split(b"\n")[3:])
        found = bytes.fromhex(digits.decode("ascii"))
    except (zlib.error, ValueError):
        return None
    return found.removeprefix(_EXIF) if found.startswith(_EXIF) else None


# --- WebP ---------------------------------------------------------------------------------------------


def _webp(content: bytes) -> Walked:
    exif, at, changed = None, 12, bytearray()
    for _ in range(_MAX_CHUNKS):
        name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if len(name) < 4:
            return Walked(bytes(changed) if changed else content, exif)
        if name in (b"EXIF", b"XMP "):
            if name == b"EXIF" and exif is None:
                exif = content[at + 8 : at + 8 + length].removeprefix(_EXIF)
            changed = changed or bytearray(content)
            changed[at : at + 4] = b"SKIP"  # chunks of unknown names are passed over
        at += 8 + length + length % 2
    raise TooMuch("it has more chunks than a photo")


# --- GIF ----------------------------------------------------------------------------------------------

_MAX_BLOCKS = 100_000


def _gif(content: bytes) -> Walked:
    """Keep what comes before the first picture only where it says how that picture is shown."""
    at = 13 + (3 << (content[10] & 7) + 1 if len(content) > 10 and content[10] & 0x80 else 0)
    kept, blocks = [content[:at]], 0
    while content[at : at + 1] == b"\x21":
        start, label = at, content[at + 1 : at + 2]
        at += 2
        while at < len(content) and content[at]:
            at += content[at] + 1
            blocks += 1
            if blocks > _MAX_BLOCKS:
                raise TooMuch("it has more comments than a photo")
        at += 1
        if label == b"\xf9":
            kept.append(content[start:at])
    return Walked(b"".join([*kept, content[at:]]))


# --- BMP ----------------------------------------------------------------------------------------------

# Pillow unpacks run-length codes in Python, a million of them in a second.
_MAX_RUN_LENGTH_BYTES = 6_000_000


def _bmp(content: bytes) -> Walked:
    packed = len(content) >= 34 and int.from_bytes(content[14:18], "little") >= 40 and content[30] in (1, 2)
    if packed and len(content) > _MAX_RUN_LENGTH_BYTES:
        raise TooMuch("it is a run-length BMP of more than 6 MB")
    return Walked(content)


# --- TIFF ---------------------------------------------------------------------------------------------

_MAX_PIECES = 100_000  # strips or tiles
_MAX_TILE_BYTES = 300_000_000
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_WIDTH, _TIFF_HEIGHT, _BITS, _SAMPLES, _STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = (
    256, 257, 258, 277, 273, 322, 323, 324,
)  # fmt: skip


def _tiff(content: bytes) -> Walked:
    """Check what the first directory claims. The entries of a real file do not share their values."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    at_format, count_format, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    try:
        (at,) = struct.unpack_from(order + at_format, content, 8 if big else 4)
        (count,) = struct.unpack_from(order + count_format, content, at)
    except (struct.error, OverflowError):  # a directory behind the end, or farther than memory reaches
        return Walked(content)
    begins, size = at + struct.calcsize(order + count_format), struct.calcsize(order + entry)
    inline, claimed, values = size - 12 if big else 4, 0, dict[int, int]()
    entries = content[begins : begins + size * min(count, 65_535)]
    for tag, kind, number, value in struct.iter_unpack(order + entry, entries[: len(entries) // size * size]):
        length = number * _SIZES.get(kind, 1)
        claimed += length if length > inline else 0
        if tag in (_STRIPS, _TILES) and number > _MAX_PIECES:
            raise TooMuch("it is in more pieces than a photo")
        if kind in (3, 4, 16):
            values[tag] = int.from_bytes(value[: _SIZES[kind]], "little" if order == "<" else "big")
        if tag == _BITS and number > 1:
            values[tag] = 16
    if claimed > len(content) + 1_000_000:
        raise TooMuch("its metadata claim more than the file holds")
    pixel_bytes = max(1, values.get(_SAMPLES, 1)) * -(-max(8, values.get(_BITS, 8)) // 8)
    tile = values.get(_TILE_WIDTH, 0) * values.get(_TILE_HEIGHT, 0) * pixel_bytes
    picture = values.get(_TIFF_WIDTH, 0) * values.get(_TIFF_HEIGHT, 0) * pixel_bytes
    if tile > min(_MAX_TILE_BYTES, 4 * picture + 16_000_000):
        raise TooMuch("its tiles are larger than the photo")
    return Walked(content, content if not big else None)


# --- AVIF and HEIC --------------------------------------------------------------------------------------

# EXIF lies behind four bytes that say how far its TIFF header is away. Source: ISO/IEC 23008-12, A.2.1.
_BOXED_EXIF = re.compile(rb"\0\0\0\x06Exif\0\0(?=II\*\0|MM\0\*)|\0\0\0\0(?=II\*\0|MM\0\*)|Exif\0\0(?=II\*\0|MM\0\*)")
_MAX_EXIF_BYTES = 1_000_000
_EXIF_ITEM = re.compile(rb"(infe.{4,12}?)Exif", re.DOTALL)


def _boxes(content: bytes) -> Walked:
    """Rename the EXIF item, so that no decoder reads it. Which way up the photo is, boxes of their own say."""
    found = _BOXED_EXIF.search(content)
    exif = None if found is None else content[found.end() : found.end() + _MAX_EXIF_BYTES]
    return Walked(_EXIF_ITEM.sub(rb"\1skip", content) if b"Exif" in content else content, exif)


_WALKS: dict[Kind, Callable[[bytes], Walked]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "bmp": _bmp,
    "tiff": _tiff,
    "avif": _boxes,
    "heif": _boxes,
}
