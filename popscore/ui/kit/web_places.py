"""Addresses of the web, read strictly, and once."""

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from popscore.foreign_text import file_name

PORTS = frozenset({80, 443, 8080, 8443})
MAX_LETTERS = 2048
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|[0-9a-f:.]+")


class Place(NamedTuple):
    """Where an address leads."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def named_host(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _usual_port(self.scheme) else f"{host}:{self.port}"


class Unfetchable(Exception):
    """Why an address cannot be fetched.

    Attributes:
        reason: in words that come after a colon.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_web_address(text: str) -> bool:
    """Whether a text is meant as an address of the web."""
    return _ADDRESS.match(text) is not None


def place_of(address: str, ports: Collection[int]) -> Place:
    """Read an address. It is read once, so nobody else can read it in another way.

    Args:
        address: that a stranger gave.
        ports: that it may name.

    Raises:
        Unfetchable: it is none, or none of the public web.
    """
    if len(address) > MAX_LETTERS:
        raise Unfetchable(f"the address is longer than {MAX_LETTERS} letters")
    if not _ADDRESS.match(address):
        raise Unfetchable("only https: and http: addresses are fetched")
    if not address.isprintable() or " " in address or "\\" in address:
        raise Unfetchable("it holds what no address can hold")
    try:
        parts = urlsplit(address)
        port = parts.port if parts.port is not None else _usual_port(parts.scheme)
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:  # a port that is no number, half an IPv6 address, a label that is too long
        raise Unfetchable("it is no address") from None
    if parts.username is not None or parts.password is not None:
        raise Unfetchable("addresses with a user name are not fetched")
    if not _HOST.fullmatch(host):
        raise Unfetchable("it names no server")
    if port not in ports:
        raise Unfetchable(f"port {port} is not one of the web")
    path = quote(parts.path or "/", safe="/%:=&+!$,;'@()*~[]")
    query = quote(parts.query, safe="/%:=&?+!$,;'@()*~[]")
    return Place(parts.scheme, host.removesuffix("."), port, f"{path}?{query}" if query else path)


def name_in(address: str, thing: str) -> str:
    """What the file at an address is called: the last part of the path, else what it should be."""
    last = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    return file_name(last) if last else thing


def _usual_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
