"""Requests that no client of popscore sends, by kind: each may be refused, none may be an error of the server."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_API = "/gradio_api"
# In names and values of requests; must never be in the log.
SECRET = "s3cret-holiday"


@dataclass(frozen=True)
class Request:
    """What is sent; a body that is no text and no bytes is sent as JSON."""

    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def sent_body(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    @property
    def sent_headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", **self.headers}


def _form(*parts: str) -> tuple[bytes, dict[str, str]]:
    """A multipart body of these parts, and its headers."""
    body = "".join(f"--x\r\n{part}\r\n" for part in parts) + "--x--\r\n"
    return body.encode(), {"Content-Type": "multipart/form-data; boundary=x"}


def _photo_at(path: str) -> dict[str, object]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": f"{SECRET}.jpg"}


def _tool(params: object) -> Request:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return Request("POST", f"{_API}/mcp/", body, {"Accept": "application/json, text/event-stream"})


_ELSEWHERE = {"image": _photo_at("/etc/hosts")}
_MISSING = {"image": _photo_at(f"/tmp/{SECRET}")}  # noqa: S108
_NOT_A_FILE = _form('Content-Disposition: form-data; name="files"\r\n\r\n{}')
_NO_NAME = _form("Content-Disposition: form-data\r\n\r\nx")
_COMPONENT_FORM = _form(f'Content-Disposition: form-data; name="{SECRET}"\r\n\r\nx')
_DATA = {"data": [None], "fn_index": 0, "session_hash": SECRET}

KINDS: dict[str, Request] = {
    "call without its argument": Request("POST", f"{_API}/call/v2/score_image", {}),
    "call with another argument": Request("POST", f"{_API}/call/v2/score_image", {SECRET: 1}),
    "call of nothing": Request("POST", f"{_API}/call/v2/{SECRET}", {}),
    "old call of nothing": Request("POST", f"{_API}/call/{SECRET}", {"data": []}),
    "old call without data": Request("POST", f"{_API}/call/score_image", {"data": []}),
    "old call with much data": Request("POST", f"{_API}/call/score_image", {"data": list(range(50))}),
    "call with a number for a photo": Request("POST", f"{_API}/call/v2/score_image", {"image": 7}),
    "call with a word for a photo": Request("POST", f"{_API}/call/v2/score_image", {"image": SECRET}),
    "call with a file of the server": Request("POST", f"{_API}/call/v2/score_image", _ELSEWHERE),
    "call with a missing upload": Request("POST", f"{_API}/call/v2/score_image", _MISSING),
    "call with a word for photos": Request("POST", f"{_API}/call/v2/rank_images", {"files": SECRET}),
    "call with a number for photos": Request("POST", f"{_API}/call/v2/rank_images", {"files": [1], "top_k": "x"}),
    "call with a word for a number": Request("POST", f"{_API}/call/v2/rank_video", {"video": None, "every_n": SECRET}),
    "no JSON": Request("POST", f"{_API}/call/v2/score_image", f"{{{SECRET}"),
    "a list": Request("POST", f"{_API}/call/v2/score_image", [SECRET]),
    "not a number": Request("POST", f"{_API}/call/score_image", '{"data": NaN}'),
    "half a character": Request("POST", f"{_API}/call/score_image", '{"data": "\\ud800"}'),
    "much in itself": Request("POST", f"{_API}/queue/join", "[" * 100_000),
    "no UTF-8": Request("POST", f"{_API}/queue/join", b'{"data": "\xff\xfe"}'),
    "join of nothing": Request("POST", f"{_API}/queue/join", {**_DATA, "fn_index": 99_999}),
    "join of less than nothing": Request("POST", f"{_API}/queue/join", {**_DATA, "fn_index": -1}),
    "join without a function": Request("POST", f"{_API}/queue/join", {"data": [], "session_hash": SECRET}),
    "join without a session": Request("POST", f"{_API}/queue/join", {"data": [], "fn_index": 0}),
    "join with a strange event": Request("POST", f"{_API}/queue/join", {**_DATA, "event_data": {"a": SECRET}}),
    "join with a strange trigger": Request("POST", f"{_API}/queue/join", {**_DATA, "trigger_id": 99_999}),
    "cancel of nothing": Request("POST", f"{_API}/cancel", {"session_hash": SECRET, "fn_index": 1, "event_id": "x"}),
    "cancel without words": Request("POST", f"{_API}/cancel", {}),
    "reset without words": Request("POST", f"{_API}/reset", {}),
    "component without words": Request("POST", f"{_API}/component_server", {}),
    "component that is missing": Request(
        "POST", f"{_API}/component_server", {"data": 1, "component_id": 99_999, "session_hash": "x", "fn_name": "x"}
    ),
    "component by a list": Request(
        "POST", f"{_API}/component_server", {"data": 1, "component_id": [], "session_hash": {}, "fn_name": []}
    ),
    "component by a form": Request("POST", f"{_API}/component_server", *_COMPONENT_FORM),
    "upload of a word": Request("POST", f"{_API}/upload", *_NOT_A_FILE),
    "upload without a name": Request("POST", f"{_API}/upload", *_NO_NAME),
    "upload of nothing": Request("POST", f"{_API}/upload", b""),
    "upload without an end": Request(
        "POST", f"{_API}/upload", b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}
    ),
    "upload without a boundary": Request("POST", f"{_API}/upload", b"x", {"Content-Type": "multipart/form-data"}),
    "result of nothing": Request("GET", f"{_API}/call/score_image/no-{SECRET}"),
    "events of nobody": Request("GET", f"{_API}/queue/data?session_hash=no-{SECRET}"),
    "events without a session": Request("GET", f"{_API}/queue/data"),
    "file with a null": Request("GET", f"{_API}/file=%00{SECRET}"),
    "file with a long name": Request("GET", f"{_API}/file=" + SECRET * 700),
    "file that is missing": Request("GET", f"{_API}/file=/tmp/{SECRET}.jpg"),
    "file with a strange range": Request("GET", f"{_API}/file=/tmp/{SECRET}", headers={"Range": "bytes=9-x"}),
    "asset above": Request("GET", f"/assets/..%2f..%2f{SECRET}"),
    "asset with a null": Request("GET", f"/assets/%00{SECRET}"),
    "static with a null": Request("GET", f"/static/%00{SECRET}"),
    "svelte with a null": Request("GET", f"/svelte/%00{SECRET}"),
    "page with a strange query": Request("GET", f"/?__theme=%ff&view=%00{SECRET}&deep_link={SECRET}"),
    "page for a strange host": Request("GET", "/", headers={"X-Forwarded-Host": "a b\\", "X-Forwarded-Proto": "x"}),
    "config for a strange host": Request("GET", "/config", headers={"X-Forwarded-Host": "[", "X-Forwarded-Proto": "["}),
    "tools without words": Request("POST", f"{_API}/mcp/", {}),
    "tools without JSON": Request("POST", f"{_API}/mcp/", "{"),
    "tool that is missing": _tool({"name": SECRET, "arguments": {"image": 1}}),
    "tool with a number for a photo": _tool({"name": "score_image", "arguments": {"image": 1}}),
    "tool by a list": _tool([SECRET]),
    "tools of another kind": Request("POST", f"{_API}/mcp/", SECRET, {"Content-Type": "text/plain"}),
}  # fmt: skip


def send(url: str, request: Request, timeout_s: float = 20) -> tuple[int, bytes]:
    """Status and body; the body must arrive whole.

    Raises:
        OSError, http.client.HTTPException: there was no whole answer.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)
    try:
        connection.request(request.method, request.path, request.sent_body, request.sent_headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send_raw(url: str, data: bytes) -> bytes:
    """Bytes as they are, and the beginning of the answer."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(data)
        return connection.recv(4096)
