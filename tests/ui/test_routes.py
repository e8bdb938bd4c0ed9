"""Only what the page and documented clients need answers; a new route of Gradio has to be decided on."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running_app import running_app
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from popscore.settings import Settings
from popscore.ui import build_demo, launch_options
from popscore.ui.routes import is_served

# Routes of Gradio that do not answer, and must not: each was looked at.
LEFT_OUT = {
    "/login", "/logout", "/gradio_api/user", "/gradio_api/login_check", "/gradio_api/token", "/gradio_api/dev/reload",
    "/gradio_api/runs", "/gradio_api/run-history/connect", "/gradio_api/run-history/buckets",
    "/gradio_api/run-history/records", "/gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}",
    "/gradio_api/deep_link", "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    "/gradio_api/proxy={url_path:path}", "/gradio_api/file/{path:path}", "/gradio_api/stream/{event_id}",
    "/gradio_api/stream/{event_id}/close", "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/gradio_api/run/{api_name}", "/gradio_api/api/{api_name}", "/pwa_icon", "/pwa_icon/{size}", "/manifest.json",
    "/monitoring", "/monitoring/summary", "/monitoring/{key}", "/gradio_api/process_recording",
    "/gradio_api/vibe-edit", "/gradio_api/undo-vibe-edit", "/gradio_api/vibe-code", "/gradio_api/vibe-starter-queries",
    "/gradio_api/profiling/traces", "/gradio_api/profiling/summary", "/gradio_api/profiling/clear",
    "/gradio_api/queue/status", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads")) as address:
        yield address


def status(url: str, method: str = "GET", body: bytes | None = None) -> int:
    request = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def walked(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of each route, those of routers inside too."""
    for route in routes:
        if isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in route.methods or ())
        elif isinstance(route, Mount):
            yield from walked(route.routes, prefix + route.path)
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from walked(router.routes, prefix)


def registered() -> set[tuple[str, str]]:
    """Every route that Gradio registers for this app."""
    demo = build_demo(Settings())
    app, _, _ = demo.launch(**launch_options(), prevent_thread_lock=True, quiet=True)
    demo.close()
    return set(walked(app.routes))


class SlowPage:
    """A machine that takes a minute to draw the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            await asyncio.sleep(60)
        await self.app(scope, receive, send)


def test_a_slow_machine_starts_the_app_all_the_same() -> None:
    demo = build_demo(Settings())
    options = launch_options()
    options["app_kwargs"]["middleware"].insert(0, Middleware(SlowPage))
    began = time.monotonic()
    _, url, _ = demo.launch(**options, prevent_thread_lock=True, quiet=True)
    try:
        assert status(f"{url}gradio_api/info") == 200
        assert time.monotonic() - began < 60  # it has not waited for the page either
    finally:
        demo.close()


def test_every_route_of_gradio_is_decided_on() -> None:
    found = registered()
    assert ("POST", "/gradio_api/process_recording") in found  # all of them are seen
    undecided = {
        (method, path)
        for method, path in found
        if not is_served(method, path.replace("{path_or_url:path}", "x").replace("{path:path}", "x"))
        and path.rstrip("/") not in LEFT_OUT
    }
    assert undecided == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/run/score_image"),
        ("POST", "/gradio_api/api/score_image"),
        ("GET", "/gradio_api/file=https://example.com/a.jpg"),
        ("GET", "/gradio_api/file=HTTP://127.0.0.1/"),
        ("GET", "/gradio_api/file=ftp://127.0.0.1/"),
        ("GET", "/gradio_api/file=http:%2F%2F127.0.0.1/"),
        ("GET", "/gradio_api/proxy=https://example.com/"),
        ("POST", "/gradio_api/vibe-edit/"),
        ("GET", "/gradio_api/vibe-code"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/gradio_api/profiling/traces"),
        ("GET", "/gradio_api/run-history/records"),
        ("GET", "/gradio_api/stream/a/b/c/playlist.m3u8"),
        ("GET", "/docs"),
        ("PUT", "/gradio_api/upload"),
        ("TRACE", "/"),
        ("GET", "//gradio_api//process_recording"),
        ("POST", "/gradio_api/../gradio_api/process_recording"),
        ("POST", "/gradio_api/PROCESS_RECORDING"),
    ],
)
def test_what_is_not_needed_is_not_there(url: str, method: str, path: str) -> None:
    assert status(url + path, method, b"{}" if method in ("POST", "PUT") else None) in (404, 405)


def test_a_playlist_does_not_bring_back_files_of_the_server(url: str, tmp_path: Path) -> None:
    """What was found by attacking the app: HLS segments with `file:` addresses came back as a video."""
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n"
    boundary = "x"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.m3u8"\r\n'
        f"Content-Type: application/vnd.apple.mpegurl\r\n\r\n{playlist}\r\n--{boundary}--\r\n"
    ).encode()
    request = urllib.request.Request(f"{url}/gradio_api/process_recording", data=body, method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=20)


@pytest.mark.parametrize(
    "path", ["/", "/config", "/theme.css", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/startup-events"]
)
def test_what_clients_read_is_there(url: str, path: str) -> None:
    assert status(url + path) == 200
