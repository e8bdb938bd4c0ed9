"""JPEG files that would take hours to decode are found by their headers."""

import re

# A scan of 178 megapixels takes .1 s to decode and a few hundred bytes to write, so that a small JPEG may be
# hours of work. Cameras and editors write about 10 scans, 20 at most.
_MAX_SCANS = 40
_MAX_MARKERS = 20_000
_MAX_HEADERS = 200  # a camera writes about 15 before the pixels
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # not an escaped 255, a restart or a fill byte


def has_too_many_scans(jpeg: bytes) -> bool:
    """Whether the file has more scans than a photo needs. It is not decoded."""
    # Seldom more than these two looks are needed. The second also counts what thumbnails and an attached video
    # hold; it is the slower one, 1 ms for 3 MB during which no other thread runs.
    if _is_one_scan(jpeg) or jpeg.count(b"\xff\xda") <= _MAX_SCANS:
        return False
    scans, at = 0, 2
    for _ in range(_MAX_MARKERS):
        found = _MARKER.search(jpeg, at)
        if found is None or found[0] == b"\xff\xd9":
            return False
        at = found.end()
        if found[0] not in (b"\xff\x01", b"\xff\xd8"):  # all others are followed by their length
            at += int.from_bytes(jpeg[at : at + 2], "big")
        scans += found[0] == b"\xff\xda"
        if scans > _MAX_SCANS:
            return True
    return True


def _is_one_scan(jpeg: bytes) -> bool:
    """Whether the first scan holds all of the picture, so that the decoder takes no other one."""
    at, components = 2, 0
    for _ in range(_MAX_HEADERS):
        kind = jpeg[at : at + 2]
        if kind == b"\xff\xda":
            return 0 < components == int.from_bytes(jpeg[at + 4 : at + 5])
        if kind in (b"\xff\xc0", b"\xff\xc1"):  # not progressive
            components = int.from_bytes(jpeg[at + 9 : at + 10])
        if not _MARKER.fullmatch(kind) or kind[1:] < b"\xc0":
            return False
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return False
