"""Connections to servers of the public internet only, all within one time.

An address that a stranger names could lead to this machine, to its neighbours, or to what a cloud keeps at fixed
addresses beside its machines. A name is asked for once, all that it stands for is checked, and the connection goes to
exactly the address that was checked: a name server that answers something else the next time is not asked again.
"""

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

# Besides what Python knows not to be global. Sources: the IANA registries of special-purpose addresses.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "100.64.0.0/10",  # inside of providers, RFC 6598; clouds keep services there too
        "168.63.129.16/32",  # a fixed address of Azure's machines for their host
        "192.0.0.0/24",  # for protocols, RFC 6890
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")  # all that has been given out so far
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # for protocols, Teredo among them, which hides an IPv4 address, RFC 4380
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds an IPv4 address, RFC 3056
        "3fff::/20",  # for documents, RFC 9637
    )
)
# How networks without IPv4 write the addresses of servers that have nothing else, RFC 6052.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# A name server that does not answer holds a thread until the system gives up; this many wait at most.
_LOOKUPS = threading.BoundedSemaphore(16)
_TRIED_ADDRESSES = 4
_CONNECT_S = 5.0

Resolve = Callable[[str, int], Iterable[str]]
IsPublic = Callable[[str], bool]


class TimeIsUp(Exception):
    """What had to be done took longer than it may."""


class NotPublic(Exception):
    """There is no server of this name on the public internet."""


class Deadline:
    """One time for everything that belongs together.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def left_s(self) -> float:
        """How much of it is left, in seconds; always more than 0.

        Raises:
            TimeIsUp: nothing is left.
        """
        left = self._end_s - time.monotonic()
        if left <= 0:
            raise TimeIsUp
        return left


def is_public(address: str) -> bool:
    """Whether a literal address belongs to the public internet, and hides none that does not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is None:
            return found.is_global and found in _PUBLIC_6 and not any(found in network for network in _NOT_PUBLIC_6)
        found = inner
    return found.is_global and not any(found in network for network in _NOT_PUBLIC_4)


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system knows them.

    Raises:
        OSError, UnicodeError: it knows none, or the name is none.
    """
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PublicNetwork(httpcore.NetworkBackend):
    """How httpcore connects to public servers, and reads and writes, until a deadline.

    Args:
        deadline: of everything, name servers included.
        find: from a name and a port to addresses.
        allowed: which addresses may be connected to.
    """

    def __init__(self, deadline: Deadline, find: Resolve = resolve, allowed: IsPublic = is_public) -> None:
        self._deadline, self._find, self._allowed = deadline, find, allowed
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Connect to one of the host's addresses, if all of them are public.

        Raises:
            NotPublic: one is not, or there is none. It is not said which: that would be a map of the network here.
            TimeIsUp: the deadline has passed.
            httpcore.ConnectError, httpcore.ConnectTimeout: none of them answered.
        """
        addresses = list(dict.fromkeys(_found_in_time(self._find, host, port, self._deadline)))
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise NotPublic
        failed: Exception = httpcore.ConnectError()
        for address in addresses[:_TRIED_ADDRESSES]:
            try:
                stream = self._sockets.connect_tcp(address, port, min(_CONNECT_S, self._deadline.left_s()))
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step has only what is left of the time: a server that sends one byte a second too."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    # The timeouts that httpcore hands over are for one step each, and are not looked at.
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left_s())
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _found_in_time(find: Resolve, host: str, port: int, deadline: Deadline) -> list[str]:
    """Ask in a thread, because a system call about a name cannot be given a time."""
    if not _LOOKUPS.acquire(timeout=deadline.left_s()):
        raise TimeIsUp
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        found: list[str] = []
        try:
            found = list(find(host, port))
        except (OSError, UnicodeError):
            pass  # nobody knows the name
        finally:
            _LOOKUPS.release()
            answers.put(found)

    threading.Thread(target=ask, name="popscore-lookup", daemon=True).start()
    try:
        return answers.get(timeout=deadline.left_s())
    except queue.Empty:
        raise TimeIsUp from None
