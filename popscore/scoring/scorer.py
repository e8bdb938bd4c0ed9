"""Photos in, scores out: decode, preprocess, run. One pipeline for one photo and for ten thousand."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from popscore import scale
from popscore.errors import PopscoreError
from popscore.models import LoadedModel, load_model
from popscore.models.preprocess import to_input
from popscore.photos import decode, similarity
from popscore.photos.decode import ImageLimits, PhotoSource
from popscore.results import FailedPhoto, Outcome, ScoredPhoto
from popscore.settings import Settings

# A JPEG is decoded at no less than twice the model's input: mean pixel difference .20 of 255 against a
# full decode, and rank correlation .998, at a third of the time.
_DECODE_MARGIN = 2
# Photos handed to the workers and not yet given out, per worker: a slow one does not stop the others at once.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo with its score, and what tells near-duplicates apart.

    Attributes:
        photo: the scored photo; its rank means nothing yet.
        signature: what the picture looks like, see `similarity.signature`.
        taken_s: when the camera took it, seconds since 1970 by the camera's clock; None where the file
            does not say.
    """

    photo: ScoredPhoto
    signature: bytes
    taken_s: float | None


class ScoreCache(Protocol):
    """Remembers candidates from one run to the next. Called from several threads at once.

    A cache that cannot read or write its files remembers nothing, and never raises for it.
    """

    def get(self, photo: PhotoSource) -> Candidate | None:
        """What is known about this photo; it may carry the file name of another time."""

    def put(self, photo: PhotoSource, candidate: Candidate) -> None:
        """Remember what was found out about this photo."""


NameOf = Callable[[PhotoSource], str]


class Scorer:
    """Scores photos with one model. Threads may share it.

    Args:
        model: the model to score with.
        limits: bytes and pixels to accept per photo.
        exact: decode every photo in full instead of at reduced size; about 3 times slower on large JPEGs.

    Attributes:
        at_least: (width, height) of pixels that are enough for the model; None where photos are decoded in full.
    """

    def __init__(self, model: LoadedModel, *, limits: ImageLimits | None = None, exact: bool = False) -> None:
        self._model = model
        self._limits = limits or ImageLimits()
        self._spec = model.info.spec
        height, width = self._spec.input_size
        self.at_least = None if exact else (_DECODE_MARGIN * width, _DECODE_MARGIN * height)
        self.model = model.info
        self.exact = exact

    def score(self, photo: PhotoSource, *, name: str | None = None) -> ScoredPhoto:
        """Score one photo.

        Args:
            photo: path, bytes, binary file object or PIL image.
            name: what to call it; the path as given, or the file's own name, by default.

        Raises:
            UnreadableImage, ImageTooLarge: the photo cannot be read.
            ScoringFailed: the model gave no usable score.
        """
        return self.candidate(photo, name=name).photo

    def candidate(self, photo: PhotoSource, *, name: str | None = None) -> Candidate:
        """Score one photo, and take from it what ranking needs to know. Arguments and errors as `score`."""
        file = name if name is not None else _file_label(photo)
        decoded = decode.read_photo(photo, name=name, at_least=self.at_least, limits=self._limits)
        score = float(self._model.session.run(to_input(decoded.pixels, self._spec))[0])
        band = scale.band(score)
        scored = ScoredPhoto(
            file=file,
            score=score,
            percentile=scale.percentile(score, mean=self._spec.reference_mean, std=self._spec.reference_std),
            label=band.label,
            color=band.color,
            width=decoded.width,
            height=decoded.height,
        )
        return Candidate(scored, similarity.signature(decoded.pixels), decoded.taken_s)

    def score_many(self, photos: Iterable[PhotoSource], *, workers: int | None = None) -> Iterator[Outcome]:
        """Score photos, in the order given, as results become ready. As `candidates`, with the scores alone."""
        candidates = self.candidates(photos, workers=workers)
        try:
            for found in candidates:
                yield found.photo if isinstance(found, Candidate) else found
        finally:
            candidates.close()

    def candidates(
        self,
        photos: Iterable[PhotoSource],
        *,
        workers: int | None = None,
        name_of: NameOf | None = None,
        cache: ScoreCache | None = None,
    ) -> Generator[Candidate | FailedPhoto]:
        """Score photos, in the order given, as results become ready: the one pipeline.

        Each worker takes a photo through reading, decoding and inference on its own. Memory does not grow
        with the number of photos. A photo that fails becomes a FailedPhoto in its place. Closing the
        generator stops the work, and waits for the photos that are being worked on, one per worker.

        Args:
            photos: any number; taken from the iterable only as fast as they are scored.
            workers: photos in work at one time; by default one per CPU that the process may use.
            name_of: gives what to call a photo; the path as given, or the file's own name, by default.
            cache: asked before a photo is read, told after it was scored.
        """
        count = workers or usable_cpus()
        pending: deque[Future[Candidate | FailedPhoto]] = deque()

        def measured(photo: PhotoSource) -> Candidate | FailedPhoto:
            return self._measured(photo, name_of, cache)

        with ThreadPoolExecutor(count, thread_name_prefix="popscore") as pool:
            try:
                for photo in photos:
                    pending.append(pool.submit(measured, photo))
                    if len(pending) > _AHEAD * count:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _measured(
        self, photo: PhotoSource, name_of: NameOf | None, cache: ScoreCache | None
    ) -> Candidate | FailedPhoto:
        name = name_of(photo) if name_of else None
        file = name if name is not None else _file_label(photo)
        try:
            known = cache.get(photo) if cache else None
            if known is not None:
                return replace(known, photo=replace(known.photo, file=file))
            candidate = self.candidate(photo, name=name)
        except PopscoreError as error:
            return FailedPhoto(file=file, error=error)
        if cache:
            cache.put(photo, candidate)
        return candidate


def load_scorer(settings: Settings | None = None, *, exact: bool = False) -> Scorer:
    """A scorer with the model that the environment asks for. The model is loaded once per process.

    Args:
        settings: instead of the environment.
        exact: decode every photo in full, see `Scorer`.

    Raises:
        InvalidSetting: an environment variable cannot be used.
        ModelUnavailable, ModelRefused: the model cannot be had, and falling back is not allowed.
    """
    settings = settings or Settings.from_environment()
    limits = ImageLimits(max_bytes=settings.max_image_bytes)
    return Scorer(load_model(settings), limits=limits, exact=exact)


def usable_cpus() -> int:
    """CPUs that this process may use, which in a container is fewer than the machine has."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such limit here, or "max"
        return max(1, allowed)


def _file_label(photo: PhotoSource) -> str:
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else decode.photo_name(photo)
