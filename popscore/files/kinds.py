"""What a file is: by its first bytes, and by its name where there is nothing else to go by."""

from typing import Literal

Kind = Literal["jpeg", "png", "gif", "tiff", "webp", "bmp", "avif", "heif"]

READABLE_PHOTOS = "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC"
# As many as a HEIC or AVIF file may need to say what it is.
HEAD_BYTES = 512

_PHOTO_KINDS = "jpg jpeg jpe jfif mpo png webp avif gif bmp dib tif tiff heic heif hif"
# Most of them begin like a TIFF. popscore does not develop raw photos, and in a folder there is mostly a
# JPEG beside each.
_RAW_KINDS = (
    "3fr ari arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"
)
PHOTO_SUFFIXES = frozenset(f".{kind}" for kind in _PHOTO_KINDS.split())
RAW_SUFFIXES = frozenset(f".{kind}" for kind in _RAW_KINDS.split())

_SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),  # with 64-bit offsets
    (b"MM\0+", "tiff"),
)
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}  # bytes; "BM" alone also begins many a text
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_OTHER_KINDS = (
    (b"%PDF", "it is a PDF, not a photo"),
    (b"PK\x03\x04", "it is a ZIP archive or an office document, not a photo"),
    (b"\x1aE\xdf\xa3", "it is a video, not a photo"),
    (b"<svg", "it is a drawing (SVG), not a photo"),
    (b"<?xml", "it is a text (XML), not a photo"),
    (b"<!doctype", "it is a web page, not a photo"),
    (b"<html", "it is a web page, not a photo"),
    (b"8bps", "it is a Photoshop file, which is not supported"),
)


def photo_kind(content: bytes) -> Kind | None:
    """The kind of photo that begins with these bytes, `HEAD_BYTES` or all of it; None if it is no photo."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if content[4:8] == b"ftyp":
        end = min(int.from_bytes(content[:4], "big"), 256)
        brands = {content[8:12], *(content[at : at + 4] for at in range(16, end, 4))}
        if brands & {b"avif", b"avis"}:
            return "avif"
        if brands & _HEIF_BRANDS:
            return "heif"
    return next((kind for start, kind in _SIGNATURES if content.startswith(start)), None)


def other_kind(content: bytes) -> str:
    """What a file is that is no photo, as a part of a sentence."""
    if content[4:8] == b"ftyp":
        return "it is a video, not a photo"
    head = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<?xml") and b"<svg" in head:
        head = b"<svg"
    return next(
        (words for start, words in _OTHER_KINDS if head[:16].lower().startswith(start.lower())), "it is not an image"
    )
