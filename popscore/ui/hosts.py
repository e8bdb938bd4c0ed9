"""Which names the app answers to, and which pages may call it.

A page of another site can have a name of its own point at this machine (DNS rebinding). The browser then takes the
app for a part of that site, and the page can upload, ask and read, through MCP too. What it cannot change is the
name that it asked for, which is the Host of the request. So a request with a name that the app is not served as gets
no answer. A literal address needs no name server, so it cannot be rebound, and is always answered.

A page of another site can also post to the app under its right name. Browsers say in Origin which page that was.
"""

import ipaddress
import os
import platform
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

from starlette.applications import Starlette

from popscore.foreign_text import shortened
from popscore.ui.asgi import App, Receive, Scope, Send

ANY = "*"
_HOST = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::(?P<port>[0-9]{1,5}))?"
)
_ORIGIN = re.compile(r"https?://(?P<host>[^/?#@\\]+)")
_LOOPBACK = "localhost"
_SPACES = "*.hf.space"


class _Answer(NamedTuple):
    status: int
    text: str


def host_name(host: str) -> str | None:
    """The name or address in a Host header, in lower case, without port, brackets and the dot of the root.

    Args:
        host: the header's value.

    Returns:
        None for what is no host: empty, with a user's name, with letters that no host has.
    """
    found = _HOST.fullmatch(host.lower()) if host.isascii() else None
    if found is None or int(found["port"] or 0) > 65535:
        return None
    if found["ipv6"]:
        address = _address(found["ipv6"])
        return str(address) if address is not None and address.version == 6 else None
    return found["name"]


def origin_name(origin: str) -> str | None:
    """The same of an Origin header. None for `null`, which sandboxed pages and files have, and other schemes."""
    found = _ORIGIN.fullmatch(origin.lower())
    return host_name(found["host"]) if found else None


class OwnHosts:
    """What the app is served as.

    Args:
        names: in lower case; `*.example.com` is every name below example.com, `*` any name at all.
        answered: names that requests may have besides, but whose pages are not trusted.
    """

    def __init__(self, names: Iterable[str], answered: Iterable[str] = ()) -> None:
        self._names, self._answered = frozenset(names), frozenset(answered)

    @classmethod
    def here(cls, hosts: Iterable[str], environment: Mapping[str, str] | None = None) -> "OwnHosts":
        """The names of this machine, of the Space that it is, and those that were set.

        Args:
            hosts: as in `Settings`.
            environment: instead of the process's. GRADIO_SERVER_NAME is where the server listens; SPACE_HOST and
                SPACE_ID are what Hugging Face says in a Space. A Space with a domain of its own has several hosts.
        """
        values = os.environ if environment is None else environment
        machine = platform.node()
        said = [machine, f"{machine}.local", values.get("GRADIO_SERVER_NAME", "")]
        said += values.get("SPACE_HOST", "").split(",")
        names = {name for raw in said if (name := host_name(raw.strip())) and _address(name) is None}
        in_space = any(values.get(name, "").strip() for name in ("SPACE_HOST", "SPACE_ID"))
        return cls({_LOOPBACK, *names, *hosts}, (_SPACES,) if in_space else ())

    def serve(self, host: str) -> bool:
        """Whether a request with this Host header is meant for the app."""
        if ANY in self._names:
            return True
        name = host_name(host)
        return name is not None and (_address(name) is not None or _is_among(name, self._names | self._answered))

    def trust(self, origin: str, host: str) -> bool:
        """Whether a page of this Origin may call the app under this Host: a page of its own, or of a set name.

        Literal addresses are not trusted for being one: anybody has an address.
        """
        if ANY in self._names:
            return True
        name = origin_name(origin)
        if name is None:
            return False
        address = _address(name)
        return name == host_name(host) or _is_among(name, self._names) or (address is not None and address.is_loopback)


def in_front_of_all(hosts: OwnHosts) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """A lifespan that puts OnlyOwnHosts before everything else in an app.

    Middlewares that an app is made with come behind Gradio's own, and one of these answers the question of a browser
    whether a page of another site may post: yes, unless the app has a local name.

    Args:
        hosts: what the app is served as.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        behind = app.middleware_stack
        if behind is None:
            raise RuntimeError("the app was not built before it was started")
        app.middleware_stack = OnlyOwnHosts(behind, hosts)
        yield

    return lifespan


class OnlyOwnHosts:
    """In front of the app: requests to other names, and from pages of other sites, get a reason. An ASGI middleware.

    Gradio lets any site read what the app answers, unless it is called by a local name. So reading is refused as
    well: a browser sends Origin with it when a page of another site wants to see the answer.

    Args:
        app: what answers the rest.
        hosts: what the app is served as.
    """

    def __init__(self, app: App, hosts: OwnHosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 or 403, or hand on."""
        if scope["type"] != "http":  # OnlyServedRoutes closes websockets
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is None:
            await self._app(self._without_foreign_forwarding(scope), receive, send)
            return
        body = refused.text.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            # The body of the request is not read, so nothing else can follow on this connection.
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _refused(self, scope: Scope) -> _Answer | None:
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or not self._hosts.serve(hosts[0]):
            said = f"as {shortened(hosts[0])}" if len(hosts) == 1 and hosts[0] else "without one name"
            return _Answer(
                421,
                f"popscore was called {said}, which is not a name that it is served as. "
                "Use its own address, or have whoever runs it add the name to POPSCORE_HOSTS.",
            )
        if origins and (len(origins) > 1 or not self._hosts.trust(origins[0], hosts[0])):
            return _Answer(
                403,
                f"A page of {shortened(origins[0])} called popscore, which answers pages of its own only. "
                "Open popscore itself, or have whoever runs it add the page's host to POPSCORE_HOSTS.",
            )
        return None

    def _without_foreign_forwarding(self, scope: Scope) -> Scope:
        """Without X-Forwarded-Host, from which Gradio makes the addresses in its pages, if that is no own name."""
        said = _values(scope, b"x-forwarded-host")
        if all(self._hosts.serve(part.strip()) for value in said for part in value.split(",")):
            return scope
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-host"]
        return {**scope, "headers": kept}


def _values(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for name, value in scope["headers"] if name.lower() == wanted]


def _is_among(name: str, patterns: Iterable[str]) -> bool:
    return any(
        name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]) and name != pattern[2:])
        for pattern in patterns
    )


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
