"""Every way in which an address can be sent ends at popscore's own downloader, or at a sentence that says why not."""

import base64
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from own_loop import run_async
from running_app import running_app
from web_server import WebServer, answer, dripping, web_server

from popscore.settings import Settings
from popscore.ui.kit.addresses import Downloader

META = {"meta": {"_type": "gradio.FileData"}}
PRIVATE = "could not be fetched: there is no public server of this name. Check the address, or send the"
SETTINGS = Settings(max_image_bytes=2_000_000, max_video_bytes=3_000_000, max_files=40)


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.fixture(scope="module")
def url(uploads: Path) -> Iterator[str]:
    """The app as it is."""
    with running_app(uploads, SETTINGS) as address:
        yield address


@pytest.fixture(scope="module")
def open_url(server: WebServer, uploads: Path) -> Iterator[str]:
    """The app with a downloader that takes the test's server for the public internet."""
    downloader = Downloader(find=lambda *_: ["127.0.0.1"], allowed=lambda _: True, ports={server.port}, total_s=3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("popscore.ui.kit.sent_files.Downloader", lambda: downloader)
        with running_app(uploads, SETTINGS) as address:
            yield address


@pytest.fixture(autouse=True)
def gradio_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(url: str, *_: Any, **__: Any) -> None:
        raise AssertionError(f"Gradio fetched {url}")

    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_get", fetch)
    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_download", fetch)


def post(address: str, body: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as said:
        return json.load(said)


def call(url: str, endpoint: str, **inputs: Any) -> tuple[str, str]:
    """One call as curl makes it: the event's name, and what it says as text."""
    event = post(f"{url}/gradio_api/call/v2/{endpoint}", inputs)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{endpoint}/{event}", timeout=60) as said:
        name, data = re.findall(r"event: (\w+)\ndata: (.*)", said.read().decode())[-1]
    return name, json.dumps(json.loads(data), ensure_ascii=False)


def tool(url: str, name: str, **inputs: Any) -> tuple[bool, str]:
    """One call as an MCP client makes it: whether it failed, and what it says."""

    async def talk() -> tuple[bool, str]:
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool(name, inputs)
            return bool(result.isError), str(getattr(result.content[0], "text", ""))

    return run_async(talk)


def as_data(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


WAYS = [
    lambda address: address,
    lambda address: {"path": address},
    lambda address: {"path": address, **META},
    lambda address: {"url": address},
    lambda address: {"path": None, "url": address, **META},
    lambda address: {"path": "", "url": address, **META},
    lambda address: {"path": address, "url": address, "orig_name": "a.png", **META},
    lambda address: {"path": address, "is_stream": True, **META},
]


# --- addresses of this machine and its neighbours ------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("endpoint", "field"), [("score_image", "image"), ("rank_video", "video"), ("rank_images", "files")]
)
def test_curl_gets_a_sentence(url: str, server: WebServer, uploads: Path, way: Any, endpoint: str, field: str) -> None:
    server.asked.clear()
    sent = way(f"http://127.0.0.1:8080/{server.port}.png")
    before = files(uploads)
    name, data = call(url, endpoint, **{field: [sent] if field == "files" else sent})
    assert name == "error" and PRIVATE in data
    assert not server.asked and files(uploads) == before


@pytest.mark.parametrize("address", ["http://localhost:8080/a.png", "https://169.254.169.254/", "http://[::1]/a"])
def test_gradio_client_gets_a_sentence(url: str, address: str) -> None:
    client, sent = Client(url, verbose=False), handle_file(address)
    for endpoint, inputs in (("score_image", {"image": sent}), ("rank_video", {"video": sent})):
        with pytest.raises(AppError, match=re.escape(PRIVATE)):
            client.predict(**inputs, api_name=f"/{endpoint}")
    with pytest.raises(AppError, match=re.escape(PRIVATE)):
        client.predict(files=[sent], api_name="/rank_images")


def test_handle_file_with_an_address_gets_a_sentence(url: str) -> None:
    client = Client(url, verbose=False)
    with pytest.raises(AppError, match=re.escape(PRIVATE)):
        client.predict(image=handle_file("http://127.0.0.1/a.png"), api_name="/score_image")
    with pytest.raises(AppError, match="port 22 is not one of the web"):
        client.predict(video=handle_file("http://example.com:22/a.mp4"), api_name="/rank_video")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [("score_image", "image"), ("rank_video", "video"), ("rank_images", "files")],
)
def test_mcp_gets_a_sentence(url: str, name: str, inputs: str) -> None:
    def sent(address: str) -> Any:
        return [address] if inputs == "files" else address

    failed, text = tool(url, name, **{inputs: sent("http://127.0.0.1/a.png")})
    assert failed and PRIVATE in text
    failed, text = tool(url, name, **{inputs: sent("data:image/png;base64,QU-_")})
    assert failed and "holds letters that are no base64" in text
    failed, text = tool(url, name, **{inputs: sent("/etc/passwd")})
    assert failed and "is sent as an upload, or as an https: or data: address" in text


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("/etc/passwd", "is sent as an upload, or as an"),
        ("", "is sent as an upload, or as an"),
        (7, "is sent as an upload, or as an"),
        ([], "is sent as an upload, or as an"),
        ("ftp://a.example/a.png", "is sent as an upload, or as an"),
        ({"path": "/etc/passwd"}, "not an uploaded photo"),
        ({"path": "/etc/passwd", **META}, "not an uploaded photo"),
        ({"path": "/etc/passwd", "meta": "x"}, "not an uploaded photo"),
        ({"path": "\u0000"}, "not an uploaded photo"),
        ({"path": "http:/a.example"}, "not an uploaded photo"),
        ({"path": 7}, "There is no photo"),
        ({}, "There is no photo"),
        (None, "There is no photo"),
        ("data:image/png;base64,", "nothing comes after its comma"),
        ({"path": "data:image/png;base64,QQ", **META}, "cut off"),
        ({"url": "data:text/html,hello"}, "does not begin like"),
        ("https://user@a.example/", "with a user name"),
    ],
)
def test_whatever_is_sent_gets_a_sentence(url: str, sent: Any, reason: str) -> None:
    name, data = call(url, "score_image", image=sent)
    assert name == "error" and reason in data and "null" not in data


@pytest.mark.parametrize("sent", [None, {}, {"path": None}, {"path": "", **META}])
def test_a_hole_in_a_list_gets_a_sentence(url: str, sent: Any) -> None:
    name, data = call(url, "rank_images", files=["data:image/png;base64,QUJD", sent])
    assert name == "error" and "One photo of the list holds nothing" in data


@pytest.mark.parametrize("sent", ["http://127.0.0.1/a.png", {"path": "/etc/passwd"}, 7, [[]], {"a": 1}])
def test_what_is_no_list_gets_a_sentence(url: str, sent: Any) -> None:
    name, data = call(url, "rank_images", files=sent)
    assert name == "error" and re.search(r"no public server|not an uploaded|is sent as|holds nothing", data)


def test_too_many_addresses_are_counted_before_the_first_is_fetched(url: str) -> None:
    name, data = call(url, "rank_images", files=["http://127.0.0.1/a.png"] * 41)
    assert name == "error" and "41 photos are too many" in data


@pytest.mark.parametrize("deep", [lambda sent: sent, lambda sent: [sent], lambda sent: {"a": [{"b": sent}]}])
def test_other_inputs_fetch_nothing(url: str, server: WebServer, deep: Any) -> None:
    """Gradio looks for files in every input, in numbers too."""
    sent = deep({"path": f"http://127.0.0.1:{server.port}/a.png", **META})
    name, data = call(url, "rank_images", files=[], top_k=sent)
    assert name == "error" and "An address was sent where none belongs" in data
    assert not server.asked


# --- addresses that can be had ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_photo_comes_from_its_address(open_url: str, server: WebServer, cat: Path, way: Any) -> None:
    server.answers["/cat%20one.png?size=2"] = answer(cat.read_bytes())
    sent = way(f"http://photos.example:{server.port}/cat%20one.png?size=2")
    for endpoint, inputs in (("score_image", {"image": sent}), ("rank_images", {"files": [sent, sent]})):
        name, data = call(open_url, endpoint, **inputs)
        assert name == "complete" and '"file": "cat one.png"' in data


@pytest.mark.slow
def test_every_client_gets_its_photos_and_videos(open_url: str, server: WebServer, cat: Path, clip: Path) -> None:
    server.answers["/cat.png"], server.answers["/clip.mp4"] = answer(cat.read_bytes()), answer(clip.read_bytes())
    photo, video = (f"http://photos.example:{server.port}/{name}" for name in ("cat.png", "clip.mp4"))
    client = Client(open_url, verbose=False)
    assert client.predict(image=handle_file(photo), api_name="/score_image")["file"] == "cat.png"
    ranking = client.predict(files=[handle_file(photo), photo, handle_file(str(cat))], api_name="/rank_images")
    assert [result["file"] for result in ranking["results"]] == ["cat.png", "cat.png", cat.name]
    assert client.predict(video=handle_file(video), every_n=150, api_name="/rank_video")["results"]
    assert client.predict(video=handle_file(str(clip)), every_n=150, api_name="/rank_video")["results"]
    for name, inputs in (
        ("score_image", {"image": photo}),
        ("rank_images", {"files": [photo]}),
        ("rank_video", {"video": video}),
    ):
        failed, text = tool(open_url, name, **inputs)
        assert not failed and "'score'" in text


def test_an_upload_needs_no_meta(url: str, uploads: Path, cat: Path, clip: Path) -> None:
    folder = uploads / "sent"
    folder.mkdir(exist_ok=True)
    for file in (cat, clip):
        (folder / file.name).write_bytes(file.read_bytes())
    for more in ({}, META):
        assert call(url, "score_image", image={"path": str(folder / cat.name), **more})[0] == "complete"
        assert call(url, "rank_video", video={"path": str(folder / clip.name), **more}, every_n=150)[0] == "complete"
        assert call(url, "rank_images", files=[{"path": str(folder / cat.name), **more}])[0] == "complete"


def test_photos_written_in_their_addresses(url: str, cat: Path, clip: Path) -> None:
    for way in WAYS:
        name, data = call(url, "score_image", image=way(as_data(cat.read_bytes())))
        assert name == "complete" and '"file": "photo.png"' in data
    assert call(url, "rank_video", video=as_data(clip.read_bytes(), "video/mp4"), every_n=150)[0] == "complete"
    failed, text = tool(url, "rank_video", video=as_data(clip.read_bytes(), "video/mp4"), every_n=150)
    assert not failed and "'frame_index'" in text


def test_the_limit_of_bytes_is_that_of_the_thing(open_url: str, server: WebServer) -> None:
    server.answers["/big"] = answer(b"x" * 2_500_000)
    address = f"http://photos.example:{server.port}/big"
    assert "is too large: the limit is 2 MB" in call(open_url, "score_image", image=address)[1]
    assert "is too large: the limit is 2 MB" in call(open_url, "rank_images", files=[address])[1]
    assert "is too large" not in call(open_url, "rank_video", video=address)[1]
    data = as_data(b"x" * 2_500_000)
    assert "is too large: the limit is 2 MB" in call(open_url, "score_image", image=data)[1]


def test_the_app_answers_others_while_a_server_drips(open_url: str, server: WebServer) -> None:
    server.answers["/slow.png"] = dripping(b"HTTP/1.1 200 OK\r\n\r\n")
    address = f"http://photos.example:{server.port}/slow.png"
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(call, open_url, "score_image", image=address) for _ in range(8)]
        time.sleep(0.5)
        began_s = time.monotonic()
        with urllib.request.urlopen(f"{open_url}/gradio_api/info", timeout=20) as said:
            assert said.status == 200
        assert call(open_url, "model_info")[0] == "complete"
        assert time.monotonic() - began_s < 2
        assert all("it took longer than 3 s" in task.result()[1] for task in slow)


def test_many_addresses_share_one_time(open_url: str, server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popscore.ui.kit.sent_files.ALL_S", 0.5)
    server.answers["/slow.png"] = dripping(b"HTTP/1.1 200 OK\r\n\r\n")
    address = f"http://photos.example:{server.port}/slow.png"
    began_s = time.monotonic()
    name, _ = call(open_url, "rank_images", files=[address] * 40)
    assert name == "error" and time.monotonic() - began_s < 5


# --- switched off ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_addresses_can_be_switched_off(tmp_path: Path, cat: Path, server: WebServer) -> None:
    server.asked.clear()
    with running_app(tmp_path, Settings(fetch_addresses=False)) as url:
        for way in WAYS:
            name, data = call(url, "score_image", image=way("https://example.com/a.png"))
            assert name == "error" and "This server takes no addresses of the web. Upload the photo." in data
        assert "Upload the video." in call(url, "rank_video", video="https://example.com/a.mp4")[1]
        assert "Upload the photo." in tool(url, "rank_images", files=["https://example.com/a.png"])[1]
        client = Client(url, verbose=False)
        assert client.predict(image=handle_file(str(cat)), api_name="/score_image")["score"]
        assert call(url, "score_image", image=as_data(cat.read_bytes()))[0] == "complete"
