"""Files that are written in their address, as `data:image/png;base64,...`: all that many MCP clients can send."""

import base64
import binascii
import re
from collections.abc import Iterator

from popscore.foreign_text import shortened
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.addresses import saved, too_large
from popscore.ui.kit.messages import refusal

_HEAD = re.compile(
    r"data:(?:[a-z0-9][a-z0-9.+-]*/(?P<kind>[a-z0-9][a-z0-9.+-]*))?(?:;[a-z0-9-]+=[a-z0-9._-]+)*;base64,", re.IGNORECASE
)
_MAX_HEAD = 200
_MAX_SUFFIX = 5
_AT_ONCE = 1 << 20  # letters that are decoded at a time; four letters are three bytes


def is_data_address(text: str) -> bool:
    """Whether a text is meant as an address that holds its file."""
    return text[:5].lower() == "data:"


def written_in(address: str, *, thing: str, max_bytes: int) -> NamedPhoto:
    """The file that is written in an address, called after its kind.

    Args:
        address: that a stranger gave.
        thing: what it should be: photo or video.
        max_bytes: of the file; more are not decoded.

    Raises:
        gr.Error: it is written wrongly, is empty or too large; the message says which.
    """
    shown = shortened(f"{address[:30]}…")
    head = _HEAD.match(address[:_MAX_HEAD])
    if head is None:
        raise _unreadable(shown, "it does not begin like data:image/png;base64,", thing)
    letters = len(address) - head.end()
    padding = address.find("=", head.end())
    padding = 0 if padding < 0 else len(address) - padding
    if letters == 0:
        raise _unreadable(shown, "nothing comes after its comma", thing)
    if letters // 4 * 3 - min(padding, 2) > max_bytes:
        raise too_large(f"The {thing} in the data: address", max_bytes)
    if letters % 4 or padding > 2:
        raise _unreadable(shown, "it is cut off, or is no base64", thing)
    kind = (head["kind"] or "").lower()
    name = f"{thing}.{kind}" if kind.isalnum() and len(kind) <= _MAX_SUFFIX else thing
    try:
        return saved(_decoded(address, head.end()), name)
    except (binascii.Error, ValueError):
        raise _unreadable(shown, "it holds letters that are no base64", thing) from None


def _decoded(address: str, start: int) -> Iterator[bytes]:
    for place in range(start, len(address), _AT_ONCE):
        yield base64.b64decode(address[place : place + _AT_ONCE], validate=True)


def _unreadable(shown: str, reason: str, thing: str) -> Exception:
    return refusal(f"{shown} could not be read: {reason}. Write the {thing} in base64, as data:image/png;base64,…")
