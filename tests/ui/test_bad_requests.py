"""No request makes the server fail, and none is read that is too large."""

import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_requests import KINDS, Request, send, send_raw
from own_loop import run_async
from running_app import running_app

from popscore.settings import Settings
from popscore.ui.bad_requests import RefuseBadRequests

Message = dict[str, Any]
MB = 1_000_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings(max_image_bytes=MB)) as address:
        yield address


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_request_is_no_error_of_the_server(url: str, kind: str) -> None:
    status, _ = send(url, KINDS[kind])
    assert status < 500


def test_what_is_not_understood_is_said_and_where_to_look(url: str) -> None:
    status, body = send(url, KINDS["call without its argument"])
    assert status == 400
    assert "/gradio_api/openapi.json" in json.loads(body)["detail"]


@pytest.mark.parametrize("kind", ["result of nothing", "events of nobody"])
def test_a_stream_of_events_of_nobody_ends_as_a_stream_should(url: str, kind: str) -> None:
    status, body = send(url, KINDS[kind])  # raises IncompleteRead where the connection was cut
    assert status == 200
    assert b"404: Not Found" in body


@pytest.mark.parametrize(
    ("path", "megabytes", "expected"),
    [
        ("cancel", 1.9, 422),
        ("cancel", 2.1, 413),
        ("component_server", 2.1, 413),
        ("queue/join", 3.3, 422),
        ("queue/join", 3.5, 413),
        ("call/v2/score_image", 3.5, 413),
        ("call/score_image", 3.5, 413),
        ("mcp/", 3.5, 413),
    ],
)
def test_a_body_that_is_too_large_is_refused(url: str, path: str, megabytes: float, expected: int) -> None:
    body = b'{"x":"' + b"a" * int(megabytes * MB) + b'"}'
    assert send(url, Request("POST", f"/gradio_api/{path}", body))[0] == expected


def test_a_large_body_of_unknown_length_is_cut_off(url: str) -> None:
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    head = (
        b"POST /gradio_api/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    assert send_raw(url, head + chunk * 40).startswith(b"HTTP/1.1 413 ")


# --- the middleware by itself ---------------------------------------------------------------------------


def answered(
    app: Callable[[Message, Any, Any], Awaitable[None]], path: str = "/gradio_api/cancel", **scope: Any
) -> list[Message]:
    """What the middleware sends for an app, with an empty body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        sent.append(message)

    whole = {"type": "http", "method": "POST", "path": path, "headers": [], **scope}
    run_async(RefuseBadRequests(app), whole, receive, keep)  # type: ignore[arg-type]
    return sent


def raising(error: Exception, *before: Message) -> Callable[[Message, Any, Any], Awaitable[None]]:
    async def app(_scope: Message, _receive: Any, send: Any) -> None:
        for message in before:
            await send(message)
        raise error

    return app


START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
PLAIN = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]}


@pytest.mark.parametrize("error", [KeyError("x"), TypeError(), ValueError(), AttributeError(), RecursionError()])
def test_an_error_of_shape_is_400(error: Exception) -> None:
    assert answered(raising(error))[0]["status"] == 400


@pytest.mark.parametrize("error", [OSError("disk"), MemoryError(), RuntimeError()])
def test_an_error_of_the_server_stays_one(error: Exception) -> None:
    with pytest.raises(type(error)):
        answered(raising(error))


def test_only_a_stream_of_events_is_ended_when_it_breaks_off() -> None:
    assert answered(raising(RuntimeError(), START))[-1] == {"type": "http.response.body", "body": b""}
    with pytest.raises(RuntimeError):
        answered(raising(RuntimeError(), PLAIN))


def test_an_answer_that_has_ended_is_left_as_it_is() -> None:
    body = {"type": "http.response.body", "body": b"x"}
    assert answered(raising(KeyError(), PLAIN, body)) == [PLAIN, body]


def test_the_answer_to_head_has_no_body() -> None:
    assert answered(raising(KeyError()), method="HEAD")[1]["body"] == b""


# --- by machine -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("schemathesis") is None,
    reason="schemathesis is not on the PATH: pip install -r tests/requirements-trust.txt",
)
def test_schemathesis_finds_no_error_of_the_server(url: str, tmp_path: Path) -> None:
    """Its requests are made from the app's own description, right ones and wrong ones.

    Gradio keeps the stream of a result open that is asked for a second time, so such requests last until their time.
    """
    command = ["schemathesis", "run", f"{url}/gradio_api/openapi.json", "--url", url, "--checks", "not_a_server_error"]
    options = ["--phases", "coverage,fuzzing", "--max-examples", "30", "--request-timeout", "5", "--seed", "1"]
    done = subprocess.run(
        [*command, *options, "--continue-on-failure", "--no-color"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Tested: 9" in done.stdout
