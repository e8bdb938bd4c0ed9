"""Photos and videos that a client gives by their address: fetched from the public internet, or written in it.

Nothing that the other server does takes longer than one time, or more room than one file may have.
"""

import re
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http import HTTPStatus
from urllib.parse import urljoin

import httpcore

from popscore.files.atomic import replacing
from popscore.foreign_text import shortened
from popscore.photos.sources import NamedPhoto
from popscore.settings import BYTES_PER_MB
from popscore.ui.kit.downloads import new_folder
from popscore.ui.kit.messages import refusal, told_to_clients
from popscore.ui.kit.public_network import (
    Deadline,
    IsPublic,
    NotPublic,
    PublicNetwork,
    Resolve,
    TimeIsUp,
    is_public,
    resolve,
)
from popscore.ui.kit.web_places import PORTS, Place, Unfetchable, name_in, place_of

TOTAL_S = 20.0
MAX_REDIRECTS = 5
_PIECE_BYTES = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = [(b"User-Agent", b"popscore"), (b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]


class _TooLarge(Exception):
    """There is more than one file may have."""


@cache
def _certificates() -> ssl.SSLContext:
    return httpcore.default_ssl_context()  # reads a file of 250 kB, so once


class Downloader:
    """Fetches files from addresses, into new folders among the uploads.

    Tests give it a network of their own; the app uses the defaults.

    Args:
        find: from a name and a port to addresses.
        allowed: which addresses may be connected to.
        ports: that addresses may name.
        total_s: for one address: its name servers, connections, redirects and bytes.
        certificates: which servers are believed.
    """

    def __init__(
        self,
        *,
        find: Resolve = resolve,
        allowed: IsPublic = is_public,
        ports: Iterable[int] = PORTS,
        total_s: float = TOTAL_S,
        certificates: Callable[[], ssl.SSLContext] = _certificates,
    ) -> None:
        self._find, self._allowed, self._ports = find, allowed, frozenset(ports)
        self._total_s, self._certificates = total_s, certificates

    def fetch(self, address: str, *, thing: str, max_bytes: int, most_s: float | None = None) -> NamedPhoto:
        """The file at an address, called after the last part of its path.

        Args:
            address: that a stranger gave.
            thing: what it should be: photo or video.
            max_bytes: of the file, unpacked.
            most_s: where less time is left than for one address.

        Raises:
            gr.Error: it cannot be had, is too large, or takes too long; the message says which.
        """
        shown = shortened(re.split(r"[?#]", address, maxsplit=1)[0])
        total_s = self._total_s if most_s is None else min(self._total_s, most_s)
        try:
            return self._followed(address, Deadline(total_s), thing, max_bytes)
        except _TooLarge:
            raise too_large(shown, max_bytes) from None
        except Unfetchable as error:
            reason = error.reason
        except httpcore.ConnectTimeout:
            reason = "its server does not answer"
        except (TimeIsUp, httpcore.TimeoutException):
            reason = f"it took longer than {max(1, round(total_s))} s"
        except NotPublic:
            reason = "there is no public server of this name"
        except httpcore.ConnectError as error:
            unsafe = bool(error.args) and isinstance(error.args[0], ssl.SSLError)
            reason = "its server has no certificate that is trusted" if unsafe else "its server does not answer"
        except (httpcore.NetworkError, httpcore.ProtocolError, zlib.error):
            reason = "its server broke off"
        raise refusal(f"{shown} could not be fetched: {reason}. Check the address, or send the {thing} itself.")

    def _followed(self, address: str, deadline: Deadline, thing: str, max_bytes: int) -> NamedPhoto:
        following = address
        for _ in range(MAX_REDIRECTS + 1):
            place = place_of(following, self._ports)
            with self._asked(place, deadline) as answer:
                if answer.status not in _REDIRECTS:
                    return _saved(answer, name_in(address, thing), max_bytes)
                location = _header(answer, b"location")
            if not location:
                raise Unfetchable("its server sends to another address, but does not say which")
            try:
                following = urljoin(following, location)
            except ValueError:
                raise Unfetchable("it leads to what is no address") from None
        raise Unfetchable(f"it leads from address to address more than {MAX_REDIRECTS} times")

    @contextmanager
    def _asked(self, place: Place, deadline: Deadline) -> Iterator[httpcore.Response]:
        network = PublicNetwork(deadline, self._find, self._allowed)
        context = self._certificates() if place.scheme == "https" else None
        with httpcore.ConnectionPool(ssl_context=context, network_backend=network, max_connections=1) as pool:
            url = httpcore.URL(
                scheme=place.scheme.encode(), host=place.host.encode(), port=place.port, target=place.target.encode()
            )
            headers = [(b"Host", place.named_host.encode()), *_HEADERS, (b"Connection", b"close")]
            with pool.stream("GET", url, headers=headers) as answer:
                yield answer


def too_large(shown: str, max_bytes: int) -> Exception:
    """The refusal of a file that is larger than the limit."""
    return refusal(f"{shown} is too large: the limit is {max_bytes / BYTES_PER_MB:g} MB. Send a smaller one.")


def saved(pieces: Iterable[bytes], name: str) -> NamedPhoto:
    """A new file among the uploads, whole or not there at all.

    Args:
        pieces: of its content.
        name: made fit for a file system already.

    Raises:
        gr.Error: it could not be written.
    """
    try:
        folder = new_folder()
    except OSError as error:
        raise refusal(f"{name} could not be kept: {error.strerror}. Try again later.") from error
    path = folder / name
    try:
        with told_to_clients(), replacing(path, photos=True) as file:
            for piece in pieces:
                file.write(piece)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    return NamedPhoto(path, name)


def _saved(answer: httpcore.Response, name: str, max_bytes: int) -> NamedPhoto:
    if answer.status != HTTPStatus.OK:
        raise Unfetchable(f"its server answered {answer.status}")
    length = _header(answer, b"content-length")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise _TooLarge
    packed = _counted(answer.iter_stream(), max_bytes)
    return saved(_counted(_unpacked(packed, _header(answer, b"content-encoding")), max_bytes), name)


def _counted(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    found_bytes = 0
    for piece in pieces:
        found_bytes += len(piece)
        if found_bytes > max_bytes:
            raise _TooLarge
        yield piece


def _unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Unpack what a server packed although it was asked not to, in small pieces: 25 MB can stand for 25 GB."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Unfetchable("its server sends it packed in a way that is not known here")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS if encoding == "deflate" else zlib.MAX_WBITS | 16)
    for piece in pieces:
        rest = piece
        while rest and not unpacker.eof:
            yield unpacker.decompress(rest, _PIECE_BYTES)
            rest = unpacker.unconsumed_tail
    if not unpacker.eof:
        raise Unfetchable("its server broke off")


def _header(answer: httpcore.Response, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in answer.headers if name.lower() == wanted), "")
