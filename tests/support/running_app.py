"""The app on a free port of this machine, in this process or as `python app.py`."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from popscore.settings import Settings
from popscore.ui import build_demo, launch_options
from popscore.ui.kit.own_folder import OwnFolder

ROOT = Path(__file__).parents[2]


@contextmanager
def running_app(uploads: Path, settings: Settings | None = None) -> Iterator[str]:
    """The address of an app in this process, which keeps what visitors send in `uploads`."""
    settings = settings or Settings()
    with patch.dict(os.environ):
        demo = build_demo(settings, OwnFolder(uploads))
        _, url, _ = demo.launch(
            **launch_options(settings), prevent_thread_lock=True, quiet=True, server_port=free_port()
        )
        try:
            yield url.rstrip("/")
        finally:
            demo.close()


@contextmanager
def app_process(environment: dict[str, str], *command: str, wait_s: float = 180) -> Iterator[str]:
    """The address of an app that is a process of its own, as soon as its page answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, *(command or ("app.py",))],
        cwd=ROOT,
        env={**environment, "GRADIO_SERVER_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert process.poll() is None, process.stdout and process.stdout.read()
                assert time.monotonic() < deadline, "the page did not come up"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
