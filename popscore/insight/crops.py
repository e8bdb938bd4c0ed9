"""The best crop of a photo for each shape, and what the model says about it.

The score does not choose: it is information. See `popscore.insight.framing` for what does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from popscore.errors import CropRefused, ModelRefused
from popscore.insight.aspects import ASPECTS, Aspect, parse_aspects
from popscore.insight.crop_search import Found, best_crop
from popscore.insight.framing import Framing
from popscore.models import load_model
from popscore.models.preprocess import Box, to_input
from popscore.models.session import Prediction
from popscore.models.spec import Json
from popscore.people.faces import detect
from popscore.photos import decode
from popscore.photos.faults import fault
from popscore.photos.sources import NamedPhoto, PhotoSource, named
from popscore.results import FailedPhoto, Report, ScoredPhoto, scored_photo
from popscore.scoring.scorer import Bank, Scorer, load_scorer
from popscore.settings import Settings

# A crop with a shorter side than this shows nothing.
_LEAST_SIDE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop(ScoredPhoto):
    """A crop of a photo with its score. `width` and `height` are those of the whole upright photo.

    Attributes:
        aspect: the shape, as asked for.
        box: left, top, right, bottom in pixels of the whole upright photo.
        score_before: of the whole photo.
        noise: score difference up to which two scores are not to be told apart.
        reason: why the crop lies there, in words.
        faces_cut: faces of which the crop shows a part only; 0 wherever that can be avoided.
        image: where the crop was written, None if it was not.
        personal_before: personal score of the whole photo; None without a memory bank.
    """

    aspect: str
    box: Box
    score_before: float
    noise: float
    reason: str
    faces_cut: int = 0
    image: str | None = None
    personal_before: float | None = None

    @property
    def gain(self) -> float:
        """By how much the crop scores higher than the whole photo; it did not choose the crop."""
        before = self.score_before if self.personal_before is None else self.personal_before
        return self.order_score - before

    def to_json(self) -> Json:
        """The result object of every door that crops."""
        # Not super(): a class with slots is made twice, and super() knows the first one.
        before = {} if self.personal_before is None else {"personal_score_before": round(self.personal_before, 4)}
        return {
            **ScoredPhoto.to_json(self),
            **before,
            "aspect": self.aspect,
            "box": list(self.box),
            "score_before": round(self.score_before, 4),
            "gain": round(self.gain, 4),
            "noise": round(self.noise, 4),
            "reason": self.reason,
            "faces_cut": self.faces_cut,
            "image": self.image,
        }


@dataclass(frozen=True, kw_only=True)
class Crops(Report):
    """The answer about crops of one photo: results in the order asked for, errors for shapes that cannot be had."""

    results: Sequence[Crop]


def best_crops(
    photo: PhotoSource | NamedPhoto,
    *,
    aspects: Sequence[str] = ASPECTS,
    scorer: Scorer | None = None,
    bank: Bank | None = None,
) -> Crops:
    """The best crop of a photo for each shape.

    A given shape takes the largest crop that fits. The score of the whole-photo model chooses nothing: it is given
    as information.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        aspects: `W:H` or `free`.
        scorer: by default the one that the environment asks for. Whatever model it has, the crops are the same.
        bank: a person's own posts, `popscore.MemoryBank`: the gain is then that of the personal score.

    Raises:
        InvalidSetting: an aspect cannot be used, or an environment variable.
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ScoringFailed: the model gave no usable score.
        ModelUnavailable, ModelRefused: there is no model.
    """
    wanted = parse_aspects(aspects)
    scorer = scorer or load_scorer()
    scorer = scorer if bank is None else bank.scorer(scorer)
    photo = named(photo)
    decoded = decode.read_photo(photo, at_least=scorer.at_least, limits=scorer.limits)
    return _crops(decoded, wanted, scorer, photo)


def best_crops_of(
    decoded: decode.Photo, *, name: str = "the photo", aspects: Sequence[str] = ASPECTS, scorer: Scorer | None = None
) -> Crops:
    """The best crops of a photo that is decoded already. As `best_crops`.

    Args:
        decoded: as `decode.read_photo` gives it; at reduced size as well.
        name: what to call the photo.
        aspects, scorer: as in `best_crops`.
    """
    return _crops(decoded, parse_aspects(aspects), scorer or load_scorer(), NamedPhoto(decoded.pixels, name))


def score_box(
    pixels: Image.Image, box: Sequence[float], scorer: Scorer, *, size: tuple[int, int] | None = None
) -> float:
    """The score of any part of a photo, such as a crop that a person moves by hand.

    Args:
        pixels: upright, RGB; at reduced size as well.
        box: left, top, right, bottom in pixels of the photo.
        scorer: to score with.
        size: (width, height) of the whole photo that the box is measured on; that of the pixels by default.

    Raises:
        CropRefused: the box does not lie in the photo.
        ScoringFailed: the model gave no usable score.
    """
    size = size or pixels.size
    return scorer.predict(pixels, box=_reduced(checked_box(box, size), size, pixels.size)).score


def checked_box(box: Sequence[Any], size: tuple[int, int]) -> Box:
    """A box of whole pixels in a photo.

    Args:
        box: left, top, right, bottom; parts of pixels are rounded.
        size: (width, height) of the photo.

    Raises:
        CropRefused: it is no box, or does not lie in the photo.
    """
    try:
        left, top, right, bottom = (round(float(value)) for value in box)
    except (TypeError, ValueError, OverflowError):  # not four, not numbers, not finite
        raise CropRefused(
            "The crop was refused: it is not four numbers left, top, right, bottom. Give these."
        ) from None
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise CropRefused(
            f"The crop {left}, {top}, {right}, {bottom} was refused: it does not lie in a photo of "
            f"{size[0]} x {size[1]} pixels. Give left, top, right, bottom within it."
        )
    return left, top, right, bottom


def _crops(decoded: decode.Photo, aspects: Sequence[Aspect], scorer: Scorer, photo: NamedPhoto) -> Crops:
    pixels, size = decoded.pixels, (decoded.width, decoded.height)
    seen, framing = _look(pixels, scorer)
    whole, personal = seen.score, scorer.personal(seen, pixels)
    faces = _faces(pixels, size)
    warning = fault(pixels)
    results: list[Crop] = []
    errors: list[FailedPhoto] = []
    for aspect in aspects:
        found = best_crop(aspect, size, framing, faces)
        try:
            _check_size(found, aspect, size, photo)
        except CropRefused as error:
            errors.append(FailedPhoto(file=photo.name, error=error))
            continue
        reduced = _reduced(found.box, size, pixels.size)
        score, mine = whole, personal
        if reduced != (0, 0, *pixels.size):
            part = scorer.predict(pixels, box=reduced, embedding=scorer.is_personal)
            score, mine = part.score, scorer.personal(part, pixels.crop(reduced)) if scorer.is_personal else None
        results.append(
            Crop.of(
                scored_photo(photo.name, score, size, scorer.model.spec, warning, mine),
                aspect=aspect.text,
                box=found.box,
                score_before=whole,
                noise=scorer.model.spec.likely_noise,
                reason=found.reason,
                faces_cut=found.faces_cut,
                personal_before=None if personal is None else personal.score,
            )
        )
    return Crops(model=scorer.model, results=results, errors=errors)


def _look(pixels: Image.Image, scorer: Scorer) -> tuple[Prediction, Framing]:
    """The score of the whole photo, and what the embedded model sees in it: one run where it is the scorer."""
    embedded = load_model(Settings())
    given = to_input(pixels, embedded.info.spec)
    seen = embedded.session.predict(given, embedding=scorer.is_personal, features=True)
    if seen.features is None:
        raise ModelRefused("The embedded model gives no features. Install popscore again.")
    same = scorer.model.sha256 == embedded.info.sha256
    return seen if same else scorer.predict(pixels, embedding=scorer.is_personal), Framing(seen.features)


def _faces(pixels: Image.Image, size: tuple[int, int]) -> list[Box]:
    """Faces in pixels of the whole photo."""
    across, down = size[0] / pixels.width, size[1] / pixels.height
    found = []
    for face in detect(pixels):
        left, top, right, bottom = face.box
        found.append(
            (math.floor(left * across), math.floor(top * down), math.ceil(right * across), math.ceil(bottom * down))
        )
    return found


def _check_size(found: Found, aspect: Aspect, size: tuple[int, int], photo: NamedPhoto) -> None:
    left, top, right, bottom = found.box
    if aspect.ratio is not None and min(right - left, bottom - top) < _LEAST_SIDE:
        raise CropRefused(
            f"{photo.short_name} has no {aspect.text} crop: of {size[0]} x {size[1]} pixels it would have "
            f"{right - left} x {bottom - top}. Choose a larger photo."
        )


def _reduced(box: Box, size: tuple[int, int], pixels: tuple[int, int]) -> Box:
    """The box in the pixels of a photo that was decoded at reduced size: the nearest whole ones."""
    found = [round(value * small / full) for value, full, small in zip(box, size * 2, pixels * 2, strict=True)]
    left, top = (min(start, end - 1) for start, end in zip(found[:2], pixels, strict=True))
    return left, top, max(left + 1, found[2]), max(top + 1, found[3])
