"""An S3-compatible store on this machine, moto's, and a proxy before it that answers as a bad day would have it."""

import contextlib
import http.client
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

from running_app import free_port

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "made-up-secret-of-a-test"}
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}
_NOT_ON = {"connection", "expect", "transfer-encoding", "content-length"}
_BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


@dataclass
class Faults:
    """What goes wrong, and how often it did.

    Attributes:
        errors: share of requests that are answered 503 SlowDown.
        cuts: share of objects of which half is sent, and then nothing.
        wait_s: before every answer.
        seen: requests by method, faults by name.
    """

    errors: float = 0.0
    cuts: float = 0.0
    wait_s: float = 0.0
    seed: int = 1
    seen: "Counter[str]" = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random, self._lock = random.Random(self.seed), Lock()  # noqa: S311

    def happens(self, share: float, name: str) -> bool:
        with self._lock:
            found = self._random.random() < share
            self.seen[name] += found
            return found


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behind: int
    faults: Faults

    def _pass_on(self) -> None:
        faults = self.faults
        body = self._body()
        faults.happens(1, self.command)
        time.sleep(faults.wait_s)
        if faults.happens(faults.errors, "error"):
            self._answer(503, {"Content-Type": "application/xml"}, _BUSY)
            return
        store = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_ON}
            store.request(self.command, self.path, body=body, headers=headers)
            answer = store.getresponse()
            content = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            length = answer.getheader("Content-Length")
        finally:
            store.close()
        is_object = self.command == "GET" and answer.status in (200, 206) and "?" not in self.path
        cut = is_object and len(content) > 1000 and faults.happens(faults.cuts, "cut")
        self._answer(answer.status, kept, content, cut=cut, length=length)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False, length: str | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        head = self.command == "HEAD"
        self.send_header("Content-Length", length if head and length else str(len(content)))
        self.end_headers()
        if not head:
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def moto() -> Iterator[int]:
    """moto's server; its port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=2)
                break
            assert server.poll() is None
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


@contextlib.contextmanager
def proxy(behind: int, faults: Faults) -> Iterator[str]:
    """The proxy before a store; its address."""
    handler = type("_Proxy", (_Proxy,), {"behind": behind, "faults": faults})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def variables(address: str) -> dict[str, str]:
    """What a process needs to use the store."""
    return {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


def fill(port: int, bucket: str, files: dict[str, Path | bytes]) -> None:
    """Make a bucket, and put files into it."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=bucket)
    for key, content in files.items():
        client.put_object(Bucket=bucket, Key=key, Body=content if isinstance(content, bytes) else content.read_bytes())
