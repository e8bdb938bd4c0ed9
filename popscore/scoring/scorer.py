"""Photos in, scores out: decode, preprocess, run. One pipeline for one photo and for ten thousand."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from PIL import Image

from popscore.cpus import in_order
from popscore.errors import PopscoreError
from popscore.models import LoadedModel, load_model
from popscore.models.preprocess import Box, enough_pixels, to_input
from popscore.models.session import Prediction
from popscore.photos import decode, similarity
from popscore.photos.faults import fault
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named
from popscore.results import FailedPhoto, Fault, Outcome, PersonalScore, ScoredPhoto, scored_photo
from popscore.settings import Settings

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


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


@dataclass(frozen=True, slots=True)
class Content:
    """What is found out about the content of a photo, whatever it is called: this is what can be remembered.

    Attributes:
        score: by one model, see `ScoreCache`.
        width, height: of the upright photo, in pixels.
        signature, taken_s: as in `Candidate`.
        warning, personal: as in `ScoredPhoto`; the second is not remembered.
    """

    score: float
    width: int
    height: int
    signature: bytes
    taken_s: float | None
    warning: Fault | None = None
    personal: PersonalScore | None = None


class ScoreCache(Protocol):
    """Remembers contents from one run to the next, for one model. Called from several threads at once.

    A cache that cannot read or write its files remembers nothing, and never raises for it.
    """

    def get(self, photo: PhotoSource) -> Content | None:
        """What is known about this photo."""

    def put(self, photo: PhotoSource, content: Content) -> None:
        """Remember what was found out about this photo."""


class Bank(Protocol):
    """What a person's own posts say: `popscore.MemoryBank`. Named here, so that nobody imports it who has none."""

    def scorer(self, scorer: "Scorer") -> "Scorer":
        """The same scorer, which also gives personal scores.

        Raises:
            BankRefused: the bank was made with another model.
        """


class Scorer:
    """Scores photos with one model. Threads may share it.

    Args:
        model: the model to score with.
        limits: bytes and pixels to accept per photo.
        exact: decode every photo in full instead of at reduced size; about 3 times slower on large JPEGs.

    Attributes:
        at_least: (width, height) of pixels that are enough for the model; None where photos are decoded in full.
        model: what is known about the model.
        limits: as given, or the usual ones.
    """

    def __init__(self, model: LoadedModel, *, limits: ImageLimits | None = None, exact: bool = False) -> None:
        self._session = model.session
        self._spec = model.info.spec
        self.limits = limits or ImageLimits()
        self.at_least = None if exact else enough_pixels(self._spec)
        self.model = model.info
        self.exact = exact

    @property
    def has_map(self) -> bool:
        """The model itself can say where in a picture its score comes from."""
        return self._session.has_map

    @property
    def has_embedding(self) -> bool:
        """The model can say what it sees in a picture, so that pictures can be compared."""
        return self._session.has_embedding

    def predict(
        self, pixels: Image.Image, *, box: Box | None = None, activation_map: bool = False, embedding: bool = False
    ) -> Prediction:
        """What the model says about pixels that are decoded already, or about a part of them.

        Neither is the photo read again nor its signature taken: so hundreds of parts of one photo can be scored.

        Args:
            pixels: upright, mode RGB, any size.
            box: left, top, right, bottom of the part in pixels; all of them by default.
            activation_map, embedding: give these too, where the model has them, from the same run.

        Raises:
            ScoringFailed: the model gave no usable score.
            ValueError: the pixels are not RGB, or the box does not lie in them.
        """
        model_input = to_input(pixels, self._spec, box=box)
        return self._session.predict(model_input, activation_map=activation_map, embedding=embedding)

    @property
    def is_personal(self) -> bool:
        """It gives personal scores too, see `popscore.personal`."""
        return False

    def personal(self, _seen: Prediction, _pixels: Image.Image) -> PersonalScore | None:
        """What a person's own posts say about a picture; None where there is no memory bank.

        Args:
            _seen: what the model says about it, with the embedding.
            _pixels: the picture, upright, mode RGB.
        """
        return None

    def score(self, photo: PhotoSource | NamedPhoto, *, name: str | None = None) -> ScoredPhoto:
        """Score one photo.

        Args:
            photo: path, bytes, binary file object or PIL image, with or without a name.
            name: what to call it; the path as given, or the file's own name, by default.

        Raises:
            UnreadableImage, ImageTooLarge: the photo cannot be read.
            ScoringFailed: the model gave no usable score.
        """
        known = named(photo)
        return self.candidate(known if name is None else NamedPhoto(known.source, name)).photo

    def candidate(self, photo: PhotoSource | NamedPhoto) -> Candidate:
        """Score one photo, and take from it what ranking needs to know. Errors as `score`."""
        photo = named(photo)
        return self._candidate(photo.name, self.content(photo))

    def score_many(
        self, photos: Iterable[PhotoSource | NamedPhoto], *, workers: int | None = None
    ) -> Iterator[Outcome]:
        """Score photos, in the order given, as results become ready. As `candidates`, with the scores alone."""
        with contextlib.closing(self.candidates(photos, workers=workers)) as candidates:
            for found in candidates:
                yield found.photo if isinstance(found, Candidate) else found

    def candidates(
        self,
        photos: Iterable[PhotoSource | NamedPhoto],
        *,
        workers: int | None = None,
        cache: ScoreCache | None = None,
    ) -> Generator[Candidate | FailedPhoto]:
        """Score photos, in the order given, as results become ready: the one pipeline.

        Each worker takes a photo through reading, decoding and inference on its own. Memory does not grow
        with the number of photos. A photo that fails becomes a FailedPhoto in its place. Closing the
        generator stops the work, and waits for the photos that are being worked on, one per worker.

        Args:
            photos: any number, with or without names; taken from the iterable only as fast as they are scored.
            workers: photos in work at one time; by default one per CPU that the process may use.
            cache: asked before a photo is read, told after it was scored.
        """
        return in_order(lambda photo: self._measured(photo, cache), map(named, photos), workers=workers)

    def _measured(self, photo: NamedPhoto, cache: ScoreCache | None) -> Candidate | FailedPhoto:
        content = cache.get(photo.source) if cache else None
        if content is None:
            try:
                content = self.content(photo)
            except PopscoreError as error:
                return FailedPhoto(file=photo.name, error=error)
            if cache:
                cache.put(photo.source, content)
        return self._candidate(photo.name, content)

    def look(
        self,
        photo: NamedPhoto,
        task: Callable[Concatenate[NamedPhoto, ImageLimits, Arguments], Found],
        *arguments: Arguments.args,
        **named_ones: Arguments.kwargs,
    ) -> Found:
        """Have something else found out about a photo, in the place where this scorer reads its photos.

        Args:
            photo: with its name.
            task: a function of a module, so that a worker knows it too; gets the photo, the limits and the arguments.

        Returns:
            What the task returns, which is made of plain values.

        Raises:
            UnreadableImage, ImageTooLarge: the photo cannot be read.
        """
        return task(photo, self.limits, *arguments, **named_ones)

    def content(self, photo: NamedPhoto) -> Content:
        """Find out all there is about the content of a photo. Errors as `score`."""
        decoded = decode.read_photo(photo, at_least=self.at_least, limits=self.limits)
        return _content(decoded, self.predict(decoded.pixels))

    def content_with(
        self,
        photo: NamedPhoto,
        look: "Callable[[Scorer, Prediction, Image.Image], Found]",
        *,
        hurry: bool = False,  # noqa: ARG002  nobody else waits here
    ) -> tuple[Content, Found]:
        """As `content`, and have something else found out of the same pixels and the same run of the model.

        Args:
            photo: with its name.
            look: a function of a module, so that a worker knows it too; gets the scorer, what the model says with the
                embedding, and the pixels. What it returns is made of plain values.
            hurry: somebody waits for this one photo.
        """
        decoded = decode.read_photo(photo, at_least=self.at_least, limits=self.limits)
        seen = self.predict(decoded.pixels, embedding=True)
        return _content(decoded, seen), look(self, seen, decoded.pixels)

    def _candidate(self, name: str, content: Content) -> Candidate:
        size = content.width, content.height
        photo = scored_photo(name, content.score, size, self._spec, content.warning, content.personal)
        return Candidate(photo, content.signature, content.taken_s)


Look = Callable[[Scorer, Prediction, Image.Image], Found]
"""Finds something out about a picture that was scored, see `Scorer.content_with`."""


def _content(decoded: decode.Photo, seen: Prediction) -> Content:
    signature = similarity.signature(decoded.pixels)
    return Content(seen.score, decoded.width, decoded.height, signature, decoded.taken_s, fault(decoded.pixels))


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
