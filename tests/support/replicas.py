"""Two processes of the app behind nginx, as docs/replicas/nginx.conf says, and one visitor's way through it."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from running_app import ROOT, free_port

CONFIGURATION = ROOT / "docs" / "replicas" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def configuration(port: int, addresses: Sequence[str]) -> str:
    """The file of the page with other ports; answers say in X-Served-By which process they come from."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    servers = "".join(f"        server {address};\n" for address in addresses)
    text = re.sub(r"(        server 127\.0\.0\.1:\d+;\n)+", servers, text)
    text = text.replace("listen 127.0.0.1:8080;", f"listen 127.0.0.1:{port};")
    return text.replace("proxy_pass http", "add_header X-Served-By $upstream_addr;\n            proxy_pass http")


@contextmanager
def one_address(folder: Path, urls: Sequence[str]) -> Iterator[str]:
    """The address at which nginx stands before some apps."""
    assert NGINX, "nginx is not installed"
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(configuration(port, [url.removeprefix("http://") for url in urls]), encoding="utf-8")
    server = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(file), "-g", "daemon off;"], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/gradio_api/info", timeout=20)
                break
            except httpx.TransportError:
                assert server.poll() is None, server.stderr and server.stderr.read()
                assert time.monotonic() < deadline, "nginx did not come up"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


class Visitor:
    """Somebody with a browser: cookies are kept."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120)
        self.places: set[str] = set()

    def open(self) -> None:
        """Load the page, which gives the cookie; which process it came from does not matter."""
        self.http.get("/").raise_for_status()
        self.places.clear()

    def score(self, photo: Path) -> Any:
        """Upload, ask, wait: three requests that must reach one process."""
        sent = self._seen(self.http.post("/gradio_api/upload", files=[("files", (photo.name, photo.read_bytes()))]))
        call = {"image": {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}}
        event = self._seen(self.http.post("/gradio_api/call/v2/score_image", json=call)).json()["event_id"]
        answer = self._seen(self.http.get(f"/gradio_api/call/score_image/{event}")).text
        (data,) = re.findall(r"event: complete\ndata: (.*)", answer)
        return json.loads(data)[0]

    def close(self) -> None:
        """Leave."""
        self.http.close()

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        answer.raise_for_status()
        self.places.add(answer.headers.get("X-Served-By", ""))
        return answer
