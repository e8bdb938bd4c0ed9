"""The app answers to its own names only, and only to pages of its own: DNS rebinding and foreign pages get a reason."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from running_app import running_app

from popscore.settings import Settings
from popscore.ui.hosts import OwnHosts, host_name, origin_name

EVIL = "evil.example"
MCP_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
MCP_HEADERS = {"Accept": "application/json, text/event-stream"}
MCP: dict[str, Any] = {"json": MCP_HELLO, "more_headers": MCP_HEADERS}
# One request to every kind of address that answers.
REQUESTS = [
    ("GET", "/", {}),
    ("HEAD", "/", {}),
    ("GET", "/config", {}),
    ("GET", "/gradio_api/info", {}),
    ("GET", "/gradio_api/file=/etc/passwd", {}),
    ("GET", "/gradio_api/queue/data?session_hash=a", {}),
    ("POST", "/gradio_api/upload", {"files": {"files": ("a.png", b"a")}}),
    ("POST", "/gradio_api/queue/join", {"json": {"data": [], "fn_index": 0, "session_hash": "a"}}),
    ("POST", "/gradio_api/call/model_info", {"json": {"data": []}}),
    ("POST", "/gradio_api/call/v2/model_info", {"json": {}}),
    ("POST", "/gradio_api/component_server", {"json": {}}),
    ("POST", "/gradio_api/mcp/", MCP),
    ("GET", "/gradio_api/mcp/", {"more_headers": MCP_HEADERS}),
    ("DELETE", "/gradio_api/mcp/", {}),
    ("GET", "/nothing/here", {}),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(hosts=("photos.example.com", "*.example.org"))
    with running_app(tmp_path_factory.mktemp("uploads"), settings) as address:
        yield address


def port_of(url: str) -> int:
    return int(urlsplit(url).port or 0)


def ask(
    url: str, method: str, path: str, headers: dict[str, str], more_headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    sent = {**(more_headers or {}), **headers}
    return httpx.request(method, url + path, headers=sent, timeout=20, trust_env=False, **body)


def raw(url: str, head: bytes) -> tuple[int, str]:
    """What a request answers that no client library would send; the connection is closed after it."""
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=20) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2].decode()


# --- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "options"), REQUESTS)
def test_a_name_that_was_rebound_gets_a_reason_and_nothing_else(
    url: str, method: str, path: str, options: dict[str, Any]
) -> None:
    host = f"{EVIL}:{port_of(url)}"
    answer = ask(url, method, path, {"Host": host, "Origin": f"http://{host}"}, **options)
    assert answer.status_code == 421
    if method != "HEAD":
        assert f"called as {host}, which is not a name" in answer.text
        assert "POPSCORE_HOSTS" in answer.text


@pytest.mark.parametrize(
    "host",
    [
        EVIL, "EVIL.EXAMPLE:7860", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example",
        "evil.example@localhost", "localhost:80@evil.example", "localhost#evil.example", "localhost/evil.example",
        "localhost\\evil.example", "localhost, evil.example", "localhost evil.example", "localhost:x", "localhost:",
        "localhost:99999", "localhost..", ".localhost", "0x7f.1", "2130706433", "127.1", "[::1", "[::1]evil.example",
        "::1", "[fe80::1%25eth0]", "example.org", "examplexorg", "other.example.com", "a.hf.space",
        "photos.example.com.evil.example", "hf.space",
    ],
)  # fmt: skip
def test_hosts_that_are_not_its_own(url: str, host: str) -> None:
    status, text = raw(url, f"GET /config HTTP/1.1\r\nHost: {host}\r\n".encode())
    assert status == 421 and "POPSCORE_HOSTS" in text


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:1234", "LOCALHOST:7860", "localhost.", "localhost.:7860", "127.0.0.1", "127.8.9.1:80",
        "[::1]", "[::1]:7860", "[0:0:0:0:0:0:0:1]:7860", "0.0.0.0:7860", "192.168.1.5:7860", "[2001:db8::1]:443",
        "photos.example.com", "PHOTOS.example.com.:443", "a.example.org", "a.b.example.org",
    ],
)  # fmt: skip
def test_hosts_that_are_its_own(url: str, host: str) -> None:
    assert raw(url, f"GET /config HTTP/1.1\r\nHost: {host}\r\n".encode())[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /config HTTP/1.0\r\n",
        b"GET /config HTTP/1.1\r\n",
        b"GET /config HTTP/1.1\r\nHost:\r\n",
        b"GET /config HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        b"GET /config HTTP/1.1\r\nHost: evil.example\r\nhOsT: localhost\r\n",
        b"GET /config HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
        b"GET /config HTTP/1.1\r\nHost: b\xc3\xbccher.example\r\n",
        b"GET /config HTTP/1.1\r\nHost: loc\xe1lhost\r\n",
        b"GET /config HTTP/1.1\r\nHost: localho\xc5\xbft\r\n",  # the long s, whose capital is an S
        b"GET http://localhost/config HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET /config HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n",
    ],
)
def test_no_host_two_hosts_and_other_letters(url: str, head: bytes) -> None:
    assert raw(url, head)[0] in (400, 421)


def test_a_forwarded_host_that_is_not_its_own_does_not_get_into_the_page(url: str) -> None:
    assert EVIL not in ask(url, "GET", "/config", {"X-Forwarded-Host": EVIL}).text
    assert EVIL not in ask(url, "GET", "/config", {"X-Forwarded-Host": f"{EVIL}, photos.example.com"}).text
    forwarded = ask(url, "GET", "/config", {"X-Forwarded-Host": "photos.example.com"})
    assert "photos.example.com" in forwarded.json()["root"]


# --- pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "options"), REQUESTS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_gets_a_reason_and_nothing_else(
    url: str, method: str, path: str, options: dict[str, Any], origin: str
) -> None:
    answer = ask(url, method, path, {"Origin": origin}, **options)
    assert answer.status_code == 403
    if method != "HEAD":
        assert answer.text.startswith(f"A page of {origin} called popscore") and "POPSCORE_HOSTS" in answer.text


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost.evil.example", "http://localhost@evil.example", "http://evil.example#localhost", "localhost",
        "file://localhost", "chrome-extension://abc", "http://", "", "http://localhost http://evil.example",
        "http://203.0.113.5", "https://someone-else.hf.space", "https://example.org", "javascript://localhost",
    ],
)  # fmt: skip
def test_origins_that_are_not_its_own(url: str, origin: str) -> None:
    assert ask(url, "POST", "/gradio_api/call/model_info", {"Origin": origin}, json={"data": []}).status_code == 403


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:7860", "localhost:7860"),
        ("http://127.0.0.1:7860", "localhost:7860"),
        ("http://[::1]:7860", "[::1]:7860"),
        ("HTTP://LOCALHOST", "localhost"),
        ("https://photos.example.com", "photos.example.com"),
        ("https://photos.example.com", "127.0.0.1:7860"),  # a proxy that puts its own name for the app
        ("https://a.example.org:8443", "localhost"),
        ("http://192.168.1.5:7860", "192.168.1.5:7860"),
    ],
)
def test_pages_of_its_own_may_call(url: str, origin: str, host: str) -> None:
    headers = {"Origin": origin, "Host": host}
    assert ask(url, "POST", "/gradio_api/call/model_info", headers, json={"data": []}).status_code == 200
    mcp = ask(url, "POST", "/gradio_api/mcp/", headers, **MCP)
    assert mcp.status_code == 200


def test_a_foreign_page_cannot_read_under_a_name_that_is_not_local_either(url: str) -> None:
    """Gradio's own answer to such a page is `Access-Control-Allow-Origin` with its name."""
    answer = ask(url, "GET", "/config", {"Host": "photos.example.com", "Origin": "https://evil.example"})
    assert answer.status_code == 403 and "components" not in answer.text
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/mcp/", "/nothing"])
@pytest.mark.parametrize("host", ["localhost", "photos.example.com", "192.168.1.5:7860", EVIL])
def test_the_question_before_a_foreign_post_is_answered_with_no(url: str, path: str, host: str) -> None:
    question = {"Host": host, "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = ask(url, "OPTIONS", path, question)
    assert answer.status_code == (421 if host == EVIL else 403)
    assert "access-control-allow-origin" not in answer.headers


def test_clients_without_an_origin_are_answered(url: str) -> None:
    answer = ask(url, "POST", "/gradio_api/call/model_info", {}, json={"data": []})
    assert answer.status_code == 200 and "event_id" in json.loads(answer.text)
    assert ask(url, "POST", "/gradio_api/mcp/", {}, **MCP).status_code == 200


def test_two_origins_are_refused(url: str) -> None:
    head = b"GET /config HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://localhost\r\n"
    assert raw(url, head)[0] == 403


# --- where the names come from ---------------------------------------------------------------------------------


def test_in_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page is shown in a frame of huggingface.co, and calls as the Space's own host."""
    monkeypatch.setenv("SPACE_HOST", "owner-name.hf.space,photos.example.net")
    with running_app(tmp_path) as url:
        own = {"Host": "owner-name.hf.space", "Origin": "https://owner-name.hf.space"}
        assert ask(url, "POST", "/gradio_api/call/model_info", own, json={"data": []}).status_code == 200
        framed = {"Host": "owner-name.hf.space", "Referer": "https://huggingface.co/", "Sec-Fetch-Dest": "iframe"}
        assert ask(url, "GET", "/", framed).status_code == 200
        domain = {"Host": "photos.example.net", "Origin": "https://photos.example.net"}
        assert ask(url, "POST", "/gradio_api/call/model_info", domain, json={"data": []}).status_code == 200
        other = {"Host": "owner-name.hf.space", "Origin": "https://someone-else.hf.space"}
        assert ask(url, "POST", "/gradio_api/call/model_info", other, json={"data": []}).status_code == 403
        assert ask(url, "GET", "/config", {"Host": EVIL}).status_code == 421


def test_names_of_the_environment() -> None:
    here = OwnHosts.here((), {"GRADIO_SERVER_NAME": "Photos.Lan"})
    assert here.serve("photos.lan:7860") and here.trust("http://photos.lan:7860", "localhost")
    assert not here.serve("a.hf.space") and not here.serve("")
    assert OwnHosts.here((), {"SPACE_ID": "owner/name"}).serve("owner-name.hf.space")
    assert not OwnHosts.here((), {"SPACE_ID": "owner/name"}).trust("https://x.hf.space", "owner-name.hf.space")
    assert not OwnHosts.here((), {"SPACE_ID": " ", "SPACE_HOST": ""}).serve("owner-name.hf.space")


def test_the_name_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "Studio")
    here = OwnHosts.here((), {})
    assert here.serve("studio:7860") and here.serve("studio.local:7860") and not here.serve("studio.evil.example")
    monkeypatch.setattr("platform.node", lambda: "")
    assert not OwnHosts.here((), {}).serve(".local")


def test_the_check_can_be_switched_off() -> None:
    anywhere = OwnHosts.here(("*",), {})
    assert anywhere.serve(EVIL) and anywhere.trust("null", EVIL) and anywhere.trust("https://evil.example", "a")


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.b:1", "a.b"), ("a.", "a"), ("[::0001]", "::1"), ("a..", None), ("", None), ("[1.2.3.4]", None), ("a b", None)],
)
def test_names_in_hosts(host: str, name: str | None) -> None:
    assert host_name(host) == name
    assert origin_name(f"https://{host}") == name
