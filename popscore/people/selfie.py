"""How likely a photo is to be popular as a selfie, and what is seen of the faces on it.

A selfie model answers where there is one; else the model in use, with the share of its reference population that the
photo beats, which is another thing, and is called so.
"""

from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from popscore import scale, words
from popscore.errors import ModelRefused, ModelUnavailable
from popscore.models.loader import load_selfie_model
from popscore.models.preprocess import Box
from popscore.models.spec import Json, ModelInfo
from popscore.people.find import PhotoFaces, SeenFace, faces_on
from popscore.people.seen import expression_seen, eyes_seen
from popscore.photos.decode import Photo, read_photo
from popscore.photos.faults import fault
from popscore.photos.sources import ImageLimits, NamedPhoto, PhotoSource, named, read_bytes
from popscore.results import Fault
from popscore.scoring.scorer import Scorer, load_scorer
from popscore.settings import Settings

ProbabilityFrom = Literal["selfie_model", "percentile"]

SELFIE_SHARE = 0.03
"""Share of the photo's area from which a face makes it a selfie.

Of the first 24 photos of people in OASIS on which a face was found, those of one person from near have .045 and more,
groups and people at a distance .029 and less. A face in a square photo has this share at 17 % of the side.
"""
FACE_MARGIN = 1.8
"""Side of the square that a model with the view `face` looks at, in longer sides of the face's box: hair and chin."""

BIAS = (
    "What is known about popular selfies is biased by where it comes from: a public predictor told people that women "
    "are more popular, and that is a property of the pictures and likes that it learned from, not of anybody's photo."
)
"""About men and women. Source: the app of the Selfie Popularity Predictor, which learned from the UCF Selfie data set;
no figure of it is known, so none is given."""


@dataclass(frozen=True, kw_only=True)
class SelfieScore:
    """A photo as a selfie.

    Attributes:
        file: what the photo is called.
        width, height: of the upright photo, in whose pixels the faces are.
        probability: of being one of the more popular selfies, 0 to 1; see `probability_from`.
        probability_from: `selfie_model` for a model of selfies; `percentile` where it is the share of the model's
            reference population that the photo beats.
        score: the answering model's; of a selfie model the log odds.
        percentile: share of the model's reference population that scores lower, 0 to 100.
        warning: as in `ScoredPhoto`; the probability of such a picture means nothing.
        faces: largest first.
        model: the one that answered; its notice says why it is not the one that was asked for.
        lacks_face: there is a selfie model, but it looks at a face, and none was found.
    """

    file: str
    width: int
    height: int
    probability: float
    probability_from: ProbabilityFrom
    score: float
    percentile: float
    warning: Fault | None
    faces: tuple[SeenFace, ...]
    model: ModelInfo
    lacks_face: bool = False

    @property
    def is_selfie(self) -> bool:
        """One face fills much of the photo: at least `SELFIE_SHARE` of it. Others may be beside it."""
        return bool(self.faces) and self.faces[0].size >= SELFIE_SHARE

    @property
    def seen(self) -> str:
        """What was seen, in one or two sentences."""
        if self.warning is not None:
            return words.warned(self.warning)
        if not self.faces:
            sentence = "No face was found, so this is hardly a selfie."
        else:
            largest = self.faces[0]
            count, rest = len(self.faces), f"{expression_seen(largest)}, {eyes_seen(largest)}"
            share = f"fills {words.of_100(100 * largest.size).replace(' of 100', ' %')} of the photo"
            sentence = (
                f"One face: {rest}; it {share}." if count == 1 else f"{count} faces; the largest: {rest}; it {share}."
            )
            if not self.is_selfie:
                sentence += " That is little for a selfie."
        return sentence

    @property
    def meaning(self) -> str:
        """What the probability is, in one sentence."""
        if self.probability_from == "selfie_model":
            return (
                f"A selfie model gives this photo a probability of {100 * self.probability:.0f} % to be one of the "
                "more popular ones."
            )
        reason = "The selfie model looks at a face, and found none." if self.lacks_face else "No selfie model answered."
        return (
            f"{reason} By the model in use the photo is {words.place(self.percentile, self.model)}; "
            "that share stands for the probability."
        )

    def to_json(self) -> Json:
        """The result object of every door."""
        return {
            "file": self.file,
            "probability": round(self.probability, 4),
            "probability_from": self.probability_from,
            "score": round(self.score, 4),
            "percentile": round(self.percentile, 1),
            "width": self.width,
            "height": self.height,
            "warning": self.warning,
            "is_selfie": self.is_selfie,
            "seen": self.seen,
            "meaning": self.meaning,
            "note": BIAS,
            "faces": [face.to_json() for face in self.faces],
        }


class SelfieScorer:
    """Scores photos as selfies, by a selfie model or by the one in use. Threads may share it.

    Args:
        settings: name the selfie model, if there is one.
        scorer: answers where no selfie model does; by default the one that the settings ask for, loaded when it is
            needed.

    Raises:
        ModelUnavailable, ModelRefused: there is no model. A selfie model of the Hub that cannot be had is none only
            where the settings are strict; else the model in use answers and its notice says why.
    """

    def __init__(self, settings: Settings, *, scorer: Scorer | None = None) -> None:
        self._settings, self._scorer = settings, scorer
        self._limits = scorer.limits if scorer else ImageLimits(max_bytes=settings.max_image_bytes)
        self._selfie, self._notice = None, None
        try:
            model = load_selfie_model(settings)
        except (ModelUnavailable, ModelRefused) as error:
            if settings.strict or settings.selfie_repo is None:
                raise
            self._notice = f"{error} Until then the model in use answers."
        else:
            self._selfie = None if model is None else Scorer(model, limits=self._limits)

    @property
    def model(self) -> ModelInfo:
        """The model that answers; where a selfie model finds no face to look at, the one in use does instead."""
        return self._usual_model() if self._selfie is None else self._selfie.model

    def score(self, photo: PhotoSource | NamedPhoto) -> SelfieScore:
        """As `score_selfie`."""
        photo = _readable_twice(named(photo), self._limits)
        read = read_photo(photo, limits=self._limits)
        found = faces_on(read, file=photo.name)
        if self._selfie is not None and (self._selfie.model.spec.view == "photo" or found.faces):
            return _by_selfie_model(self._selfie, read, found)
        scored = self._usual().score(photo)  # the same number as everywhere: from the photo as scoring decodes it
        return SelfieScore(
            file=found.file,
            width=found.width,
            height=found.height,
            probability=scored.percentile / 100,
            probability_from="percentile",
            score=scored.score,
            percentile=scored.percentile,
            warning=scored.warning,
            faces=found.faces,
            model=self._usual_model(),
            lacks_face=self._selfie is not None,
        )

    def _usual(self) -> Scorer:
        if self._scorer is None:
            self._scorer = load_scorer(self._settings)
        return self._scorer

    def _usual_model(self) -> ModelInfo:
        model = self._usual().model
        return replace(model, notice=self._notice) if self._notice else model


def score_selfie(
    photo: PhotoSource | NamedPhoto, *, scorer: Scorer | None = None, settings: Settings | None = None
) -> SelfieScore:
    """How likely a photo is to be popular as a selfie.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name; decoded in full.
        scorer: answers where no selfie model does; by default the one that the settings ask for.
        settings: instead of the environment.

    Returns:
        An answer for every photo that can be read, with faces or without.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ModelUnavailable, ModelRefused: there is no model, see `SelfieScorer`.
        InvalidSetting: an environment variable cannot be used.
        ScoringFailed: a network stopped.
    """
    return SelfieScorer(settings or Settings.from_environment(), scorer=scorer).score(photo)


def face_square(size: tuple[int, int], box: Box) -> Box:
    """The part of a photo that a model with the view `face` looks at, in training as in scoring.

    A square round the middle of the face, moved into the photo where it would reach beyond it, and never larger than
    the photo's shorter side: no pixel is made up.

    Args:
        size: (width, height) of the photo.
        box: of the face.
    """
    side = min(max(1, round(FACE_MARGIN * max(box[2] - box[0], box[3] - box[1]))), *size)
    left, top = (min(max(round((box[axis] + box[axis + 2] - side) / 2), 0), size[axis] - side) for axis in (0, 1))
    return left, top, left + side, top + side


def _by_selfie_model(selfie: Scorer, read: Photo, found: PhotoFaces) -> SelfieScore:
    spec = selfie.model.spec
    box = face_square(read.pixels.size, found.faces[0].box) if spec.view == "face" else None
    score = selfie.predict(read.pixels, box=box).score
    return SelfieScore(
        file=found.file,
        width=read.width,
        height=read.height,
        probability=scale.win_probability(score, 0.0),  # a selfie model's score is the log odds
        probability_from="selfie_model",
        score=score,
        percentile=scale.percentile(score, mean=spec.reference_mean, std=spec.reference_std),
        warning=fault(read.pixels),
        faces=found.faces,
        model=selfie.model,
    )


def _readable_twice(photo: NamedPhoto, limits: ImageLimits) -> NamedPhoto:
    """The photo, with the bytes of an open file in its place: scoring decodes it smaller than finding faces does."""
    if isinstance(photo.source, Image.Image) or not hasattr(photo.source, "read"):
        return photo
    return NamedPhoto(read_bytes(photo.source, photo.short_name, limits.max_bytes), photo.name)
