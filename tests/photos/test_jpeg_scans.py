"""Which JPEG files have more scans than a photo needs, by their headers alone."""

from pathlib import Path

import pytest
from photos import saved, with_many_scans
from PIL import Image

from popscore.photos.jpeg_scans import has_too_many_scans

BASELINE, EXTENDED, PROGRESSIVE, ARITHMETIC = 0xC0, 0xC1, 0xC2, 0xC9


def segment(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + (len(content) + 2).to_bytes(2, "big") + content


def headers(kind: int, *, scans: int, components_per_scan: int = 3, before: bytes = b"") -> bytes:
    """A JPEG of 3 components without any pixels."""
    frame = segment(kind, bytes([8, 0, 16, 0, 16, 3]) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]))
    scan = segment(0xDA, bytes([components_per_scan]) + bytes(2 * components_per_scan + 3)) + b"\0\x12\xff\0"
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0") + before + frame + scan * scans + b"\xff\xd9"


@pytest.mark.parametrize("kind", [BASELINE, EXTENDED])
def test_scan_with_all_components_is_the_only_one(kind: int) -> None:
    """What follows it is never decoded, whatever it looks like."""
    assert not has_too_many_scans(headers(kind, scans=1))
    assert not has_too_many_scans(headers(kind, scans=5_000))


@pytest.mark.parametrize("kind", [BASELINE, EXTENDED])
def test_scans_of_single_components_count(kind: int) -> None:
    assert not has_too_many_scans(headers(kind, scans=3, components_per_scan=1))
    assert has_too_many_scans(headers(kind, scans=41, components_per_scan=1))


@pytest.mark.parametrize("kind", [PROGRESSIVE, ARITHMETIC])
def test_scans_of_other_kinds_count(kind: int) -> None:
    assert not has_too_many_scans(headers(kind, scans=40))
    assert has_too_many_scans(headers(kind, scans=41))


@pytest.mark.parametrize(
    "before",
    [
        b"\xff\x01",  # a marker without a length
        b"\xff\xff\xff",  # fill bytes
        b"\0garbage",
        b"\xff\xd8",
        segment(0xFE, b"x") * 300,
        segment(0xFE, b"\xff\xc0" * 20),  # a comment with a header in it
    ],
)
def test_nothing_in_front_hides_scans(before: bytes) -> None:
    assert has_too_many_scans(headers(PROGRESSIVE, scans=41, before=before))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xc0\0"])
def test_headers_that_end_early(content: bytes) -> None:
    assert not has_too_many_scans(content)


def test_real_photos(photos: dict[str, Path]) -> None:
    for path in photos.values():
        with Image.open(path) as photo:
            picture = photo.convert("RGB")
        assert not has_too_many_scans(saved(picture, "JPEG"))
        progressive = saved(picture, "JPEG", progressive=True)
        assert not has_too_many_scans(progressive)
        assert has_too_many_scans(with_many_scans(progressive, 100))
