"""What a page is sent while a gallery runs: each result once, and always what `rank` gives."""

import json
from typing import Any

import numpy as np
import pytest
from rankings import MODEL

from popscore.errors import UnreadableImage
from popscore.gallery.ranking import rank
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.results import FailedPhoto, scored_photo
from popscore.scoring.scorer import Candidate
from popscore.ui.kit.gallery_updates import GalleryUpdates


def photos(count: int) -> list[Candidate | FailedPhoto]:
    """Photos in groups, some with equal scores, and every eleventh unreadable."""
    random = np.random.default_rng(4)
    looks = [random.integers(0, 256, SIGNATURE_BYTES, dtype=np.uint8).tobytes() for _ in range(count // 3 + 1)]
    found: list[Candidate | FailedPhoto] = []
    for index in range(count):
        file = f"IMG_{index:04}.jpg"
        if index % 11 == 5:
            found.append(FailedPhoto(file=file, error=UnreadableImage(f"{file} could not be read: it is empty.")))
            continue
        score = round(float(random.normal(3, 1.5)), 1)
        photo = scored_photo(file, score, (64, 48), MODEL.spec)
        found.append(Candidate(photo, looks[int(random.integers(len(looks)))], None))
    return found


class Page:
    """A page that hears of a gallery, as assets/kit/gallery.js."""

    def __init__(self) -> None:
        self.results: dict[int, Any] = {}
        self.errors: dict[int, Any] = {}
        self.shown: list[tuple[Any, ...]] = []

    def take(self, text: str) -> None:
        update = json.loads(text)
        if "order" not in update:
            return
        if update["phase"] == "done":
            self.results, self.errors = {}, {}
        self.results.update({result["index"]: result for result in update["results"]})
        self.errors.update({error["index"]: error for error in update["errors"]})
        order = update["order"]
        rows = list(zip(order["indexes"], order["ranks"], order["groups"], order["too_close"], strict=True))
        firsts = {group: index for index, _, group, _ in reversed(rows)}
        self.shown = [
            (index, self.results[index]["score"], rank, group, firsts[group] == index, bool(close))
            for index, rank, group, close in rows
            if index in self.results
        ]


def expected(found: list[Candidate | FailedPhoto]) -> list[tuple[Any, ...]]:
    ranking = rank(found, MODEL, group_similar=True)
    return [
        (photo.index, photo.score, photo.rank, photo.group, photo.group_best, photo.too_close)
        for photo in ranking.results
    ]


def test_the_page_shows_what_rank_gives_at_each_step() -> None:
    found = photos(120)
    updates, page = GalleryUpdates(MODEL, len(found)), Page()
    orders = 0
    for done in range(1, len(found) + 1):
        text = updates.next(found[:done])
        assert json.loads(text)["done"] == done
        page.take(text)
        if "order" in json.loads(text):
            orders += 1
            assert page.shown == expected(found[:done])
            assert sorted(page.errors) == [i for i in range(done) if isinstance(found[i], FailedPhoto)]
    assert orders > 20
    page.take(updates.last(found))
    assert page.shown == expected(found)


@pytest.mark.parametrize("heard", [1, 2, 3, 1000])
def test_the_last_update_is_right_whatever_was_missed(heard: int) -> None:
    found = photos(60)
    updates, page = GalleryUpdates(MODEL, len(found)), Page()
    for done in range(1, len(found) + 1):
        text = updates.next(found[:done])
        if done % heard == 0:
            page.take(text)
            known = set(page.results)
            assert [row[0] for row in page.shown] == [
                row[0] for row in expected(found[: len(found)]) if row[0] in known
            ]
    page.take(updates.last(found))
    assert page.shown == expected(found)
    assert len(page.errors) == sum(isinstance(item, FailedPhoto) for item in found)


def test_each_result_is_sent_once_and_at_the_end() -> None:
    found = photos(50)
    updates = GalleryUpdates(MODEL, len(found))
    sent: list[int] = []
    for done in range(1, len(found) + 1):
        sent += [result["index"] for result in json.loads(updates.next(found[:done])).get("results", [])]
    assert sorted(sent) == sorted(set(sent))
    last = json.loads(updates.last(found))
    assert len(last["results"]) + len(last["errors"]) == 50


def sent_bytes(count: int) -> int:
    """All updates of a gallery, one after each photo, which is more than a page ever gets."""
    found = photos(count)
    updates = GalleryUpdates(MODEL, count)
    steps = sum(len(updates.next(found[:done]).encode()) for done in range(1, count + 1))
    return steps + 2 * len(updates.last(found).encode())  # Gradio sends the last value once more


def test_the_bytes_sent_grow_with_the_photos_and_not_with_their_square() -> None:
    assert sent_bytes(200) < 2.4 * sent_bytes(100)
    assert sent_bytes(400) < 2.4 * sent_bytes(200)
    assert sent_bytes(200) < 250_000


def test_an_update_says_which_run_and_which_model_it_is_of() -> None:
    update = json.loads(GalleryUpdates(MODEL, 3, run=8).next(photos(1)))
    assert (update["run"], update["model"], update["done"], update["total"]) == (8, MODEL.sha256, 1, 3)
