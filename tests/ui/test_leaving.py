"""A visitor who leaves takes the work along: nothing is scored for nobody."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from running_app import running_app

from popscore.scoring.scorer import Content
from popscore.workers.readers import IsolatedScorer


def post(address: str, body: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


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
            events = json.load(answer)["dependencies"]
        (event,) = [one for one in events if one["api_name"] == "show_ranking"]
        asked = {"photos": uploaded(tmp_path, 150), "run": 1}
        join = {"data": [], "fn_index": event["id"], "session_hash": "leaves", "event_data": asked}
        post(f"{url}/gradio_api/queue/join", {**join, "trigger_id": event["targets"][0][0]})
        with urllib.request.urlopen(f"{url}/gradio_api/queue/data?session_hash=leaves", timeout=20) as stream:
            assert any(b"process_generating" in line for line in stream)
        time.sleep(3)
        left = len(scored)
        assert left < 130
        time.sleep(1)
        assert len(scored) == left
