"""What a memory bank keeps of a picture: numbers from which it cannot be made again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.errors import BankRefused, ScoringFailed
from popscore.models.session import Prediction
from popscore.personal.background import without_people
from popscore.personal.pose import pose_of
from popscore.scoring.scorer import Scorer

Floats = npt.NDArray[np.float32]

KEYPOINTS = 17
"""Of a person, see `popscore.personal.pose`."""
MOST_DIMENSIONS = 65_536


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What is seen in a picture.

    Attributes:
        score: of the general model.
        embedding: (C,) of the whole picture.
        background: (C,) the same without the people; None where nobody is there, or it was not looked for.
        pose: (17, 3), see `pose.pose_of`; None likewise.
        caption: (B,) of the text that goes with it, see `captions`; None where there is none.
    """

    score: float
    embedding: Floats
    background: Floats | None = None
    pose: Floats | None = None
    caption: Floats | None = None


def see(scorer: Scorer, pixels: Image.Image, *, people: bool, prediction: Prediction | None = None) -> Seen:
    """Look at a picture.

    Args:
        scorer: whose model sees.
        pixels: upright, mode RGB.
        people: look for a person, and, where one is there, at what is behind: one to three more runs of networks.
        prediction: of the same picture, with the embedding, if it is there already.

    Raises:
        BankRefused: the model gives no embedding.
        ScoringFailed: a network stopped.
    """
    found = prediction or scorer.predict(pixels, embedding=True)
    if found.embedding is None:
        raise no_embedding(scorer)
    pose = pose_of(pixels) if people else None
    # Without a person the mask takes animals and things for one: 9 of 10 photos of animals, half of those of objects.
    behind = None if pose is None else without_people(pixels, side=_side(scorer, pixels))
    background = None if behind is None else scorer.predict(behind, embedding=True).embedding
    return Seen(score=found.score, embedding=found.embedding, pose=pose, background=background)


def _side(scorer: Scorer, pixels: Image.Image) -> tuple[int, int]:
    """As large as the model needs, and of the picture's own shape."""
    least = max(scorer.model.spec.input_size)
    factor = min(1.0, least / min(pixels.size))
    return max(1, round(pixels.width * factor)), max(1, round(pixels.height * factor))


Plain = tuple[float, bytes, bytes | None, bytes | None]
"""What is seen, in plain values that a worker may send: score, embedding, background and pose as bytes."""


def look_at_picture(scorer: Scorer, prediction: Prediction, pixels: Image.Image) -> Plain:
    """A `scoring.scorer.Look` without people."""
    return _plain(see(scorer, pixels, people=False, prediction=prediction))


def look_for_people(scorer: Scorer, prediction: Prediction, pixels: Image.Image) -> Plain:
    """A `scoring.scorer.Look` with people."""
    return _plain(see(scorer, pixels, people=True, prediction=prediction))


def _plain(seen: Seen) -> Plain:
    background, pose = (None if one is None else one.tobytes() for one in (seen.background, seen.pose))
    return seen.score, seen.embedding.tobytes(), background, pose


def from_plain(plain: Plain, dimensions: int | None) -> Seen:
    """What a look has answered; a worker that reads files from outside is not trusted.

    Args:
        plain: the answer.
        dimensions: of the embedding; None where it does not matter.

    Raises:
        ScoringFailed: it is nothing of that kind.
    """
    try:
        score, *cells = plain
        embedding, background, pose = (None if cell is None else np.frombuffer(cell, np.float32) for cell in cells)
        right = embedding is not None and (dimensions is None or len(embedding) == dimensions)
        right = right and all(one is None or bool(np.isfinite(one).all()) for one in (embedding, background, pose))
        right = right and (background is None or len(background) == len(embedding if embedding is not None else ()))
        pose = None if pose is None else pose.reshape(KEYPOINTS, 3)
        if embedding is None or not right:
            raise ValueError
        return Seen(score=float(score), embedding=embedding, background=background, pose=pose)
    except (TypeError, ValueError):
        raise ScoringFailed("What was seen in the photo is of no use. Try again.") from None


def no_embedding(scorer: Scorer) -> BankRefused:
    """A model that says nothing but its score."""
    return BankRefused(
        f"The model {scorer.model.spec.name} gives no embedding, so pictures cannot be compared with it. "
        "Use the embedded model, or one whose file has an output `embedding`."
    )
