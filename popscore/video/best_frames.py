"""The best frames of a video: different moments, best first."""

import contextlib
import io
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from popscore.errors import ExportFailed, InvalidSetting, UnreadableVideo, VideoTooLarge
from popscore.files.atomic import make_folder
from popscore.foreign_text import shortened
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, competition_ranks
from popscore.scoring.scorer import Bank, Candidate, Scorer, load_scorer
from popscore.settings import BYTES_PER_MB, Settings
from popscore.video.decoding.frames import Frame, Size
from popscore.video.decoding.opening import open_video
from popscore.video.decoding.video import Stop, Video, VideoLimits, clock
from popscore.video.export import ContactSheet, frame_name, sheet_name, single_name, write_frame
from popscore.video.kept import KeptFrames
from popscore.video.moments import ScoredFrame, faults, moments, quality
from popscore.video.results import FramePoint, RankedFrame, VideoRanking
from popscore.video.search import Search
from popscore.words import every_nth

VideoSource = str | os.PathLike[str] | bytes | BinaryIO

_COPY_BYTES = 1 << 20


def rank_video(
    video: VideoSource,
    *,
    scorer: Scorer | None = None,
    every: int = 25,
    fast: bool = False,
    top: int = 5,
    out: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    name: str | None = None,
    limits: VideoLimits | None = None,
    bank: Bank | None = None,
) -> VideoRanking:
    """Score frames of a video and choose the best moments.

    Args:
        video: path, bytes or binary file object.
        scorer: by default the one that the environment asks for.
        every: score each frame whose index is a multiple of this. Source of 25: Ji et al. 2023.
        fast: score keyframes, and others only where these promise most. Long videos take a sixth to a quarter
            of the work; the best frame may be another one, with a lower score.
        top: how many moments to give at most.
        out: folder for a JPEG of each result in full size, and for a contact sheet; made if missing.
        on_progress: called with how many frames are scored, and how many there are to score.
        cancelled: asked often; once it answers True the work stops, and what was scored until then is
            ranked, with `stopped` set.
        name: what to call the video; the path as given by default.
        limits: bytes, frames and time to spend; by default those of the environment.
        bank: a person's own posts, `popscore.MemoryBank`; order and timeline then go by the personal scores.

    Returns:
        The ranking. It may have no results: frames that are blurred, almost black or almost white are
        never among them.

    Raises:
        UnreadableVideo: missing, empty, damaged throughout, encrypted, or not a video.
        VideoTooLarge: more bytes or pixels than allowed.
        InvalidSetting: `every` or `top` is below 1, or an environment variable cannot be used.
        ExportFailed: there cannot be a folder `out`.
        ModelUnavailable, ModelRefused: there is no model.
    """
    for option, value in (("every", every), ("top", top)):
        if value < 1:
            raise InvalidSetting(f"{option}={value} cannot be used: it must be a whole number above 0.")
    limits = limits or VideoLimits.of(Settings.from_environment())
    scorer = scorer or load_scorer()
    scorer = scorer if bank is None else bank.scorer(scorer)
    file = name if name is not None else _label(video)
    kept = None if out is None else KeptFrames(top)
    work = _Work(scorer, file, on_progress, cancelled, limits.max_seconds, kept)
    if out is not None:
        make_folder(Path(out))
    with _opened(video, file, limits, work.stop) as opened:
        work.score(opened, every=every, fast=fast)
        return work.ranking(opened, every=every, top=top, out=None if out is None else Path(out))


def frame_images(
    video: VideoSource,
    indexes: Sequence[int],
    *,
    at_least: Size | None = None,
    limits: VideoLimits | None = None,
) -> Iterator[tuple[int, Image.Image]]:
    """Pictures of frames of a video, upright, mode RGB, in display order.

    Args:
        video: path, bytes or binary file object.
        indexes: of the frames, in any order; those that are not there are left out.
        at_least: (width, height) that is enough; None gives the full size.
        limits: bytes, frames and time to spend; by default those of the environment.

    Raises:
        UnreadableVideo, VideoTooLarge: as `rank_video`.
    """
    limits = limits or VideoLimits.of(Settings.from_environment())
    stop = _Deadline(limits.max_seconds)
    with _opened(video, _label(video), limits, stop) as opened:
        for frame in opened.frames(sorted(set(indexes)), stop=stop):
            yield frame.index, frame.image(at_least)


def save_frame(
    video: str | os.PathLike[str],
    index: int,
    folder: Path,
    *,
    name: str | None = None,
    limits: VideoLimits | None = None,
) -> Path | None:
    """Write one frame as JPEG in full size, upright.

    Args:
        video: path.
        index: of the frame.
        folder: that it is written to; it must be there.
        name: what to call the video; the path as given by default.
        limits: bytes, frames and time to spend; by default those of the environment.

    Returns:
        The file, named after the video and the time of the frame; None if there is no such frame.

    Raises:
        UnreadableVideo, VideoTooLarge: as `rank_video`.
        ExportFailed: it could not be written.
    """
    limits = limits or VideoLimits.of(Settings.from_environment())
    stop = _Deadline(limits.max_seconds)
    name = name if name is not None else _label(video)
    with _opened(video, name, limits, stop) as opened:
        for frame in opened.frames([index] if index >= 0 else [], stop=stop):
            path = folder / single_name(name, frame.time_s)
            write_frame(frame.image(), path, opened.capture.exif(frame.time_s))
            return path
    return None


class _Deadline:
    """Answers True once the time is over, or the caller has had enough."""

    def __init__(self, max_seconds: float, cancelled: Callable[[], bool] | None = None) -> None:
        self._until_s = time.monotonic() + max_seconds
        self._cancelled = cancelled
        self.was_cancelled = self.was_late = False

    def __call__(self) -> bool:
        if not self.was_late and not self.was_cancelled:
            self.was_late = time.monotonic() > self._until_s
            self.was_cancelled = self._cancelled is not None and self._cancelled()
        return self.was_late or self.was_cancelled


class _Work:
    """One ranking in the making."""

    def __init__(
        self,
        scorer: Scorer,
        file: str,
        on_progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
        max_seconds: float,
        kept: KeptFrames | None,
    ) -> None:
        self._kept = kept
        self._scorer = scorer
        self._file = file
        self._on_progress = on_progress
        self.stop = _Deadline(max_seconds, cancelled)
        self._scored: list[ScoredFrame] = []
        self._failed: list[FailedPhoto] = []
        self._total = 0
        self._high_dynamic_range = False

    # --- scoring ------------------------------------------------------------------------------------

    def score(self, video: Video, *, every: int, fast: bool) -> None:
        """Score the frames that were asked for."""
        grid = range(0, video.frame_count, every)
        if fast and self._search(video, grid):
            return
        known = {frame.index for frame in self._scored}
        rest = [index for index in grid if index not in known]
        self._score(video.frames(rest, stop=self.stop, in_order=False), len(rest))

    def _search(self, video: Video, grid: Sequence[int]) -> bool:
        """Score few frames that are likely to be among the best; answers False if none of them may be shown."""
        keyframes = video.keyframes()
        keyframe_set = set(keyframes)
        noise = self._scorer.model.spec.likely_noise
        search = Search(keyframes, grid, video.sizes(), megapixels=video.pixels / 1e6, noise=noise)
        wanted = search.keyframes()
        while wanted:
            alone = [index for index in wanted if index in keyframe_set]
            others = [index for index in wanted if index not in keyframe_set]
            if alone:
                self._score(video.keyframes_alone(alone, stop=self.stop), len(alone))
            if others:
                self._score(video.frames(others, stop=self.stop, in_order=False), len(others))
            wanted = search.next(self._usable())
        return bool(self._usable())

    def _usable(self) -> list[tuple[int, float]]:
        """Index and score of each frame that may be shown."""
        found = zip(self._scored, faults(self._scored), strict=True)
        return [(frame.index, frame.score) for frame, fault in found if fault is None]

    def _score(self, frames: Generator[Frame], count: int) -> None:
        """Score frames as they are decoded. Pictures are made here, at reduced size; workers score them."""
        self._total += count
        waiting: deque[tuple[ScoredFrame, Frame | None]] = deque()

        def pictures() -> Iterator[NamedPhoto]:
            for frame in frames:
                try:
                    picture = frame.image(self._scorer.at_least)
                except UnreadableVideo as error:  # one odd frame does not stop the others
                    self._failed += [] if self._failed else [FailedPhoto(file=self._file, error=error)]
                    continue
                self._high_dynamic_range |= frame.high_dynamic_range
                unscored = ScoredFrame(
                    index=frame.index,
                    time_s=frame.time_s,
                    width=frame.width,
                    height=frame.height,
                    damaged=frame.damaged,
                    quality=quality(picture),
                )
                waiting.append((unscored, frame if self._kept else None))
                yield NamedPhoto(picture, self._file)

        scored = self._scorer.candidates(pictures())
        with contextlib.closing(frames), contextlib.closing(scored) as candidates:
            for found in candidates:
                unscored, frame = waiting.popleft()
                if isinstance(found, Candidate):
                    frame_scored = replace(unscored, candidate=found)
                    self._scored.append(frame_scored)
                    if self._kept and frame:
                        self._kept.offer(frame_scored, frame)
                else:
                    self._failed.append(FailedPhoto(file=self._file, error=found.error))
                if self._on_progress:
                    self._on_progress(len(self._scored) + len(self._failed), self._total)

    # --- choosing -----------------------------------------------------------------------------------

    def ranking(self, video: Video, *, every: int, top: int, out: Path | None) -> VideoRanking:
        """Choose the best moments, and write them."""
        frames = sorted(self._scored, key=lambda frame: frame.index)
        found_faults = faults(frames)
        chosen = moments([frame for frame, fault in zip(frames, found_faults, strict=True) if fault is None], top)
        ranks = competition_ranks([frame.score for frame in chosen])
        results = [_result(frame, rank) for frame, rank in zip(chosen, ranks, strict=True)]
        sheet = None
        if out is not None and results:
            results, sheet = self._write(video, results, out)
        return VideoRanking(
            model=self._scorer.model,
            file=self._file,
            results=results,
            points=[
                FramePoint(frame_index=frame.index, time_s=frame.time_s, score=frame.score, fault=fault)
                for frame, fault in zip(frames, found_faults, strict=True)
            ],
            errors=[*self._video_errors(video), *self._failed],
            notices=list(
                self._notices(frames, found_faults, len(results), frame_count=video.frame_count, every=every, top=top)
            ),
            frame_count=video.frame_count,
            duration_s=video.duration_s,
            contact_sheet=sheet,
            stopped=self.stop.was_cancelled,
        )

    def _write(self, video: Video, results: list[RankedFrame], out: Path) -> tuple[list[RankedFrame], Path | None]:
        """Write the chosen frames in full size, one at a time; those that were not kept are decoded once more."""
        written: dict[int, Path] = {}
        sheet = ContactSheet()
        places = {result.frame_index: place for place, result in enumerate(results)}
        for frame in self._chosen(video, places):
            result = results[places[frame.index]]
            picture = frame.image()
            path = out / frame_name(self._file, places[frame.index] + 1, result.time_s, result.order_score)
            sheet.add(places[frame.index], picture, f"{result.rank}.  {clock(result.time_s)}  {result.order_score:.2f}")
            try:
                write_frame(picture, path, video.capture.exif(frame.time_s))
                written[frame.index] = path
            except ExportFailed as error:
                self._failed.append(FailedPhoto(file=str(path), error=error))
        results = [replace(result, image=written.get(result.frame_index)) for result in results]
        if not written:
            return results, None
        path = out / sheet_name(self._file)
        try:
            sheet.write(path)
        except ExportFailed as error:
            self._failed.append(FailedPhoto(file=str(path), error=error))
            return results, None
        return results, path

    def _chosen(self, video: Video, indexes: Iterable[int]) -> Iterator[Frame]:
        """The frames of these indexes, in any order."""
        left = []
        for index in indexes:
            frame = self._kept.take(index) if self._kept else None
            if frame is None:
                left.append(index)
            else:
                yield frame
        yield from video.frames(left, stop=self.stop, in_order=False)

    def _video_errors(self, video: Video) -> Iterator[FailedPhoto]:
        for trouble in () if self.stop.was_cancelled else video.troubles:
            words = f"{shortened(Path(self._file).name)} {trouble}."
            yield FailedPhoto(file=self._file, error=UnreadableVideo(words))

    def _notices(
        self,
        frames: Sequence[ScoredFrame],
        found: Sequence[str | None],
        given: int,
        *,
        frame_count: int,
        every: int,
        top: int,
    ) -> Iterator[str]:
        if self.stop.was_late:
            yield f"The time was over after {len(frames)} frames. The rest of the video was not looked at."
        if self._high_dynamic_range:
            yield "The video has a high dynamic range (HDR). It was mapped to the range of ordinary screens."
        reasons = sorted({fault for fault in found if fault})
        if frames and not given:
            yield f"No frame is good enough: all {len(frames)} are {' or '.join(reasons)}."
        elif frames and given < top:
            moments_words = "1 moment was" if given == 1 else f"{given} different moments were"
            frames_words = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
            closer = max(1, min(every, frame_count) // 2)
            more = f" Looking at {every_nth(closer, 'frame')} may find more." if frame_count > len(frames) else ""
            yield f"Only {moments_words} found among {frames_words}.{more}"


def _result(frame: ScoredFrame, rank: int) -> RankedFrame:
    return RankedFrame.of(
        frame.scored.photo,
        rank=rank,
        width=frame.width,
        height=frame.height,
        frame_index=frame.index,
        time_s=frame.time_s,
    )


# --- sources ------------------------------------------------------------------------------------------


def _label(video: VideoSource) -> str:
    if isinstance(video, (str, os.PathLike)):
        return os.fspath(video)
    found = getattr(video, "name", None)
    return shortened(Path(found).name) if isinstance(found, str) else "the video"


@contextlib.contextmanager
def _opened(video: VideoSource, file: str, limits: VideoLimits, stop: Stop) -> Iterator[Video]:
    name = shortened(Path(file).name or file)
    with contextlib.ExitStack() as stack:
        if isinstance(video, (str, os.PathLike)):
            path = Path(video)
        else:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="popscore-"))) / "video"
            _copy(video, path, name, limits.max_bytes)
        yield open_video(path, name=name, limits=limits, stop=stop)


def _copy(video: bytes | BinaryIO, path: Path, name: str, max_bytes: int) -> None:
    """Put a video from memory, or from an open file, where it can be read more than once."""
    source = io.BytesIO(video) if isinstance(video, (bytes, bytearray, memoryview)) else video
    copied = 0
    with open(path, "xb") as file:
        while part := source.read(_COPY_BYTES):
            copied += len(part)
            if copied > max_bytes:
                limit = f"{max_bytes / BYTES_PER_MB:g} MB"
                raise VideoTooLarge(f"{name} is too large: the limit is {limit}. Cut it shorter.")
            file.write(part)
