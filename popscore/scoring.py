"""Photos in, scores out: decode, preprocess, run. One pipeline for one photo and for ten thousand."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from popscore import images, scale
from popscore.errors import PopscoreError
from popscore.images import ImageLimits, PhotoSource
from popscore.models import LoadedModel, load_model
from popscore.models.preprocess import to_input
from popscore.results import FailedPhoto, Outcome, ScoredPhoto
from popscore.settings import Settings

# A JPEG is decoded at no less than twice the model's input: mean pixel difference .20 of 255 against a
# full decode, and rank correlation .998, at a third of the time.
_DECODE_MARGIN = 2


class Scorer:
    """Scores photos with one model. Threads may share it.

    Args:
        model: the model to score with.
        limits: bytes and pixels to accept per photo.
        exact: decode every photo in full instead of at reduced size; about 3 times slower on large JPEGs.
    """

    def __init__(self, model: LoadedModel, *, limits: ImageLimits | None = None, exact: bool = False) -> None:
        self._model = model
        self._limits = limits or ImageLimits()
        self._spec = model.info.spec
        height, width = self._spec.input_size
        self._at_least = None if exact else (_DECODE_MARGIN * width, _DECODE_MARGIN * height)
        self.model = model.info

    def score(self, photo: PhotoSource, *, name: str | None = None) -> ScoredPhoto:
        """Score one photo.

        Args:
            photo: path, bytes, binary file object or PIL image.
            name: what to call it; the path as given, or the file's own name, by default.

        Raises:
            UnreadableImage, ImageTooLarge: the photo cannot be read.
            ScoringFailed: the model gave no usable score.
        """
        file = name if name is not None else _file_label(photo)
        decoded = images.read_photo(photo, name=name, at_least=self._at_least, limits=self._limits)
        score = float(self._model.session.run(to_input(decoded.pixels, self._spec))[0])
        band = scale.band(score)
        return ScoredPhoto(
            file=file,
            score=score,
            percentile=scale.percentile(score, mean=self._spec.reference_mean, std=self._spec.reference_std),
            label=band.label,
            color=band.color,
            width=decoded.width,
            height=decoded.height,
        )

    def score_many(self, photos: Iterable[PhotoSource], *, workers: int | None = None) -> Iterator[Outcome]:
        """Score photos, in the order given, as results become ready.

        Each worker takes a photo through decoding and inference on its own. Memory does not grow with the
        number of photos. A photo that fails becomes a FailedPhoto in its place. Closing the generator
        stops the work.

        Args:
            photos: any number; taken from the iterable only as fast as they are scored.
            workers: photos in work at one time; by default one per CPU that the process may use.
        """
        count = workers or usable_cpus()
        pending: deque[Future[Outcome]] = deque()
        with ThreadPoolExecutor(count, thread_name_prefix="popscore") as pool:
            try:
                for photo in photos:
                    pending.append(pool.submit(self._outcome, photo))
                    if len(pending) > 2 * count:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _outcome(self, photo: PhotoSource) -> Outcome:
        try:
            return self.score(photo)
        except PopscoreError as error:
            return FailedPhoto(file=_file_label(photo), error=error)


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
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else images.photo_name(photo)
