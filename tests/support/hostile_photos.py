"""Small photo files that would take gigabytes or minutes: what is claimed in them is far more than what is there."""

import struct
import zlib
from collections.abc import Callable

from photos import picture, png_chunk, saved, with_jpeg_segment

_JPEG = saved(picture(), "JPEG")


def rle_bmp() -> bytes:
    """1 kB of jumps, each over 255 rows."""
    width, height = 9_000, 9_000
    codes = b"\x00\x02\x00\xff" * 250 + b"\x00\x01"
    palette = bytes(1024)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(codes), 0, 0, 256, 0)
    at = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(codes), 0, 0, at) + info + palette + codes


def tiff(tags: list[tuple[int, int, int, int]], rest: bytes = b"", *, order: str = "<") -> bytes:
    """A TIFF of these entries (tag, type, count, value or offset) in its one directory, and what lies behind it."""
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in sorted(tags))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0) + rest


def _picture_tags(width: int, height: int, compression: int = 1) -> list[tuple[int, int, int, int]]:
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]


def huge_tile() -> bytes:
    """One LZW tile of 46,000 x 46,000 for a picture of 16 x 16."""
    tags = [*_picture_tags(16, 16, 5), (322, 4, 1, 46_000), (323, 4, 1, 46_000), (324, 4, 1, 200), (325, 4, 1, 64)]
    return tiff(tags, bytes(4000))


def many_strips() -> bytes:
    """Four million strips."""
    count = 4_000_000
    at = 8 + 2 + 12 * 8 + 4
    tags = [*_picture_tags(8, count), (273, 4, count, at), (278, 4, 1, 1), (279, 4, count, at)]
    return tiff(tags, bytes(4 * count))


def exif_bomb(entries: int = 2_500, size: int = 60_000) -> bytes:
    """EXIF whose entries all claim the same 60 kB."""
    tags = [(1_000 + number, 7, size - 12 * entries - 100, 8) for number in range(entries)]
    packed = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return (b"II*\0" + struct.pack("<IH", 8, entries) + packed + bytes(4)).ljust(size, b"\0")


def exif_photo(kind: str) -> bytes:
    """A small photo with an EXIF bomb of 8 MB."""
    large = exif_bomb(40_000, 8_000_000)
    # Put in afterwards: writers read what they write, and would need the gigabytes themselves.
    stand_in = (b"II*\0\x08\0\0\0" + bytes(6)).ljust(len(large), b"?")
    content = saved(picture(), kind, exif=stand_in)
    assert stand_in in content
    return content.replace(stand_in, large)


def exif_jpeg() -> bytes:
    """A small JPEG with an EXIF bomb of 60 kB, which is as much as a segment holds."""
    return with_jpeg_segment(_JPEG, 0xE1, b"Exif\0\0" + exif_bomb())


def exif_tiff() -> bytes:
    """A TIFF of 7 MB whose entries claim 14 GB."""
    tags = [*_picture_tags(8, 8), (273, 4, 1, 8), (279, 4, 1, 64)]
    return tiff([*tags, *[(40_000 + number, 7, 7_000_000, 8) for number in range(2_000)]], bytes(7_100_000))


def png_with(*chunks: bytes) -> bytes:
    """A small PNG with these chunks before its pixels."""
    content = saved(picture(), "PNG")
    at = content.index(b"IDAT") - 4
    return content[:at] + b"".join(chunks) + content[at:]


def many_exif_segments() -> bytes:
    """A JPEG with as many EXIF segments as 24 MB hold."""
    segment = b"\xff\xe1" + struct.pack(">H", 65_533) + b"Exif\0\0" + bytes(65_525)
    return _JPEG[:2] + segment * 366 + _JPEG[2:]


def tiny_exif_segments() -> bytes:
    """A JPEG with a million EXIF segments of no content."""
    return _JPEG[:2] + b"\xff\xe1\x00\x08Exif\0\0" * 1_000_000 + _JPEG[2:]


def fill_bytes() -> bytes:
    """A JPEG with 20 MB of fill bytes between two of its segments."""
    return _JPEG[:2] + b"\xff" * 20_000_000 + _JPEG[2:]


def gif_comments() -> bytes:
    """A GIF with a comment in two million blocks of one byte."""
    content = saved(picture(16, 16), "GIF")
    at = 13 + (3 << ((content[10] & 7) + 1) if content[10] & 0x80 else 0)
    return content[:at] + b"\x21\xfe" + b"\x01x" * 1_000_000 + b"\x00" + content[at:]


def narrow_png() -> bytes:
    """One pixel wide, 89,000,000 high."""
    rows = zlib.compressobj(9)
    parts = [rows.compress(bytes(2_000_000)) for _ in range(89)]
    return _png(1, 89_000_000, b"".join([*parts, rows.flush()]))


def _png(width: int, height: int, pixels: bytes, *, color: int = 0) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def palette_png_without_palette() -> bytes:
    """69 bytes."""
    return _png(1, 1, zlib.compress(b"\0\0"), color=3)


def wide_png() -> bytes:
    """A picture of 1 x 70,000, wider than any photo."""
    return _png(70_000, 1, zlib.compress(bytes(70_001)))


def many_png_chunks() -> bytes:
    """A PNG with 400,000 text chunks."""
    return png_with(png_chunk(b"tEXt", b"a\0b") * 400_000)


HOSTILE_PHOTOS: dict[str, Callable[[], bytes]] = {
    "run-length bmp": rle_bmp,
    "huge tile": huge_tile,
    "many strips": many_strips,
    "exif jpeg": exif_jpeg,
    "exif png": lambda: png_with(png_chunk(b"eXIf", exif_bomb(40_000, 8_000_000))),
    "exif webp": lambda: exif_photo("WEBP"),
    "exif avif": lambda: exif_photo("AVIF"),
    "exif heic": lambda: exif_photo("HEIF"),
    "exif tiff": exif_tiff,
    "many exif segments": many_exif_segments,
    "tiny exif segments": tiny_exif_segments,
    "fill bytes": fill_bytes,
    "gif comments": gif_comments,
    "narrow png": narrow_png,
    "palette png without palette": palette_png_without_palette,
    "wide png": wide_png,
    "many png chunks": many_png_chunks,
}
"""By name, what makes each of them; most take a moment to make."""
