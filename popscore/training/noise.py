"""How far a model's score moves when a photo is changed in ways that mean nothing: the model's `popscore.noise`.

Two such versions of one photo differ by the noise of both, just as the scores of two photos do, so the 95th percentile
of the differences is the gap up to which the order of two photos is not to be trusted. The largest of them, over the
changes, is the noise: it covers each.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image, ImageOps

from popscore.models.preprocess import to_input
from popscore.models.session import ScoringSession

Change = Callable[[Image.Image], Image.Image]


def saved_again(photo: Image.Image, quality: int) -> Image.Image:
    """The photo as its JPEG of this quality shows it."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    with Image.open(file) as saved:
        return saved.convert("RGB")


def smaller(photo: Image.Image, factor: float) -> Image.Image:
    """The photo at this share of its width and height."""
    return photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.LANCZOS)


def cut(photo: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Take these shares of the width and the height away."""
    width, height = photo.size
    return photo.crop(
        (round(left * width), round(top * height), width - round(right * width), height - round(bottom * height))
    )


HARMLESS: dict[str, Change] = {
    "saved again, quality 85": lambda photo: saved_again(photo, 85),
    "made smaller by a third": lambda photo: smaller(photo, 2 / 3),
    "1 % cut from each side": lambda photo: cut(photo, 0.01, 0.01, 0.01, 0.01),
    "2 % cut from the right and the top": lambda photo: cut(photo, 0, 0.02, 0.02, 0),
    "mirrored": ImageOps.mirror,
}


def measured_noise(session: ScoringSession, photos: Iterable[Image.Image]) -> float | None:
    """In score units; None where there is no photo.

    Raises:
        ScoringFailed: the model stopped.
    """
    moved = []
    for photo in photos:
        versions = [photo, *(change(photo) for change in HARMLESS.values())]
        plain, *others = (session.predict(to_input(version, session.spec)).score for version in versions)
        moved.append([abs(other - plain) for other in others])
    return float(np.quantile(np.array(moved), 0.95, axis=0).max()) if moved else None
