"""What a worker can be asked to do. Each task gets a path, and opens the file itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from popscore.models.loader import LoadedModel, reopened
from popscore.models.spec import ModelInfo
from popscore.photos import previews
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.scoring.scorer import Bank, Content, Look, Scorer
from popscore.video import VideoLimits, VideoRanking, frame_images, rank_video
from popscore.video.best_frames import save_frame
from popscore.video.results import RankedFrame
from popscore.workers import memory

Found = TypeVar("Found")
Report = Callable[[int, int], None]
"""Tells how much is done, of how much."""


@dataclass(frozen=True)
class ScorerFile:
    """What a worker needs to make a scorer of its own.

    Attributes:
        location: of the model's file.
        info: what is known about the model; the file must have its hash.
    """

    location: Path
    info: ModelInfo


@dataclass(frozen=True)
class VideoTask:
    """What to do with a video; the arguments of `rank_video`, and the file of a memory bank."""

    path: Path
    name: str
    every: int
    fast: bool
    top: int
    out: Path | None
    limits: VideoLimits
    bank: Path | None = None


def nothing(_: Report) -> None:
    """Be there."""


def make_scorer(_: Report, scorer: ScorerFile) -> None:
    """Load the model, so that the first photo does not have to wait for it."""
    _model(scorer)


def score_photo(_: Report, scorer: ScorerFile, limits: ImageLimits, path: Path, name: str) -> Content:
    """Score a photo, see `Scorer.content`."""
    return scorer_of(scorer, limits).content(NamedPhoto(path, name))


def score_photo_with(
    _: Report, scorer: ScorerFile, limits: ImageLimits, path: Path, name: str, look: Look[Found]
) -> tuple[Content, Found]:
    """Score a photo and have something else found out with it, see `Scorer.content_with`."""
    return scorer_of(scorer, limits).content_with(NamedPhoto(path, name), look)


def look_at(
    _: Report, look: Callable[..., Found], limits: ImageLimits, path: Path, name: str, *arguments: object
) -> Found:
    """What `Scorer.look` has found out about a photo; made of plain values."""
    return look(NamedPhoto(path, name), limits, *arguments)


def show_photo(_: Report, path: Path, name: str, side: int, limits: ImageLimits) -> bytes:
    """A small picture of a photo, see `previews.preview`."""
    return previews.preview(NamedPhoto(path, name), side, limits)


def rank_frames(
    report: Report, scorer: ScorerFile, video: VideoTask, side: int
) -> tuple[VideoRanking, list[bytes | None]]:
    """The best frames of a video, and small pictures of those that were written, `side` pixels at most."""
    own = Scorer(_model(scorer))
    ranking = rank_video(
        video.path,
        scorer=own,
        bank=bank_of(video.bank, own),
        every=video.every,
        fast=video.fast,
        top=video.top,
        out=video.out,
        name=video.name,
        limits=video.limits,
        on_progress=report,
    )
    return ranking, [_small(result, side) for result in ranking.results]


def show_frame(_: Report, path: Path, index: int, side: int, limits: VideoLimits) -> bytes | None:
    """A small picture of one frame of a video; None if there is no such frame."""
    for _index, picture in frame_images(path, [index], at_least=(side, side), limits=limits):
        return previews.as_webp(previews.fitted(picture, side))
    return None


def write_frame(_: Report, path: Path, name: str, index: int, folder: Path, limits: VideoLimits) -> Path | None:
    """Write one frame of a video in full size, see `save_frame`."""
    return save_frame(path, index, folder, name=name, limits=limits)


def _small(result: RankedFrame, side: int) -> bytes | None:
    if result.image is None:
        return None
    with Image.open(result.image) as image:
        image.draft("RGB", (side, side))
        return previews.as_webp(previews.fitted(image.convert("RGB"), side))


def scorer_of(file: ScorerFile, limits: ImageLimits) -> Scorer:
    """The worker's own scorer."""
    return Scorer(_model(file), limits=limits)


def bank_of(file: Path | None, scorer: Scorer) -> Bank | None:
    """The memory bank in a file, if there is one. Nothing of it is kept from one task to the next.

    Raises:
        BankRefused: it cannot be used.
    """
    if file is None:
        return None
    from popscore.personal.bank import MemoryBank  # no other task needs it

    return MemoryBank.open(file, scorer=scorer)


_loaded: list[tuple[ScorerFile, LoadedModel]] = []


def _model(wanted: ScorerFile) -> LoadedModel:
    """The model is loaded at the first task; another one takes its place when the app has another one."""
    if not _loaded or _loaded[0][0] != wanted:
        _loaded.clear()
        with memory.unlimited():
            _loaded.append((wanted, reopened(wanted.location, wanted.info)))
    return _loaded[0][1]
