"""Decoded frames that are kept: the best of different moments, within a budget of memory."""

from dataclasses import dataclass

import pytest
from PIL import Image
from scored_frames import scored_frame

from popscore.video.kept import KeptFrames


@dataclass
class FakeFrame:
    index: int
    time_s: float
    width: int = 1920
    height: int = 1080
    damaged: bool = False
    high_dynamic_range: bool = False

    def image(self, at_least: tuple[int, int] | None = None) -> Image.Image:
        return Image.new("RGB", at_least or (self.width, self.height))


def offer(kept: KeptFrames, frame: FakeFrame, score: float, *, looks_like: int | None = None) -> None:
    scored = scored_frame(frame.index, frame.time_s, score, looks_like=looks_like, size=(frame.width, frame.height))
    kept.offer(scored, frame)


def taken(kept: KeptFrames) -> list[int]:
    found = [index for index in range(100) if kept.take(index)]
    assert not any(kept.take(index) for index in found)
    return found


def test_the_best_are_kept() -> None:
    kept = KeptFrames(4)
    for at, score in enumerate([1, 5, 2, 4, 3, 0, 6]):
        offer(kept, FakeFrame(at, 10.0 * at), score)
    assert taken(kept) == [1, 3, 4, 6]


def test_of_one_moment_the_best_is_kept() -> None:
    kept = KeptFrames(3)
    offer(kept, FakeFrame(0, 0.0), 3.0)
    offer(kept, FakeFrame(1, 1.0), 4.0)
    offer(kept, FakeFrame(2, 20.0), 3.5, looks_like=1)
    offer(kept, FakeFrame(3, 40.0), 1.0)
    assert taken(kept) == [1, 3]


@pytest.mark.parametrize(("size", "wanted"), [((3840, 2160), [4, 5, 6, 7]), ((8000, 4500), [])])
def test_large_frames_are_fewer(size: tuple[int, int], wanted: list[int]) -> None:
    kept = KeptFrames(9)
    for at in range(8):
        offer(kept, FakeFrame(at, 10.0 * at, *size), at)
    assert taken(kept) == wanted
