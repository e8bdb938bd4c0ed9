"""A visitor who leaves takes the work along: nothing is scored for nobody."""

import http.client
import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from running_app import running_app

from popscore.scoring.scorer import Content
from popscore.workers.readers import IsolatedScorer


def uploaded(folder: Path, count: int) -> list[dict[str, str]]:
    sent = []
    for index in range(count):
        path = folder / f"{index:040x}" / f"{index}.jpg"
        path.parent.mkdir()
        Image.new("RGB", (60, 40), (index, 90, 200 - index)).save(path)
        sent.append({"id": str(path), "name": path.name})
    return sent


def test_the_scoring_ends_when_the_page_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_full_speed, scored = IsolatedScorer.content, []

    def slowly(scorer: IsolatedScorer, *photo: Any) -> Content:
        time.sleep(0.1)
        scored.append(photo)
        return at_full_speed(scorer, *photo)

    monkeypatch.setattr(IsolatedScorer, "content", slowly)
    with running_app(tmp_path) as url:
        with urllib.request.urlopen(f"{url}/config", timeout=5) as answer:
            parts = json.load(answer)["components"]
        (page,) = [part["id"] for part in parts if part["props"].get("elem_id") == "rank"]
        asked = {"component_id": page, "fn_name": "order", "data": [uploaded(tmp_path, 150), 10, False, False, None]}
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        kind = {"Content-Type": "application/json"}
        connection.request(
            "POST", "/gradio_api/component_server", json.dumps({**asked, "session_hash": "leaves"}), kind
        )
        until = time.monotonic() + 30
        while not scored and time.monotonic() < until:
            time.sleep(0.05)
        assert scored
        connection.close()
        left = -1
        while left != len(scored) < 130:
            left = len(scored)
            time.sleep(2)
        assert left < 130
