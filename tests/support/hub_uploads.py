"""The writing half of the Hub in miniature: what huggingface_hub's `create_repo` and `create_commit` ask for.

The paths and answers are those of huggingface_hub 2.4.0: /api/repos/create, /api/validate-yaml,
/api/models/REPO/preupload/REVISION, the LFS batch, upload (whole or in parts) and verify, and
/api/models/REPO/commit/REVISION, which makes all files of a commit appear at once.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import yaml
from hub_server import Hub, send_error

_LICENCES = {"mit", "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc0-1.0", "other"}


@dataclass
class Uploads:
    """Lets clients write to the Hub.

    Attributes:
        writers: owners that a token may write to, by token.
        blobs: large files by SHA-256, in a commit or not yet.
        cut_puts: break off this many uploads in the middle.
        part_bytes: ask for large files in parts of this size.
        statuses: answer a step (create, validate, preupload, batch, put, verify, commit) with this status.
        spoil: store another file than the one sent.
    """

    hub: Hub
    writers: dict[str, set[str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    cut_puts: int = 0
    part_bytes: int | None = None
    statuses: dict[str, int] = field(default_factory=dict)
    spoil: bool = False
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        repo = r"(?P<repo>[^/]+/[^/]+?)"
        for step, pattern, answer in (
            ("create", r"/api/repos/create", self._create),
            ("validate", r"/api/validate-yaml", self._validate),
            ("preupload", rf"/api/models/{repo}/preupload/(?P<revision>[^/]+)", self._preupload),
            ("batch", rf"/{repo}\.git/info/lfs/objects/batch", self._batch),
            ("put", r"/lfs/(?P<oid>[0-9a-f]{64})/(?P<part>\d+)", self._put),
            ("complete", r"/lfs/(?P<oid>[0-9a-f]{64})/complete", self._complete),
            ("verify", r"/lfs/(?P<oid>[0-9a-f]{64})/verify", self._verify),
            ("commit", rf"/api/models/{repo}/commit/(?P<revision>[^/]+)", self._commit),
            ("info", rf"/api/models/{repo}(?:/revision/(?P<revision>[^/]+))?", self._info),
        ):
            self.hub.routes.insert(0, (re.compile(pattern), self._guarded(step, answer)))

    def _guarded(self, step: str, answer: Callable[..., None]) -> Callable[..., None]:
        def guarded(_hub: Hub, handler: BaseHTTPRequestHandler, **names: str) -> None:
            if step == "put" and self.cut_puts > 0:
                self.cut_puts -= 1
                handler.rfile.read(100)
                handler.close_connection = True
                return
            body = _body(handler)
            if step in self.statuses:
                send_error(handler, self.statuses[step])
            else:
                answer(handler, body, **names)

        return guarded

    def _may_write(self, handler: BaseHTTPRequestHandler, repo: str) -> bool:
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.writers:
            send_error(handler, 401, None, "Invalid username or password.")
        elif repo.partition("/")[0] not in self.writers[token]:
            send_error(handler, 403, None, "You don't have the rights to create a model under this namespace")
        else:
            return True
        return False

    def _create(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        wanted = json.loads(body)
        repo = f"{wanted['organization']}/{wanted['name']}"
        if not self._may_write(handler, repo):
            return
        known = repo in self.hub.repositories
        self.hub.repository(repo)
        if wanted.get("visibility") == "private":
            self.private.add(repo)
        _send(handler, {"url": f"{self.hub.url}/{repo}", "id": "1"}, status=409 if known else 200)

    def _validate(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        card = json.loads(body)["content"]
        found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
        front = yaml.safe_load(found[1]) if found else None
        errors = []
        if not isinstance(front, dict):
            errors.append({"message": "no metadata"})
        elif front.get("license", "mit") not in _LICENCES:
            errors.append({"message": '"license" must be one of a list'})
        _send(handler, {"errors": errors, "warnings": []}, status=400 if errors else 200)

    def _preupload(self, handler: BaseHTTPRequestHandler, body: bytes, *, repo: str, **_: str) -> None:
        if not self._may_write(handler, repo):
            return
        if repo not in self.hub.repositories:
            send_error(handler, 404, "RepoNotFound", "Repository not found")
            return
        files = [
            {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".onnx") else "regular"}
            for file in json.loads(body)["files"]
        ]
        _send(handler, {"files": [{**file, "shouldIgnore": False, "oid": None} for file in files]})

    def _batch(self, handler: BaseHTTPRequestHandler, body: bytes, *, repo: str) -> None:
        if not self._may_write(handler, repo):
            return
        objects = []
        for wanted in json.loads(body)["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            answer: dict[str, Any] = {"oid": oid, "size": size}
            if oid not in self.blobs:
                address = f"{self.hub.url}/lfs/{oid}"
                upload: dict[str, Any] = {"href": f"{address}/0"}
                if self.part_bytes:
                    count = -(-size // self.part_bytes)
                    parts = {str(number): f"{address}/{number}" for number in range(1, count + 1)}
                    upload = {"href": f"{address}/complete", "header": {"chunk_size": str(self.part_bytes), **parts}}
                answer["actions"] = {"upload": upload, "verify": {"href": f"{address}/verify"}}
            objects.append(answer)
        _send(handler, {"transfer": "multipart" if self.part_bytes else "basic", "objects": objects})

    def _put(self, handler: BaseHTTPRequestHandler, body: bytes, *, oid: str, part: str) -> None:
        if part == "0":
            self._store(oid, body)
        else:
            self.parts[oid, int(part)] = body
        _send(handler, {}, headers={"ETag": f'"{part}"'})

    def _complete(self, handler: BaseHTTPRequestHandler, body: bytes, *, oid: str) -> None:
        numbers = [part["partNumber"] for part in json.loads(body)["parts"]]
        self._store(oid, b"".join(self.parts[oid, number] for number in numbers))
        _send(handler, {})

    def _store(self, oid: str, content: bytes) -> None:
        if hashlib.sha256(content).hexdigest() == oid:
            self.blobs[oid] = content[:-1] + b"?" if self.spoil else content

    def _verify(self, handler: BaseHTTPRequestHandler, body: bytes, *, oid: str) -> None:
        right = oid in self.blobs and len(self.blobs[oid]) == json.loads(body)["size"]
        _send(handler, {}, status=200 if right else 422)

    def _commit(self, handler: BaseHTTPRequestHandler, body: bytes, *, repo: str, revision: str) -> None:
        if not self._may_write(handler, repo):
            return
        repository = self.hub.repositories[repo]
        files = dict(repository.commits.get(repository.refs.get(revision, ""), {}))
        for line in body.decode().splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
        commit = repository.commit(files, ref=revision)
        _send(handler, {"commitUrl": f"{self.hub.url}/{repo}/commit/{commit}", "commitOid": commit})

    def _info(self, handler: BaseHTTPRequestHandler, _body: bytes, *, repo: str, **_: str) -> None:
        if repo not in self.hub.repositories or repo in self.private:
            send_error(handler, 401, "RepoNotFound", "Repository not found")
        else:
            _send(handler, {"id": repo, "modelId": repo, "sha": self.hub.repositories[repo].refs.get("main")})


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        pieces = []
        while size := int(handler.rfile.readline().strip() or b"0", 16):
            pieces.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        return b"".join(pieces)
    return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))


def _send(
    handler: BaseHTTPRequestHandler, answer: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    body = json.dumps(answer).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
