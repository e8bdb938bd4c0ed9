"""The UCF Selfie data set as it is published: one line per selfie, separated by blanks.

File name, popularity score, 36 attributes in {-1, 0, 1}. Source: Kalayeh, Seifu, LaLanne & Shah 2015, "How to Take a
Good Selfie?", and the file that comes with their data. The file names there lack the ending .jpg.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popscore.errors import PopscoreError
from popscore.files.opening import NotRegular, limited_bytes
from popscore.foreign_text import shortened

ATTRIBUTES = (
    "partial_faces", "is_female", "baby", "child", "teenager", "youth", "middle_age", "senior", "white", "black",
    "asian", "oval_face", "round_face", "heart_face", "smiling", "mouth_open", "frowning", "wearing_glasses",
    "wearing_sunglasses", "wearing_lipstick", "tongue_out", "duck_face", "black_hair", "blond_hair", "brown_hair",
    "red_hair", "curly_hair", "straight_hair", "braid_hair", "showing_cellphone", "using_earphone", "using_mirror",
    "braces", "wearing_hat", "harsh_lighting", "dim_lighting",
)  # fmt: skip
"""In the order of the file."""

POPULAR_FROM = 4.5
"""Popularity score from which a selfie counts as popular. Source: the notebook of the Selfie Popularity Predictor."""

_FIELDS = 2 + len(ATTRIBUTES)
_ENDINGS = ("", ".jpg", ".jpeg", ".png")
_MAX_BYTES = 200_000_000  # the published file has 6 MB
_VALUES = {"-1": -1, "0": 0, "1": 1}


class DatasetRefused(PopscoreError, ValueError):
    """The file is not one of the UCF Selfie format, or its selfies are not enough to learn from."""


@dataclass(frozen=True, kw_only=True)
class Selfie:
    """One line.

    Attributes:
        name: of the picture, as the file writes it.
        score: popularity: log2 of views, normalised by the age of the post.
        attributes: 36 numbers, see `ATTRIBUTES`; 1 yes, -1 no, 0 not known.
    """

    name: str
    score: float
    attributes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The lines of a file.

    Attributes:
        sha256: of the file.
    """

    selfies: tuple[Selfie, ...]
    sha256: str


def read_dataset(path: Path) -> Dataset:
    """Read and check every line; empty ones are left out.

    Raises:
        DatasetRefused: the file cannot be read, or a line is not as it must be; the message has its number.
    """
    name = shortened(path.name or str(path))
    try:
        content = limited_bytes(path, _MAX_BYTES)
        text = "" if isinstance(content, int) else content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetRefused(f"{name} was refused: it is no text. Name the file selfie_dataset.txt.") from None
    except (OSError, ValueError, NotRegular) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetRefused(f"{name} cannot be read: {reason}. Check the path.") from error
    if isinstance(content, int):
        raise DatasetRefused(
            f"{name} was refused: {content / 1e6:.0f} MB is more than such a file has. Check the path."
        )
    selfies: list[Selfie] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            selfie = _selfie(line, f"{name}, line {number}")
            before = lines.setdefault(selfie.name, number)
            if before != number:
                raise DatasetRefused(
                    f"{name}, line {number}: {shortened(selfie.name)} is in line {before} already. Remove one of them."
                )
            selfies.append(selfie)
    if not selfies:
        raise DatasetRefused(f"{name} was refused: it has no line. Name the file selfie_dataset.txt.")
    return Dataset(selfies=tuple(selfies), sha256=hashlib.sha256(content).hexdigest())


def _selfie(line: str, place: str) -> Selfie:
    fields = line.split()
    if len(fields) != _FIELDS:
        what = "is too short" if len(fields) < _FIELDS else "is too long"
        raise DatasetRefused(
            f"{place} {what}: {len(fields)} values instead of {_FIELDS} (name, popularity score, "
            f"{len(ATTRIBUTES)} attributes). Mend or remove it."
        )
    name, score = fields[:2]
    # It becomes part of a path, which must not lead out of the folder.
    if "/" in name or "\\" in name or name in (".", "..") or not name.isprintable():
        raise DatasetRefused(f"{place}: {shortened(name)!r} is no file name. Pictures lie side by side in one folder.")
    try:
        value = float(score)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetRefused(f"{place}: the popularity score {score[:40]!r} is not a number. Mend or remove it.")
    for attribute, found in zip(ATTRIBUTES, fields[2:], strict=True):
        if found not in _VALUES:
            raise DatasetRefused(
                f"{place}: the attribute {attribute} is {found[:40]!r}; it must be -1, 0 or 1. Mend or remove it."
            )
    return Selfie(name=name, score=value, attributes=tuple(_VALUES[found] for found in fields[2:]))


def files_of(dataset: Dataset, folder: Path) -> list[Path | None]:
    """The picture of each selfie, with or without an ending in the data set; None where it is missing.

    Raises:
        DatasetRefused: there is no such folder, or none of the pictures is in it.
    """
    try:
        there = {entry.name for entry in folder.iterdir()}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DatasetRefused(f"The pictures in {folder} cannot be listed: {reason}. Check --images.") from error
    found: list[Path | None] = []
    for selfie in dataset.selfies:
        name = next((selfie.name + ending for ending in _ENDINGS if selfie.name + ending in there), None)
        found.append(None if name is None else folder / name)
    if not any(found):
        raise DatasetRefused(
            f"None of the {len(found)} pictures is in {folder}: no {shortened(dataset.selfies[0].name)}, with .jpg or "
            "without. Name the folder that holds them: --images DIR"
        )
    return found


def popular(scores: NDArray[np.float64], popular_from: float | None) -> tuple[NDArray[np.bool_], float]:
    """(N,) which selfies are popular, and the score from which they are.

    Args:
        scores: (N,) popularity scores.
        popular_from: the least score of a popular one; None for the better half, that is from the median.

    Raises:
        DatasetRefused: all of them are, or none.
    """
    threshold = float(np.median(scores)) if popular_from is None else popular_from
    found = scores >= threshold
    if found.all() or not found.any():
        which = "All" if found.all() else "None"
        raise DatasetRefused(
            f"{which} of the {len(scores)} selfies have a popularity score of {threshold:g} or more, so there is "
            "nothing to tell apart. Choose another score, or the better half: --popular half"
        )
    return found, threshold
