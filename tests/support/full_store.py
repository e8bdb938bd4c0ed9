"""A store that lists as many objects as it is told to have, page by page as S3 does; it holds none of them."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

_PAGE = 1000
_OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
    "<Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class _Lists(BaseHTTPRequestHandler):
    """Answers ListObjectsV2 with `name.format(number)` below the prefix asked for."""

    protocol_version = "HTTP/1.1"
    name: str
    count: int
    errors: float
    chance: random.Random
    seen: "Counter[str]"

    def do_GET(self) -> None:
        self.seen["pages"] += 1
        if self.chance.random() < self.errors:
            self.seen["errors"] += 1
            self._answer(503, _BUSY)
            return
        asked = parse_qs(urlsplit(self.path).query)
        prefix, start = asked.get("prefix", [""])[0], int(asked.get("continuation-token", ["0"])[0])
        end = min(self.count, start + int(asked.get("max-keys", [str(_PAGE)])[0]))
        objects = "".join(_OBJECT.format(key=prefix + self.name.format(number)) for number in range(start, end))
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < self.count else ""
        self._answer(
            200,
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>shop</Name><Prefix>{prefix}</Prefix><Delimiter>/</Delimiter><MaxKeys>{_PAGE}</MaxKeys>"
            f"<KeyCount>{end - start}</KeyCount><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{objects}"
            f"</ListBucketResult>".encode(),
        )

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def full_store(name: str, count: int, *, errors: float = 0.0) -> "Iterator[tuple[str, Counter[str]]]":
    """A running store, its address, and how many pages and errors it has given.

    Args:
        name: of an object below whatever prefix is asked for, with `{}` for its number.
        count: of objects.
        errors: share of pages that are answered 503 SlowDown.
    """
    seen: Counter[str] = Counter()
    chance = random.Random(1)  # noqa: S311
    values = {"name": name, "count": count, "errors": errors, "chance": chance, "seen": seen}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Lists", (_Lists,), values))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
