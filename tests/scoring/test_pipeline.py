"""The pipeline: order, threads, memory, stopping, the cache, and photos that change meanwhile."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from photos import saved
from PIL import Image

import popscore
from popscore import Candidate, FailedPhoto, Scorer
from popscore.photos.decode import read_photo
from popscore.photos.similarity import SIGNATURE_BYTES
from popscore.photos.sources import NamedPhoto, PhotoSource


class Slow(BytesIO):
    """A photo file that takes its time."""

    delay_s = 0.0
    opened = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            Slow.opened += 1
            time.sleep(self.delay_s)
        return super().read(size)


def slow(content: bytes, delay_s: float) -> Slow:
    file = Slow(content)
    file.delay_s = delay_s
    return file


# --- candidates --------------------------------------------------------------------------------------


def test_candidate(scorer: Scorer, cat: Path) -> None:
    found = scorer.candidate(cat)
    assert found.photo == scorer.score(cat)
    assert len(found.signature) == SIGNATURE_BYTES
    assert found.taken_s is None


def test_order_does_not_depend_on_how_long_each_takes(scorer: Scorer, cat: Path) -> None:
    content = cat.read_bytes()
    files = [slow(content, 0.02 * (7 - number)) for number in range(8)]
    found = list(scorer.candidates([NamedPhoto(file, str(number)) for number, file in enumerate(files)], workers=4))
    assert [outcome.photo.file for outcome in found if isinstance(outcome, Candidate)] == list("01234567")


def test_workers_give_the_same(scorer: Scorer, photos: dict[str, Path]) -> None:
    paths = [*photos.values()] * 3
    expected = [scorer.candidate(path) for path in paths]
    for workers in (1, 2, 5):
        assert list(scorer.candidates(paths, workers=workers)) == expected


def test_a_photo_that_vanishes_meanwhile(scorer: Scorer, greys: list[Path]) -> None:
    candidates = scorer.candidates(greys, workers=1)
    first = next(candidates)
    greys[-1].unlink()
    greys[-2].write_bytes(b"")
    *_, empty, gone = candidates
    assert isinstance(first, Candidate)
    assert isinstance(empty, FailedPhoto) and "empty" in str(empty.error)
    assert isinstance(gone, FailedPhoto) and "no such file" in str(gone.error)


# --- stopping, memory --------------------------------------------------------------------------------


def test_closing_stops_within_a_photo_per_worker(scorer: Scorer, cat: Path) -> None:
    Slow.opened = 0
    content = cat.read_bytes()
    candidates = scorer.candidates((slow(content, 0.05) for _ in range(100)), workers=2)
    next(candidates)
    start_s = time.perf_counter()
    candidates.close()
    assert time.perf_counter() - start_s < 1
    before = Slow.opened
    assert before <= 1 + 2 * 2  # the first, and what the two workers had begun
    time.sleep(0.15)
    assert Slow.opened == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("popscore_")]


def test_a_slow_source_does_not_hold_back_results(scorer: Scorer, greys: list[Path]) -> None:
    """Each photo comes out once it is scored, at most a few later ones are waited for."""
    given: list[float] = []

    def source() -> Iterator[Path]:
        for path in greys:
            given.append(time.perf_counter())
            yield path

    candidates = scorer.candidates(source(), workers=2)
    next(candidates)
    assert len(given) <= 2 * 2 + 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_photos(scorer: Scorer, cat: Path) -> None:
    small = saved(Image.open(cat).convert("RGB").resize((64, 48)), "JPEG")

    def peak_bytes(count: int) -> int:
        tracemalloc.start()
        try:
            for _ in scorer.candidates((small for _ in range(count)), workers=1):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(50)
    assert peak_bytes(2_000) < peak_bytes(50) + 300_000


def test_results_are_small(scorer: Scorer, cat: Path) -> None:
    """10,000 results fit into a few megabytes."""
    found = scorer.candidate(cat)
    assert not hasattr(found, "__dict__") and not hasattr(found.photo, "__dict__")
    results = popscore.rank([found], scorer.model).results
    assert not hasattr(results[0], "__dict__")


# --- cache -------------------------------------------------------------------------------------------


class Memory:
    """A ScoreCache in memory, by path."""

    def __init__(self) -> None:
        self.known: dict[str, Candidate] = {}
        self.asked = 0

    def get(self, photo: PhotoSource) -> Candidate | None:
        self.asked += 1
        return self.known.get(str(photo))

    def put(self, photo: PhotoSource, candidate: Candidate) -> None:
        self.known[str(photo)] = candidate


def test_cache(scorer: Scorer, greys: list[Path]) -> None:
    cache = Memory()
    first = list(scorer.candidates(greys, cache=cache))
    assert len(cache.known) == 12
    for path in greys:
        path.write_bytes(b"not read again")
    assert list(scorer.candidates(greys, cache=cache)) == first
    assert cache.asked == 24


def test_cached_photo_is_called_what_it_is_called_now(scorer: Scorer, greys: list[Path]) -> None:
    cache = Memory()
    (first,) = scorer.candidates([NamedPhoto(greys[3], "another time")], cache=cache)
    (found,) = scorer.candidates([greys[3]], cache=cache)
    assert isinstance(first, Candidate) and first.photo.file == "another time"
    assert found == scorer.candidate(greys[3]) and len(cache.known) == 1


def test_failures_are_not_cached(scorer: Scorer, tmp_path: Path) -> None:
    cache = Memory()
    (found,) = scorer.candidates([tmp_path / "none.jpg"], cache=cache)
    assert isinstance(found, FailedPhoto) and not cache.known


# --- capture time ------------------------------------------------------------------------------------


def with_time(text: object, part: object = None) -> bytes:
    exif = Image.Exif()
    tags = exif.get_ifd(0x8769)
    tags[36867] = text
    if part is not None:
        tags[37521] = part
    return saved(Image.new("RGB", (20, 10)), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("text", "part", "expected_s"),
    [
        ("1970:01:02 00:00:01", None, 86_401),
        ("1970:01:01 00:00:10", "25", 10.25),
        ("1970:01:01 00:00:10", "x", 10),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("2024:02:30 10:00:00", None, None),
        ("yesterday", None, None),
        ("", None, None),
    ],
)
def test_capture_time(text: str, part: str | None, expected_s: float | None, scorer: Scorer) -> None:
    content = with_time(text, part)
    assert read_photo(content).taken_s == expected_s
    assert scorer.candidate(content).taken_s == expected_s


def test_capture_time_of_other_kinds() -> None:
    assert read_photo(with_time("1970:01:01 00:01:00")).taken_s == 60
    image = Image.open(BytesIO(with_time("1970:01:01 00:01:00")))
    image.load()
    assert read_photo(image).taken_s == 60
    assert read_photo(Image.new("RGB", (4, 4))).taken_s is None
    damaged = (
        with_time("1970:01:01 00:01:00").replace(b"Exif\0\0II", b"Exif\0\0XX").replace(b"Exif\0\0MM", b"Exif\0\0XX")
    )
    assert read_photo(damaged).taken_s is None
