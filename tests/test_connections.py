"""Only what was asked for is connected to: everything else is refused here and written down, and nothing is."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from running_app import ROOT, app_process

# Python imports it when it starts, in the app, in its workers and in commands. It sees every connection that Python
# code makes, whatever library makes it.
WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = arguments[:2]
    elif event == "socket.sendto":
        address = arguments[1]
    else:
        return
    host = address[0] if isinstance(address, tuple) else address
    text = host.decode() if isinstance(host, bytes) else str(host)
    here = text in ("", "None", "localhost", "::1") or text.startswith(("127.", "/")) or text == os.uname().nodename
    with open(os.environ["WATCHED"], "a") as file:
        file.write(f"{'here' if here else 'AWAY'} {event} {address!r} {os.getpid()}\\n")
    if not here:
        raise PermissionError(f"not asked for: {address!r}")

sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which connections are watched."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "watched").touch()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(tmp_path),
        "WATCHED": str(tmp_path / "watched"),
        "GRADIO_TEMP_DIR": str(tmp_path / "uploads"),
        "POPSCORE_CACHE_DIR": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hub"),
    }


def connections(environment: dict[str, str]) -> list[str]:
    return Path(environment["WATCHED"]).read_text().splitlines()


def away(environment: dict[str, str]) -> list[str]:
    return [line for line in connections(environment) if line.startswith("AWAY")]


def run(environment: dict[str, str], *arguments: str) -> Any:
    import subprocess

    command = [sys.executable, "-m", "popscore", *arguments, "--json"]
    return json.loads(subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True).stdout)


def test_the_watch_sees_and_refuses(watched: dict[str, str]) -> None:
    import subprocess

    code = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"
    failed = subprocess.run([sys.executable, "-c", code], env=watched, capture_output=True, text=True)
    assert "not asked for" in failed.stderr
    assert len(away(watched)) >= 1


def test_the_command_line_connects_to_nothing(watched: dict[str, str], cat: Path, clip: Path) -> None:
    assert run(watched, "score", str(cat))["results"]
    assert run(watched, "rank", str(cat.parent / "coffee.png"), str(cat))["results"]
    assert run(watched, "frames", str(clip), "--every", "50")["results"]
    assert run(watched, "model")["source"] == "embedded"
    assert connections(watched) == []


@pytest.mark.slow
def test_the_app_connects_to_nothing(watched: dict[str, str], cat: Path, clip: Path) -> None:
    with app_process(watched) as url:
        client = Client(url, verbose=False)
        assert client.predict(image=handle_file(str(cat)), api_name="/score_image")["score"]
        assert client.predict([handle_file(str(cat))] * 2, 0, True, api_name="/rank_images")["results"]
        video = handle_file(str(clip))
        assert client.predict(video, 50, False, 2, api_name="/rank_video")["results"]
        client.close()
    assert away(watched) == []


def test_a_named_hub_is_all_that_is_connected_to(watched: dict[str, str], hub: Any, cat: Path) -> None:
    environment = {**watched, "HF_ENDPOINT": hub.url, "POPSCORE_MODEL_REPO": "someone/model"}
    run(environment, "score", str(cat))
    port = hub.url.rpartition(":")[2]
    connected = [line for line in connections(watched) if "socket.connect" in line]
    assert connected
    assert all(port in line for line in connected)
    assert away(watched) == []


@pytest.mark.slow
def test_an_address_is_fetched_only_if_a_client_gives_one(watched: dict[str, str]) -> None:
    with app_process(watched) as url:
        client = Client(url, verbose=False)
        with pytest.raises(Exception, match="fetched"):
            client.predict("https://photos.example.com/a.jpg", api_name="/score_image")
        client.close()
    assert {line.split(" ", 2)[2].rpartition(" ")[0] for line in away(watched)} == {"('photos.example.com', 443)"}
