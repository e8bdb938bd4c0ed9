"""The shapes that a photo can be cropped to: width to height, or free."""

import math
import re
from dataclasses import dataclass

from popscore.errors import InvalidSetting
from popscore.foreign_text import shortened

ASPECTS = ("1:1", "4:5", "9:16", "1.91:1", "free")
"""The usual shapes: a square, a portrait post, a story, a link card, and whatever the photo asks for."""

FREE = "free"
MAX_RATIO = 5.0
"""Longer side to shorter one, at most: the widest banner of a platform has 4:1 (a company page's cover)."""

_SHAPE = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?):([0-9]{1,5}(?:\.[0-9]{1,4})?)", re.ASCII)
_MAX_SHAPES = 20


@dataclass(frozen=True, slots=True)
class Aspect:
    """A shape.

    Attributes:
        text: as it was asked for.
        ratio: width over height; None for the free shape.
    """

    text: str
    ratio: float | None


def parse_aspect(text: str) -> Aspect:
    """Read `4:5`, `1.91:1` or `free`.

    Raises:
        InvalidSetting: it is none of these, or longer than `MAX_RATIO`.
    """
    shape = str(text).strip().lower()
    if shape == FREE:
        return Aspect(FREE, None)
    found = _SHAPE.fullmatch(shape)
    shown = shortened(str(text))
    if found is None:
        raise InvalidSetting(
            f"The aspect {shown!r} was refused: it is not a width and a height such as 4:5. Use W:H, or {FREE}."
        )
    width, height = float(found[1]), float(found[2])
    if not width or not height:
        raise InvalidSetting(f"The aspect {shown!r} was refused: a side of it is 0. Use W:H such as 4:5, or {FREE}.")
    ratio = width / height
    if max(ratio, 1 / ratio) > MAX_RATIO * (1 + 1e-9):
        raise InvalidSetting(
            f"The aspect {shown!r} was refused: one side is more than {MAX_RATIO:g} times the other. "
            f"Use a shape from 1:{MAX_RATIO:g} to {MAX_RATIO:g}:1."
        )
    return Aspect(shape, ratio)


def parse_aspects(texts: object) -> tuple[Aspect, ...]:
    """Read some shapes; one that comes twice counts once.

    Args:
        texts: an iterable of texts; one text alone is one shape.

    Raises:
        InvalidSetting: one of them cannot be used, or there is none, or there are more than anyone needs.
    """
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, (list, tuple, set, frozenset, dict)):
        raise InvalidSetting("The aspects were refused: they are not a list. Give a list such as ['1:1', '4:5'].")
    if not 0 < len(texts) <= _MAX_SHAPES:
        raise InvalidSetting(f"{len(texts)} aspects were asked for. Give 1 to {_MAX_SHAPES}, such as 4:5 or {FREE}.")
    found = {aspect.text: aspect for aspect in map(parse_aspect, texts)}
    return tuple(found.values())


def largest(ratio: float, size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the largest crop of a shape, in whole pixels, at least 1.

    Args:
        ratio: width over height.
        size: (width, height) of the photo.
    """
    width, height = size
    if width > height * ratio:
        return max(1, min(width, math.floor(height * ratio + 0.5))), height
    return width, max(1, min(height, math.floor(width / ratio + 0.5)))
