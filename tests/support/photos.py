"""Makers of photo files for the tests: one picture in every format, and files made by hand."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

# Makes an orientation undone by a viewer: the stored picture, and the tag that turns it upright.
_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth, so that lossy formats keep it; every turn and mirror of it looks different."""
    x = np.linspace(0, 1, width)[np.newaxis, :]
    y = np.linspace(0, 1, height)[:, np.newaxis]
    red = np.broadcast_to(x * 255, (height, width))
    green = np.broadcast_to(y * 255, (height, width))
    blue = 255 * x * y
    return Image.fromarray(np.stack([red, green, blue], axis=2).round().astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file; `kind` is Pillow's name of the format, or HEIF."""
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, kind, **options)
    return file.getvalue()


def sideways(image: Image.Image, kind: str, orientation: int, **options: Any) -> bytes:
    """A file whose pixels lie as a turned camera stores them, with the EXIF tag that says so."""
    turn = _STORED[orientation]
    stored = image if turn is None else image.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "HEIF":
        options["exif"] = exif.tobytes()  # written as an irot and imir box
    elif kind == "TIFF":
        options["tiffinfo"] = {0x0112: orientation}
    else:
        options["exif"] = exif
    return saved(stored, kind, **options)


def every_format(image: Image.Image) -> dict[str, bytes]:
    """One ordinary photo of every format that popscore reads."""
    return {
        "photo.jpg": saved(image, "JPEG", quality=95),
        "progressive.jpg": saved(image, "JPEG", quality=95, progressive=True),
        "photo.png": saved(image, "PNG"),
        "photo.webp": saved(image, "WEBP", quality=95),
        "lossless.webp": saved(image, "WEBP", lossless=True),
        "photo.avif": saved(image, "AVIF", quality=95),
        "photo.gif": saved(image, "GIF"),
        "photo.bmp": saved(image, "BMP"),
        "photo.tif": saved(image, "TIFF"),
        "lzw.tif": saved(image, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved(image, "TIFF", compression="jpeg", quality=95),
        "photo.heic": saved(image, "HEIF", quality=95),
    }


# --- PNG by hand, since Pillow does not write every kind ----------------------------------------------


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, *, depth: int, color: int, rows: bytes, extra: bytes = b"", interlace: int = 0
) -> bytes:
    """A PNG with these rows, each with its filter byte. Colour 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + png_chunk(b"IEND", b"")


def huge_png(width: int, height: int) -> bytes:
    """A white bilevel PNG, compressed piece by piece: 400 megapixels become 50 KB."""
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * ((width + 7) // 8)
    pixels = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


# --- TIFF by hand --------------------------------------------------------------------------------------


def tiff(
    width: int,
    height: int,
    pixels: bytes,
    *,
    bits: tuple[int, ...],
    photometric: int,
    order: str = "<",
    sample: int = 1,
) -> bytes:
    """An uncompressed TIFF of one strip. Photometric 0 white is zero, 1 black is zero, 2 RGB."""
    count = len(bits)
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, count, bits[0]),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 0),
        (277, 3, 1, count),
        (278, 3, 1, height),
        (279, 4, 1, len(pixels)),
        (339, 3, 1, sample),
    ]
    first = 8
    after = first + 2 + 12 * len(tags) + 4
    bits_at, pixels_at = after, after + 2 * count
    entries = b""
    for tag, kind, number, value in tags:
        if tag == 258 and count > 2:
            entries += struct.pack(order + "HHII", tag, kind, number, bits_at)
        elif kind == 3:
            entries += struct.pack(order + "HHIHH", tag, kind, number, value, 0)
        else:
            entries += struct.pack(order + "HHII", tag, kind, number, pixels_at if tag == 273 else value)
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, first)
    directory = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    return header + directory + struct.pack(order + f"{count}H", *bits) + pixels


# --- JPEG by hand --------------------------------------------------------------------------------------


def with_jpeg_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """The same JPEG with one more segment right after its start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The same JPEG, with another size in its header."""
    at = next(jpeg.index(start) for start in (b"\xff\xc0", b"\xff\xc2") if start in jpeg)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def with_many_scans(progressive: bytes, scans: int) -> bytes:
    """The same progressive JPEG with its last scan repeated."""
    last = progressive.rindex(b"\xff\xda")
    scan = progressive[last : progressive.rindex(b"\xff\xd9")]
    return progressive[:last] + scan * scans + b"\xff\xd9"
