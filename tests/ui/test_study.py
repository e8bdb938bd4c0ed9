"""The study from outside: its endpoints over HTTP, what its page asks, what goes wrong with its files."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from running_app import running_app
from studies import make_study, write_pairs

from popscore.settings import Settings
from popscore.study import read_answers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    make_study(folder, 12, side=96)
    Image.new("RGB", (2000, 1500), (200, 0, 0)).save(folder / "w0.png")
    image = Image.open(folder / "w1.png")
    exif = image.getexif()
    exif[0x010E] = "the winner"
    exif[0x0112] = 6
    image.resize((900, 300)).save(folder / "w1.png", exif=exif)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_app(tmp_path_factory.mktemp("uploads"), Settings(study_pairs=folder / "pairs.csv")) as address:
        yield address


@pytest.fixture
def client(url: str) -> Client:
    return Client(url, verbose=False)


def page(url: str, name: str, *sent: Any) -> Any:
    """What the script of the page gets from one of its functions."""
    with urllib.request.urlopen(f"{url}/config", timeout=10) as answer:
        config = json.load(answer)
    component = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "study")
    body = {
        "data": sent[0] if len(sent) == 1 else list(sent),
        "component_id": component,
        "fn_name": name,
        "session_hash": "x",
    }
    request = urllib.request.Request(
        f"{url}/gradio_api/component_server", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def side_of_winner(*pictures: str) -> str:
    left, right = (float(np.asarray(Image.open(path))[:, :, 0].mean()) for path in pictures)
    return "left" if left > right else "right"


# --- endpoints -----------------------------------------------------------------------------------------


def test_a_session_through_the_endpoints(client: Client, folder: Path) -> None:
    session, lefts = "", 0
    while True:
        left, right, said = client.predict(session=session, api_name="/study_next")
        if said["done"]:
            assert (left, right, said["answered"], said["total"]) == (None, None, 12, 12)
            break
        session = said["session"]
        assert (said["liked_more"], said["chosen"], said["training"]) == (None, None, said["place"] < 6)
        chosen = side_of_winner(left, right)
        if said["place"] in (7, 10):
            chosen = "left" if chosen == "right" else "right"
        lefts += chosen == "left"
        kept = client.predict(session=session, place=said["place"], chosen=chosen, api_name="/study_answer")
        assert kept["liked_more"] == (chosen if said["place"] < 6 else None)
        assert (kept["chosen"], kept["answered"]) == (chosen, said["place"] + 1)
    summary = client.predict(session=session, api_name="/study_summary")
    assert (summary["right"], summary["pairs"], summary["accuracy"]) == (4, 6, 0.6667)
    assert summary["training"] == {"right": 6, "pairs": 6} and summary["left_out"] == 0
    assert summary["model"]["kind"] == "appeal" and summary["model"]["pairs"] == 6
    assert [(one["accuracy"], one["source"]) for one in summary["people"]] == [
        (0.666, "Ding, Ma & Wang 2019"),
        (0.724, "Ding, Ma & Wang 2019"),
    ]
    assert client.predict(session=session, api_name="/study_summary")["right"] == 4
    for call in (
        lambda: client.predict(session=session, api_name="/study_next"),
        lambda: client.predict(session=session, place=9, chosen="left", api_name="/study_answer"),
    ):
        with pytest.raises(AppError, match="This session has ended"):
            call()
    assert sum(not one.training for one in read_answers(folder / "pairs.answers.sqlite")) == 6


def test_what_makes_no_sense_is_refused(client: Client) -> None:
    session = client.predict(session="", api_name="/study_next")[2]["session"]
    for sent, words in (
        ({"session": "nobody", "place": 0, "chosen": "left"}, "not known here"),
        ({"session": "", "place": 0, "chosen": "left"}, "not known here"),
        ({"session": session, "place": 1, "chosen": "left"}, "was not asked"),
        ({"session": session, "place": -1, "chosen": "left"}, "minimum|was not asked"),
        ({"session": session, "place": 0, "chosen": "both"}, "neither left nor right"),
    ):
        with pytest.raises(AppError, match=words):
            client.predict(**sent, api_name="/study_answer")
    with pytest.raises(AppError, match="not known here"):
        client.predict(session="../../etc", api_name="/study_next")


@pytest.mark.slow
def test_pictures_are_small_upright_and_say_nothing(client: Client, folder: Path) -> None:
    seen = 0
    session = ""
    for _ in range(12):
        left, right, said = client.predict(session=session, api_name="/study_next")
        session = said["session"]
        for path in (left, right):
            picture = Image.open(path)
            assert picture.format == "WEBP" and max(picture.size) <= 1080 and not picture.getexif()
            assert Path(path).stem in ("left", "right")
            content = Path(path).read_bytes()
            assert b"the winner" not in content and not re.search(rb"[wl]\d+\.png", content)
            seen += picture.size in ((300, 900), (1080, 810))
        assert not re.search(r"[wl]\d+\.png", json.dumps(said)) and str(folder) not in json.dumps(said)
        client.predict(session=session, place=said["place"], chosen="left", api_name="/study_answer")
    assert seen == 2


def test_originals_are_not_served(url: str, folder: Path) -> None:
    for path in (folder / "w0.png", folder / "pairs.csv", folder / "pairs.answers.sqlite"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/gradio_api/file={path}", timeout=10)


def test_every_component_of_the_study_has_a_label(url: str) -> None:
    with urllib.request.urlopen(f"{url}/config", timeout=10) as answer:
        config = json.load(answer)
    layout_only = {"row", "column", "tabs", "tabitem", "form", "api", "button", "html"}
    assert not [c for c in config["components"] if c["type"] not in layout_only and not c["props"].get("label")]
    with urllib.request.urlopen(f"{url}/gradio_api/info", timeout=10) as answer:
        endpoints = json.load(answer)["named_endpoints"]
    assert {name for name in endpoints if "study" in name} == {"/study_next", "/study_answer", "/study_summary"}


# --- what the page asks --------------------------------------------------------------------------------


def test_the_page_asks_and_answers(url: str) -> None:
    assert page(url, "about") == {"training": 6, "pairs": 6, "minutes": 30}
    state = page(url, "begin")
    session = state["session"]
    pair = page(url, "pair", {"session": session, "place": 0})
    assert pair["left"].startswith("data:image/webp;base64,") and pair["liked_more"] is None
    assert page(url, "answer", {"session": session, "place": 0, "side": "left", "seconds": 1.5})["liked_more"]
    assert page(url, "pair", {"session": session, "place": 2})["refused"]
    assert page(url, "answer", {"session": "x", "place": 0, "side": "left"})["unknown"]
    assert page(url, "state", {"session": session})["answered"] == 1
    outcome = page(url, "finish", {"session": session})
    assert outcome["pairs"] == 0 and outcome["accuracy"] is None and outcome["training"]["pairs"] == 1
    assert page(url, "pair", {"session": session, "place": 1})["ended"]
    assert page(url, "model", {"session": session})["accuracy"] is None


@pytest.mark.parametrize(
    "sent",
    [
        {}, {"session": None}, {"session": 7, "place": 0}, {"session": "x", "place": "0"}, {"session": "x"}, "text",
        {"session": "x", "place": True}, {"session": "x", "place": 1e300, "side": "left"}, ["x", 0], [], None, 5,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["pair", "answer", "state", "finish", "model"])
def test_the_page_sends_nonsense(url: str, name: str, sent: Any) -> None:
    answer = page(url, name, sent)
    assert set(answer) <= {"message", "unknown", "refused"} and "message" in answer


def test_answers_with_odd_seconds(url: str, folder: Path) -> None:
    session = page(url, "begin")["session"]
    for place, seconds in enumerate([-1, 10**400, "long", None, {}, True, 1e308]):
        page(url, "pair", {"session": session, "place": place})
        sent = {"session": session, "place": place, "side": "right", "seconds": seconds}
        assert page(url, "answer", sent)["chosen"] == "right"
    number = max(one.session for one in read_answers(folder / "pairs.answers.sqlite"))
    seconds = [one.seconds for one in read_answers(folder / "pairs.answers.sqlite") if one.session == number]
    assert len(seconds) == 7 and all(one is not None and 0 <= one < 60 for one in seconds)


# --- files that go wrong -------------------------------------------------------------------------------


@pytest.mark.slow
def test_pictures_that_vanish_or_break_are_left_out_and_the_session_goes_on(tmp_path: Path) -> None:
    table = make_study(tmp_path / "study", 14)
    with running_app(tmp_path / "uploads", Settings(study_pairs=table)) as url:
        client = Client(url, verbose=False)
        session = client.predict(session="", api_name="/study_next")[2]["session"]
        for number in range(6):
            (tmp_path / "study" / f"w{number}.png").unlink()
        (tmp_path / "study" / "l6.png").write_bytes(b"no photo at all")
        (tmp_path / "study" / "l7.png").write_bytes((tmp_path / "study" / "w7.png").read_bytes()[:60])
        while True:
            left, right, said = client.predict(session=session, api_name="/study_next")
            if said["done"]:
                break
            assert left and right
            client.predict(session=session, place=said["place"], chosen="left", api_name="/study_answer")
        assert 6 <= said["total"] == said["answered"] <= 7
        assert client.predict(session=session, api_name="/study_summary")["left_out"] in (7, 8)


def test_an_empty_table_is_said_and_mended_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popscore.ui.kit.study_door._TRY_AGAIN_S", 0.0)
    table = tmp_path / "pairs.csv"
    table.touch()
    with running_app(tmp_path / "uploads", Settings(study_pairs=table)) as url:
        assert page(url, "about") == {"message": "pairs.csv is empty. The first line must name the columns."}
        assert page(url, "begin")["message"].startswith("pairs.csv is empty")
        with pytest.raises(AppError, match=r"pairs\.csv is empty"):
            Client(url, verbose=False).predict(session="", api_name="/study_next")
        write_pairs(table, [("w0.png", "gone.png")])
        assert "None of the 1 pairs" in page(url, "about")["message"]
        make_study(tmp_path, 3)
        assert page(url, "about") == {"training": 1, "pairs": 2, "minutes": 30}
