"""The memory bank of a page: sent by a page that sends what it likes, opened with care, and gone with the visit."""

import shutil
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from bank_posts import ROWS, write_posts, zip_with

import popscore
from popscore.errors import BankRefused, PopscoreError
from popscore.personal.bank import MemoryBank
from popscore.ui.kit import banks as banks_module
from popscore.ui.kit.asked_photo import example_id
from popscore.ui.kit.asker import Asker, set_asker
from popscore.ui.kit.banks import Banks
from popscore.ui.kit.looks import Looks
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_scores import OwnScores
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.seen_pictures import SeenPictures
from popscore.ui.kit.tastes import Tastes
from popscore.ui.kit.visits import KEEP_AFTER_VISIT_S, Visits
from popscore.ui.tabs.rank import Gallery
from popscore.ui.tabs.video import Moments

Sent = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class App:
    """The parts of an app that know of banks."""

    banks: Banks
    pictures: SeenPictures
    own_scores: OwnScores
    looks: Looks
    gallery: Gallery


@pytest.fixture
def app(door: ModelDoor, visits: Visits) -> App:
    banks, pictures = Banks(door, visits), SeenPictures(door, visits)
    tastes = Tastes(door, visits, banks, pictures)
    return App(
        banks=banks,
        pictures=pictures,
        own_scores=OwnScores(door, visits, banks, pictures),
        looks=Looks(door, visits, banks),
        gallery=Gallery(door, visits, RememberedScores(), tastes),
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """A bank of four posts with small pictures; the last one stands alone in its month."""
    folder = tmp_path_factory.mktemp("posts")
    rows = [*ROWS[:3], ("p4", "rocket.jpg", "2024-06-15T10:00:00Z", "70", "launch day")]
    posts = write_posts(folder, photos, rows)
    bank = MemoryBank.from_posts(posts, images=folder / "photos", scorer=popscore.load_scorer(), previews=True)
    bank.save(folder / "me.bank")
    return folder / "me.bank"


@pytest.fixture
def sent(visits: Visits) -> Sent:
    def sent(path: Path) -> dict[str, Any]:
        copy = Path(shutil.copy(path, visits.folder.location))
        return {"id": str(copy), "name": path.name}

    return sent


# --- what it says ------------------------------------------------------------------------------------


def test_the_score_tab_says_what_the_bank_says(app: App, sent: Sent, file: Path, cat: Path) -> None:
    bank = sent(file)
    assert app.banks.take_bank(bank) == {"words": "4 posts", "posts": 4, "choices": 0}
    own = app.own_scores.own_score({"photo": sent(cat), "bank": bank["id"]})["own"]
    expected = popscore.rank_images([cat], bank=MemoryBank.open(file)).results[0]
    assert expected.personal is not None
    assert own["score"] == pytest.approx(expected.personal.score, abs=1e-3)
    assert own["support"] == pytest.approx(expected.personal.support, abs=1e-3)
    assert own["label"] == expected.label
    assert own["lead"] == "For people who follow you"
    ids = [one["id"] for one in own["neighbours"]]
    assert ids == [one.id for one in expected.personal.neighbours[:3]]
    pictures = app.banks.neighbours({"bank": bank["id"], "ids": [*ids, "nobody"]})["pictures"]
    assert all(picture.startswith("data:image/webp;base64,") for picture in pictures[:3])
    assert pictures[3] is None


def test_an_example_and_every_tab_go_by_the_same_score(app: App, sent: Sent, file: Path, cat: Path) -> None:
    bank = sent(file)["id"]
    photo = sent(cat)
    own = app.own_scores.own_score({"photo": photo, "bank": bank})["own"]
    order = app.gallery.order([photo], 10, False, False, {"choices": [], "bank": bank})
    assert order["personal"] == [own]
    assert app.gallery.order([photo], 10, False, False, None)["personal"] == [None]
    example = app.own_scores.own_score({"photo": {"id": example_id("rocket.jpg"), "name": "x"}, "bank": bank})["own"]
    assert example["score"] != own["score"]


def test_crops_are_scored_by_the_bank_where_one_is_sent(app: App, sent: Sent, file: Path, cat: Path) -> None:
    photo, bank = sent(cat), sent(file)["id"]
    plain, own = app.looks.crops(photo), app.looks.crops({**photo, "bank": bank})
    assert plain["personal_score_before"] is None
    assert "personal_score" not in plain["crops"][0]
    expected = popscore.best_crops(cat, bank=MemoryBank.open(file)).results
    assert own["personal_score_before"] == pytest.approx(expected[0].personal_before, abs=1e-3)
    assert [one["personal_score"] for one in own["crops"]] == pytest.approx(
        [one.personal_score for one in expected], abs=1e-3
    )
    whole = app.looks.crop_score({**photo, "bank": bank}, [0, 0, 1, 1])["result"]
    assert whole["personal_score"] == pytest.approx(own["personal_score_before"], abs=1e-3)
    assert "personal_score" not in app.looks.crop_score(photo, [0, 0, 1, 1])["result"]


@pytest.mark.slow
def test_frames_are_ordered_by_the_bank(door: ModelDoor, visits: Visits, sent: Sent, file: Path, clip: Path) -> None:
    moments, video, bank = Moments(door, visits, Banks(door, visits)), sent(clip), sent(file)["id"]

    def last(**more: object) -> str:
        event = SimpleNamespace(video=video, every=60, fast=False, run=1, **more)
        return list(moments.show_best_frames(event))[-1]  # type: ignore[arg-type]

    own, plain = last(bank=bank), last(bank="")
    assert '"own":{"score":' in own
    assert "People who follow you" in own or "Your posts" in own
    assert '"own"' not in plain
    assert "not on the server any more" in last(bank=str(visits.folder.location / "gone.bank"))


# --- words -----------------------------------------------------------------------------------------------


def test_a_post_that_nobody_can_compare_is_not_called_usual(app: App, sent: Sent, file: Path, photos: Any) -> None:
    bank = sent(file)["id"]
    own = app.own_scores.own_score({"photo": sent(photos["rocket"]), "bank": bank})["own"]
    assert own["neighbours"][0] == {"id": "p4", "words": "no other post near it"}
    assert all("x your usual" in one["words"] for one in own["neighbours"][1:])
    # Three posts of a month are too few to say how likes go with what is seen.
    assert own["words"] == "Your posts do not show yet which pictures get more likes."


def test_choices_alone_promise_no_likes(app: App, sent: Sent, cat: Path, photos: Any, visits: Visits) -> None:
    uploads = [sent(cat), sent(photos["coffee"])]
    saved = Tastes(app.own_scores._door, visits, app.banks, app.pictures).save_taste(
        {"photos": uploads, "choices": [[1, 0]], "bank": ""}
    )
    bank = sent(Path(saved["file"]))
    assert app.banks.take_bank(bank) == {"words": "1 choice", "posts": 0, "choices": 1}
    own = app.own_scores.own_score({"photo": uploads[0], "bank": bank["id"]})["own"]
    assert own["lead"] == "By your taste"
    assert own["neighbours"] == []
    assert "choice" in own["trust"] or "by itself" in own["trust"]


# --- what comes from outside -----------------------------------------------------------------------------


def made(file: Path, folder: Path, *statements: str, name: str = "odd.bank") -> Path:
    """A copy of a bank that somebody has changed."""
    copy = Path(shutil.copy(file, folder / name))
    with closing(sqlite3.connect(copy)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return copy


def test_banks_that_cannot_be_used_are_refused_with_a_reason(
    app: App, sent: Sent, file: Path, cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "damaged.bank").write_bytes(file.read_bytes()[:9000])
    (folder / "torn.bank").write_bytes(b"SQLite format 3\0" + bytes(500))
    (folder / "empty.bank").write_bytes(b"")
    (folder / "export.bank").write_bytes(zip_with({"posts_1.json": b"[]"}))
    newer = made(file, folder, "PRAGMA user_version = 99", name="newer.bank")
    cells = made(file, folder, "UPDATE pictures SET embedding = zeroblob(7)", name="cells.bank")
    trigger = made(
        file, folder, "CREATE TRIGGER t AFTER INSERT ON posts BEGIN DELETE FROM posts; END", name="trigger.bank"
    )
    other = made(
        file,
        folder,
        "UPDATE models SET sha256 = 'another', name = 'another'",
        "UPDATE pictures SET model = 'another'",
        name="other.bank",
    )
    nothing = made(file, folder, "UPDATE posts SET likes = NULL", name="nothing.bank")
    for path, said in (
        (cat, "no memory bank"),
        (folder / "damaged.bank", "bank add"),
        (folder / "torn.bank", "no memory bank"),
        (folder / "empty.bank", "no memory bank"),
        (folder / "export.bank", "is a ZIP, not a memory bank"),
        (newer, "newer popscore"),
        (cells, "is not what a bank holds"),
        (trigger, "no memory bank"),
        (other, "was made with the model another"),
        (nothing, "nothing can be learned"),
    ):
        with pytest.raises(BankRefused, match=said):
            app.banks.take_bank(sent(path))
    monkeypatch.setattr(banks_module, "MOST_BYTES", file.stat().st_size - 1)
    with pytest.raises(BankRefused, match="too large"):
        app.banks.take_bank(sent(file))


@pytest.mark.parametrize("odd", [None, 3, [], {}, {"id": 3}, {"id": ["x"]}, {"id": "/etc/passwd", "name": "x.bank"}])
def test_what_is_no_upload_is_refused(app: App, odd: object) -> None:
    bank = odd.get("id") if isinstance(odd, dict) else odd
    with pytest.raises((gr.Error, PopscoreError)):
        app.banks.take_bank(odd)
    with pytest.raises((gr.Error, PopscoreError)):
        app.banks.neighbours({"bank": bank, "ids": ["p1"]})
    with pytest.raises((gr.Error, PopscoreError)):
        app.own_scores.own_score({"photo": {"id": example_id("cat.png"), "name": "cat.png"}, "bank": bank})
    with pytest.raises((gr.Error, PopscoreError)):
        app.own_scores.own_score(odd)


def test_too_many_posts_are_not_asked_about(app: App, sent: Sent, file: Path) -> None:
    for ids in (["p1"] * 17, "p1", [1], None):
        with pytest.raises(gr.Error):
            app.banks.neighbours({"bank": sent(file)["id"], "ids": ids})


def bomb() -> bytes:
    """A WebP of some bytes that a browser would make 16,383 x 16,383 pixels of."""
    frame = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383) + bytes(40)
    chunk = b"VP8 " + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def animated() -> bytes:
    head = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\x7f\0\0" * 2 + bytes(20)
    return b"RIFF" + struct.pack("<I", 4 + len(head)) + b"WEBP" + head


def test_small_pictures_that_are_none_are_not_sent_on(app: App, sent: Sent, file: Path, tmp_path: Path) -> None:
    for number, content in enumerate((bomb(), animated(), b"<svg onload=alert(1)>", b"RIFF\0\0\0\0WEBP", b"")):
        copy = Path(shutil.copy(file, tmp_path / f"bomb{number}.bank"))
        with closing(sqlite3.connect(copy)) as connection, connection:
            connection.execute("UPDATE previews SET image = ?", (content,))
        bank = sent(copy)
        assert app.banks.take_bank(bank)["posts"] == 4
        assert app.banks.neighbours({"bank": bank["id"], "ids": ["p1", "p2"]})["pictures"] == [None, None]


# --- nothing stays ---------------------------------------------------------------------------------------


def test_a_bank_is_forgotten_with_its_visit_and_the_other_visitor_keeps_his(
    app: App, sent: Sent, visits: Visits, file: Path, cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_asker(Asker("ann", lambda: False))
    anns, photo = sent(file), sent(cat)
    app.own_scores.own_score({"photo": photo, "bank": anns["id"]})
    set_asker(Asker("bob", lambda: False))
    bobs = sent(made(file, tmp_path, "DELETE FROM posts WHERE id = 'p3'", name="bob.bank"))
    assert app.banks.take_bank(bobs)["posts"] == 3
    assert len(app.banks._open) == 2
    assert len(app.pictures._known) == 1
    visits.ended("ann")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + KEEP_AFTER_VISIT_S + 1)
    visits.sweep()
    assert not Path(anns["id"]).exists()
    assert [str(key[0]) for key in app.banks._open] == [bobs["id"]]
    assert not app.pictures._known
    assert app.banks.take_bank(anns) == {"missing": True}
    with pytest.raises(gr.Error, match="not on the server any more"):
        app.own_scores.own_score({"photo": {"id": example_id("cat.png"), "name": ""}, "bank": anns["id"]})
    set_asker(Asker(None, lambda: False))


def test_few_banks_stay_open(app: App, sent: Sent, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banks_module, "_MOST_OPEN_BYTES", 2 * file.stat().st_size)
    ids = [sent(Path(shutil.copy(file, tmp_path / f"{number}.bank")))["id"] for number in range(4)]
    for one in ids:
        app.banks.of(one)
    assert [str(key[0]) for key in app.banks._open] == ids[2:]
    assert app.banks.of(ids[0]).counts == (4, 0)
