"""Decoded frames that are kept: the best, at different times, within a budget of memory."""

from dataclasses import dataclass

from PIL import Image

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


def kept_of(frames: list[tuple[FakeFrame, float]], count: int) -> list[int]:
    kept = KeptFrames(count)
    for frame, score in frames:
        kept.offer(frame, score)
    found = [index for index in range(100) if kept.take(index)]
    assert not any(kept.take(index) for index in found)
    return found


def test_the_best_are_kept() -> None:
    scores = [1, 5, 2, 4, 3, 0, 6]
    assert kept_of([(FakeFrame(at, 10.0 * at), score) for at, score in enumerate(scores)], 4) == [1, 3, 4, 6]


def test_of_one_moment_the_best_is_kept() -> None:
    frames = [(FakeFrame(0, 0.0), 3.0), (FakeFrame(1, 1.0), 4.0), (FakeFrame(2, 2.0), 3.5), (FakeFrame(3, 3.0), 1.0)]
    assert kept_of(frames, 2) == [1, 3]


def test_large_frames_are_fewer() -> None:
    frames = [(FakeFrame(at, 10.0 * at, 3840, 2160), float(at)) for at in range(8)]
    assert kept_of(frames, 9) == [4, 5, 6, 7]
    huge = [(FakeFrame(at, 10.0 * at, 8000, 4500), float(at)) for at in range(3)]
    assert kept_of(huge, 4) == []
