"""Where the embedded model stands in for one of the Hub, the Hub is asked again, and nobody waits for it."""

import threading
import time
from pathlib import Path

import pytest
from onnx_files import tiny

from popscore.errors import ModelUnavailable
from popscore.models import loader
from popscore.models.hub.download import HubFile
from popscore.models.loader import load_model
from popscore.settings import Settings

SETTINGS = Settings(model_repo="jane/model")


class Hub:
    """Stands for the download, which is tested against a server elsewhere."""

    def __init__(self, file: Path) -> None:
        self.file, self.asked, self.there, self.wait_s = file, 0, False, 0.0
        self.answering = threading.Event()
        self.answering.set()

    def fetch(self, _repo: str, _file: str, _revision: str, *, wait_s: float) -> HubFile:
        self.asked, self.wait_s = self.asked + 1, wait_s
        self.answering.wait(10)
        if not self.there:
            raise ModelUnavailable("The model could not be had: the Hub cannot be reached.")
        return HubFile(self.file, commit="0" * 40)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    (tmp_path / "model.onnx").write_bytes(tiny())
    hub = Hub(tmp_path / "model.onnx")
    monkeypatch.setattr(loader, "_loaded", {})
    monkeypatch.setattr(loader.download, "fetch", hub.fetch)
    monkeypatch.setattr(loader, "RETRY_AFTER_S", 0.1)
    return hub


def wait_for(condition: object) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_the_hub_is_asked_again_and_its_model_takes_over(hub: Hub) -> None:
    first = load_model(SETTINGS).info
    assert (
        first.source == "embedded" and first.notice and first.notice.endswith("Until then the embedded model answers.")
    )
    hub.there = True
    hub.answering.clear()
    time.sleep(0.15)
    assert load_model(SETTINGS).info.source == "embedded"  # asked now, in the background
    hub.answering.set()
    wait_for(lambda: load_model(SETTINGS).info.source == "hub")
    assert load_model(SETTINGS).info.notice is None
    asked = hub.asked
    time.sleep(0.25)
    load_model(SETTINGS)
    assert hub.asked == asked == 2 and hub.wait_s == loader.download.END_S


def test_nobody_waits_while_the_hub_is_asked_again(hub: Hub) -> None:
    load_model(SETTINGS)
    hub.answering.clear()
    time.sleep(0.15)
    start_s = time.monotonic()
    for _ in range(100):
        assert load_model(SETTINGS).info.source == "embedded"
    assert time.monotonic() - start_s < 1
    assert hub.asked == 2  # one try at a time
    hub.answering.set()


def test_before_that_time_it_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "RETRY_AFTER_S", 60)
    for _ in range(10):
        load_model(SETTINGS)
    assert hub.asked == 1


def test_limits_do_not_decide_which_model_it_is(hub: Hub) -> None:
    hub.there = True
    models = {id(load_model(Settings(model_repo="jane/model", max_files=count))) for count in (1, 2, 3)}
    assert len(models) == 1 and hub.asked == 1
