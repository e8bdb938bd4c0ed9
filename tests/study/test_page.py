"""docs/study.md keeps its promise: each of its commands runs, in its order, on a small study."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from commands import ROOT, environment
from gradio_client import Client
from pages import DocumentationPage, add_python, execute, type_in
from running_app import free_port
from studies import make_study

PAGE = DocumentationPage.read("docs", "study.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout as the page takes it: a table of pairs and a folder with their photos."""
    make_study(tmp_path / "photos", 6).rename(tmp_path / "pairs.csv")
    add_python(tmp_path)
    return tmp_path


def wait_for(url: str, app: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=2)
        except OSError:
            assert app.poll() is None
            time.sleep(0.1)
        else:
            return
    pytest.fail("the app did not come up")


@pytest.mark.slow
def test_the_commands_run_in_their_order(folder: Path) -> None:
    choose, ask, count, again = PAGE.commands()
    (client_code,) = PAGE.snippets("python")
    type_in(folder, choose)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = environment(folder, GRADIO_SERVER_PORT=str(port), GRADIO_TEMP_DIR=folder / "uploads")
    app = subprocess.Popen(["sh", "-c", ask], cwd=folder, env=variables, start_new_session=True)
    try:
        wait_for(url, app)
        said = execute(folder, sys.executable, "-c", client_code.replace("http://127.0.0.1:7860", url))
        assert re.fullmatch(r"(left|right)\n0\n", said)
        client, session = Client(url, verbose=False), ""
        for _ in range(6):
            _, _, pair = client.predict(session=session, api_name="/study_next")
            session = pair["session"]
            client.predict(session=session, place=pair["place"], chosen="left", api_name="/study_answer")
        counted = type_in(folder, count)
    finally:
        os.killpg(app.pid, signal.SIGTERM)
        app.wait(timeout=20)
    assert counted.startswith("3 answers of 1 people to 3 pairs; 4 answers to training pairs are left out\n")
    assert "model, all pairs" in counted
    assert len((folder / "answers.csv").read_text().splitlines()) == 8
    assert '"majority": "' in type_in(folder, again)


def test_every_option_and_setting_is_on_the_page() -> None:
    text = (ROOT / "popscore" / "cli" / "study.py").read_text(encoding="utf-8")
    options = {*re.findall(r'"(--[a-z-]+)"', text), "--json"}
    assert {option for option in options if option not in PAGE} == set()
    settings = (ROOT / "popscore" / "settings.py").read_text(encoding="utf-8")
    assert {name for name in re.findall(r"POPSCORE_STUDY\w*", settings) if name not in PAGE} == set()
