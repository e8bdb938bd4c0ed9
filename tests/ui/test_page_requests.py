"""The functions of a page get what queued work has: places, limits, and an end when the visitor leaves."""

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import numpy as np
import pytest
from gradio_client import Client, handle_file
from own_loop import run_async
from PIL import Image
from running_app import running_app

import popscore
from popscore.models.spec import Json
from popscore.ui.kit import page_functions
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.page_functions import page_function
from popscore.ui.page_requests import MAX_BODY_BYTES
from popscore.workers import readers
from popscore.workers.worker import Worker


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def url(uploads: Path) -> Iterator[str]:
    with running_app(uploads) as address:
        yield address


def component(url: str, name: str) -> int:
    with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
        parts = json.load(answer)["components"]
    (found,) = [part["id"] for part in parts if part["props"].get("elem_id") == name]
    return int(found)


def asked(url: str, tab: str, function: str, *arguments: Any) -> http.client.HTTPConnection:
    """A request for a function of a page whose answer was not read yet."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    body = {"component_id": component(url, tab), "fn_name": function, "data": arguments, "session_hash": "someone"}
    connection.request("POST", "/gradio_api/component_server", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def answer_of(connection: http.client.HTTPConnection) -> Any:
    return json.load(connection.getresponse())


def upload(folder: Path, source: Path) -> str:
    path = folder / f"{source.stat().st_size:040x}" / source.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(source.read_bytes())
    return str(path)


def test_functions_answer_over_http(url: str, uploads: Path, clip: Path, cat: Path) -> None:
    assert answer_of(asked(url, "video", "frame", upload(uploads, clip), 3))["image"].startswith("data:image/webp")
    assert answer_of(asked(url, "rank", "preview", upload(uploads, cat), 360))["image"].startswith("data:image/webp")
    assert "Reload" in answer_of(asked(url, "rank", "preview"))["message"]


def test_a_single_frame_is_saved_in_full_size(url: str, uploads: Path, clip: Path, tmp_path: Path) -> None:
    video = upload(uploads, clip)
    answer = answer_of(asked(url, "video", "save_frame", video, "My holiday.mp4", 7))
    (number, expected), *_ = popscore.frame_images(clip, [7])
    assert (number, answer["name"]) == (7, "My holiday_0m00.233s.jpg")
    with Image.open(answer["file"]) as image:
        assert (image.format, image.size) == ("JPEG", expected.size)
        assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 3
    for index in (-1, 9_999_999):
        assert (
            "has no picture at this place"
            in answer_of(asked(url, "video", "save_frame", video, "a.mp4", index))["message"]
        )
    assert "is no frame" in answer_of(asked(url, "video", "save_frame", video, "a.mp4", "7"))["message"]
    foreign = tmp_path / "foreign.mp4"
    foreign.write_bytes(clip.read_bytes())
    assert "not an uploaded" in answer_of(asked(url, "video", "save_frame", str(foreign), "a.mp4", 7))["message"]
    named = answer_of(asked(url, "video", "save_frame", video, "../../x/..%2f<b>.mp4", 7))
    assert Path(named["file"]).resolve().is_relative_to(uploads.resolve())


def test_a_request_that_is_too_large_is_refused(url: str) -> None:
    response = asked(url, "rank", "preview", "x" * (MAX_BODY_BYTES + 10), 1).getresponse()
    assert response.status == 413


def test_work_ends_when_the_visitor_leaves(
    url: str, uploads: Path, clip: Path, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, ended = threading.Event(), threading.Event()

    def hangs(worker: Worker, *_: Any, cancelled: Any, **__: Any) -> Any:
        started.set()
        deadline = time.monotonic() + 20
        while not cancelled() and time.monotonic() < deadline:
            time.sleep(0.05)
        if cancelled():
            ended.set()
        raise readers.NobodyWaits

    monkeypatch.setattr(Worker, "do", hangs)
    connection = asked(url, "video", "frame", upload(uploads, clip), 3)
    assert started.wait(10)
    assert not ended.is_set()
    connection.close()
    assert ended.wait(5)


@pytest.mark.slow
def test_sixty_frames_at_once_do_not_stop_a_score(url: str, uploads: Path, clip: Path, cat: Path) -> None:
    client = Client(url, verbose=False)
    client.predict(image=handle_file(str(cat)), api_name="/score_image")
    video = upload(uploads, clip)
    connections = [asked(url, "video", "frame", video, index) for index in range(60)]
    began = time.monotonic()
    assert client.predict(image=handle_file(str(cat)), api_name="/score_image")["score"]
    assert time.monotonic() - began < 15
    for connection in connections[10:]:
        connection.close()
    assert all("image" in answer_of(connection) for connection in connections[:10])
    client.close()


def test_so_many_are_answered_at_one_time_and_so_many_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_functions, "_MOST_WAITING", 3)
    at_once, most = 0, 0
    lock = threading.Lock()

    def answer(number: int) -> Json:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.3)
        with lock:
            at_once -= 1
        return {"number": number}

    function = page_function("slow", answer, at_once=2)
    answers: list[Json] = []

    async def ask(number: int) -> None:
        answers.append(await function([number]))

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(ask, number)

    run_async(all_at_once)
    assert most == 2
    assert sum("number" in one for one in answers) == 5
    assert sum("too much to do" in one.get("message", "") for one in answers) == 3


def test_outside_of_a_request_nobody_has_left() -> None:
    assert current_asker().session is None
    assert not current_asker().gone()
