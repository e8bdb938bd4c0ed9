"""A Hugging Face Hub in miniature, for the real huggingface_hub on the other side.

It serves what a download asks for: HEAD and GET of /OWNER/NAME/resolve/REVISION/FILE, and /cdn/SHA256
on another host name for large files, as the real Hub does. Faults are switched on by attributes of `Hub`.
Uploads, see hub_uploads.py, add methods that answer a path to `Hub.routes`.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote

COMMIT_LETTERS = 40


@dataclass(frozen=True)
class Request:
    """One request as it came in; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Repository:
    """Files by commit, and the branches and tags that name commits."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    gated: bool = False

    def commit(self, files: dict[str, bytes], *, ref: str = "main") -> str:
        """Store files under a new commit and move the ref there."""
        content = b"".join(name.encode() + blob for name, blob in sorted(files.items()))
        commit = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        self.refs[ref] = commit
        return commit


class Hub:
    """The server. Use it as a context manager; `url` goes into HF_ENDPOINT.

    Attributes of faults:
        status: answer every request with this status.
        silent: accept every request and never answer.
        cut_requests: close the connection instead of an answer.
        cut_after: close the connection after this many bytes of a file's body, `cuts` times.
        corrupt: flip a byte of every file on its way out, without a word about it.
        dribble_s: pause between pieces of `dribble_bytes`.
        ignore_range: answer a Range request with the whole file.
        silent_after: after this many bytes of a body, say nothing more.
        lies: headers by name that stand in place of the true ones, by the number of the answer to a HEAD, from 0;
            those of the last number are those of all later answers. GETs get the last ones too.
        more_bytes: send this many zeros after each file, and count them in its length.
        compressed: say that the file is packed.
    """

    def __init__(self, *, large_files: bool = True, relative_redirect: bool = False) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large_files, self.relative_redirect = large_files, relative_redirect
        self.requests: list[Request] = []
        self.status: int | None = None
        self.silent = self.cut_requests = self.corrupt = self.ignore_range = False
        self.cut_after: int | None = None
        self.cuts = 0
        self.silent_after: int | None = None
        self.dribble_s, self.dribble_bytes = 0.0, 1024
        self.lies: dict[int, dict[str, str]] = {}
        self.more_bytes = 0
        self.compressed = False
        self.routes: list[tuple[re.Pattern[str], Callable[..., None]]] = [
            (
                re.compile(r"/(?P<moved>moved/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)"),
                _resolve,
            ),
            (re.compile(r"/cdn/(?P<sha256>[0-9a-f]{64})"), _cdn),
        ]
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        # Another host name for the same server: huggingface_hub must not send the token there.
        self.cdn_url = f"http://localhost:{self.port}"

    def repository(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def seen(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def lie(self, name: str) -> str | None:
        """What stands in place of this header in the answer that is being written."""
        number = len(self.seen("HEAD")) - 1
        known = [lies for first, lies in sorted(self.lies.items()) if first <= number]
        return next((value for key, value in (known[-1] if known else {}).items() if key.lower() == name.lower()), None)

    def __enter__(self) -> "Hub":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.requests.append(
                Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            )
            if hub.silent:
                hub.closing.wait()
                self.close_connection = True
            elif hub.cut_requests:
                self.close_connection = True
            elif hub.status is not None:
                send_error(self, hub.status)
            else:
                self.route()

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def route(self) -> None:
            path = self.path.partition("?")[0]
            for pattern, answer in hub.routes:
                if found := pattern.fullmatch(path):
                    answer(hub, self, **{name: unquote(value or "") for name, value in found.groupdict().items()})
                    return
            send_error(self, 404)

        def send_header(self, keyword: str, value: str) -> None:
            lie = hub.lie(keyword)
            super().send_header(keyword, value if lie is None else lie)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def send_error(
    handler: BaseHTTPRequestHandler, status: int, code: str | None = None, message: str | None = None
) -> None:
    """An error in the form of the Hub: code and message as headers, and a body of JSON."""
    body = json.dumps({"error": message or code or "error"}).encode()
    handler.send_response(status)
    if code:
        handler.send_header("X-Error-Code", code)
        handler.send_header("X-Error-Message", message or code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


def _resolve(hub: Hub, handler: BaseHTTPRequestHandler, *, moved: str, repo: str, revision: str, file: str) -> None:
    if hub.relative_redirect and not moved:  # as after a repository was renamed
        handler.send_response(307)
        handler.send_header("Location", f"/moved/{repo}/resolve/{revision}/{file}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    repository = hub.repositories.get(repo)
    authorization = handler.headers.get("Authorization")
    if repository is None or (repository.token and authorization != f"Bearer {repository.token}"):
        known = authorization is not None
        send_error(handler, 404 if known else 401, "RepoNotFound", "Repository not found")
        return
    if repository.gated:
        send_error(handler, 403 if authorization else 401, "GatedRepo", f"Access to model {repo} is restricted.")
        return
    commit = repository.refs.get(revision, revision)
    if commit not in repository.commits:
        send_error(handler, 404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return
    content = repository.commits[commit].get(file)
    if content is None:
        send_error(handler, 404, "EntryNotFound", "Entry not found")
        return
    sha256 = hashlib.sha256(content).hexdigest()
    if hub.large_files:
        handler.send_response(302)
        handler.send_header("X-Linked-Size", str(len(content)))
        handler.send_header("X-Linked-Etag", f'"{sha256}"')
        handler.send_header("ETag", '"the-pointer-file"')
        handler.send_header("Location", f"{hub.cdn_url}/cdn/{sha256}?X-Signature=1")
        handler.send_header("X-Repo-Commit", commit)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    git_sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    _send_content(hub, handler, content, {"ETag": f'"{git_sha1}"', "X-Repo-Commit": commit})


def _cdn(hub: Hub, handler: BaseHTTPRequestHandler, *, sha256: str) -> None:
    for repository in hub.repositories.values():
        for files in repository.commits.values():
            for content in files.values():
                if hashlib.sha256(content).hexdigest() == sha256:
                    _send_content(hub, handler, content, {"ETag": f'"{sha256}"'})
                    return
    send_error(handler, 404)


def _send_content(hub: Hub, handler: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str]) -> None:
    if hub.corrupt:
        content = content[:-1] + bytes([content[-1] ^ 0xFF])
    content += bytes(hub.more_bytes)
    start, total = 0, len(content)
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if wanted and not hub.ignore_range:
        start = int(wanted[1])
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    else:
        handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name, value)
    if hub.compressed:
        handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("Content-Length", str(total - start))
    handler.end_headers()
    if handler.command != "HEAD":
        _send_body(hub, handler, content[start:])


def _send_body(hub: Hub, handler: BaseHTTPRequestHandler, body: bytes) -> None:
    try:
        if hub.cut_after is not None and hub.cuts > 0:
            hub.cuts -= 1
            handler.wfile.write(body[: hub.cut_after])
            handler.close_connection = True
        elif hub.silent_after is not None:
            handler.wfile.write(body[: hub.silent_after])
            hub.closing.wait()
            handler.close_connection = True
        elif hub.dribble_s:
            for at in range(0, len(body), hub.dribble_bytes):
                handler.wfile.write(body[at : at + hub.dribble_bytes])
                time.sleep(hub.dribble_s)
        else:
            handler.wfile.write(body)
    except OSError:  # the client went away
        handler.close_connection = True
