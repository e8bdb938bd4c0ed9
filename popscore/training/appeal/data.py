"""The rated photos: read, split into folds, degrade, augment.

Two sets, each with its own scale, so a rating is always used as a z score within its set:
`oasis`: 594 stock photos of 400 x 320 pixels, beauty rated 1-7 by 104 to 368 people, grouped by theme;
`avt`: 702 tiles of 80 x 80 pixels, appeal rated 1-5 by 11 to 41 people.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from popscore.errors import PopscoreError

FOLDS = 5
DEGRADATIONS = ("blur", "jpeg", "noise", "dark", "overexposed")


class TrainingDataMissing(PopscoreError, FileNotFoundError):
    """The folder with the rated photos is not there, or not complete."""


@dataclass(frozen=True)
class RatedPhoto:
    """One photo with what people thought of it.

    Attributes:
        rating: mean rating as a z score within its set.
        certainty: reliability of that mean in (0, 1]: share of its variance that is not rater noise.
        fold: 0 to 4; photos of one theme share a fold.
        category: `Scene`, `Object`, `Person` or `Animal` in oasis; the origin of the tile in avt.
    """

    file: Path
    dataset: str
    category: str
    rating: float
    certainty: float
    fold: int


def read_rated_photos(folder: Path, *, seed: int = 0) -> list[RatedPhoto]:
    """All photos of both sets, oasis first, in the order of their label files.

    Args:
        folder: holds `oasis/labels.csv`, `oasis/images/`, `avt/labels.csv`, `avt/tiles/`.
        seed: of the assignment to folds.

    Raises:
        TrainingDataMissing: a label file or a photo is not there.
    """
    for needed in ("oasis/labels.csv", "oasis/images", "avt/labels.csv", "avt/tiles"):
        if not (folder / needed).exists():
            raise TrainingDataMissing(
                f"{folder}: {needed} is missing. Training and its figures need the two sets of rated photos: "
                "oasis/labels.csv (image, category, beauty_mean, beauty_sd, raters, theme) with oasis/images/, and "
                "avt/labels.csv (tile, subset, mos, ci) with avt/tiles/. Name the folder that holds both: --data DIR"
            )
    return _read_oasis(folder / "oasis", seed) + _read_avt(folder / "avt", seed)


def _read_oasis(folder: Path, seed: int) -> list[RatedPhoto]:
    rows = _rows(folder / "labels.csv")
    means = np.array([float(row["beauty_mean"]) for row in rows])
    errors = np.array([float(row["beauty_sd"]) / float(row["raters"]) ** 0.5 for row in rows])
    folds = _folds([row["theme"] for row in rows], seed)
    return [
        RatedPhoto(_existing(folder / "images" / row["image"]), "oasis", row["category"], z, certainty, fold)
        for row, z, certainty, fold in zip(rows, *_standardise(means, errors), folds, strict=True)
    ]


def _read_avt(folder: Path, seed: int) -> list[RatedPhoto]:
    rows = _rows(folder / "labels.csv")
    means = np.array([float(row["mos"]) for row in rows])
    errors = np.array([float(row["ci"]) for row in rows]) / 1.96  # ci: half width of a 95 % interval
    folds = _folds([row["tile"] for row in rows], seed)
    return [
        RatedPhoto(_existing(folder / "tiles" / row["tile"]), "avt", row["subset"], z, certainty, fold)
        for row, z, certainty, fold in zip(rows, *_standardise(means, errors), folds, strict=True)
    ]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        raise TrainingDataMissing(f"{file}: the label file names no photo. Restore the folder.")
    return rows


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise TrainingDataMissing(f"{file}: the label file names this photo, but it is missing. Restore the folder.")
    return file


def _standardise(means: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    variance = means.var()
    certainty = variance / (variance + errors**2)
    return ((means - means.mean()) / means.std()).tolist(), certainty.tolist()


def _folds(groups: list[str], seed: int) -> list[int]:
    """Fold of each item; a group stays whole. In random order, each goes to the fold that is smallest so far."""
    names = sorted(set(groups))
    np.random.default_rng(seed).shuffle(names)
    sizes, fold_of = [0] * FOLDS, {}
    for name in names:
        fold_of[name] = sizes.index(min(sizes))
        sizes[fold_of[name]] += groups.count(name)
    return [fold_of[group] for group in groups]


def degrade(photo: Image.Image, kind: str, rng: np.random.Generator, *, strength: float = 1.0) -> Image.Image:
    """A clearly worse copy of a photo, at the photo's own size.

    Args:
        kind: one of DEGRADATIONS.
        strength: 1 is what the evaluation uses; smaller is milder, larger is harsher.
    """
    if kind == "blur":
        # Radius 8 on a photo of 512 pixels; scaled, so that a tile and a large photo lose the same detail.
        return photo.filter(ImageFilter.GaussianBlur(strength * 8 * max(photo.size) / 512))
    if kind == "jpeg":
        return save_as_jpeg(photo, max(1, round(6 / strength)))
    pixels: NDArray[np.floating[Any]] = np.asarray(photo, dtype=np.float32)
    if kind == "noise":
        pixels = pixels + rng.normal(0, 40 * strength, pixels.shape)
    elif kind == "dark":
        pixels = pixels * 0.25**strength
    elif kind == "overexposed":
        pixels = pixels * 2.0**strength + 40 * strength
    else:
        raise ValueError(f"{kind!r} is not one of {', '.join(DEGRADATIONS)}")
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def harmless_copy(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A copy that people would rate the same: cropped, mirrored, re-saved, a little brighter, sometimes smaller."""
    width, height = photo.size
    share_x = rng.uniform(0.75, 1)
    share_y = float(np.clip(share_x * rng.uniform(0.9, 1.1), 0.75, 1))
    left, top = rng.uniform(0, 1 - share_x) * width, rng.uniform(0, 1 - share_y) * height
    copy = photo.crop((int(left), int(top), int(left + share_x * width), int(top + share_y * height)))
    if rng.random() < 0.5:
        copy = copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.5:
        copy = ImageEnhance.Brightness(copy).enhance(rng.uniform(0.92, 1.08))
        copy = ImageEnhance.Color(copy).enhance(rng.uniform(0.9, 1.1))
    chance = rng.random()
    if chance < 0.35 and max(photo.size) > 150:  # tiles of 80 pixels are small enough
        share = rng.uniform(0.22, 0.6)
        kind = Image.Resampling.BILINEAR if chance < 0.2 else Image.Resampling.BICUBIC
        copy = copy.resize((round(copy.width * share), round(copy.height * share)), kind)
    elif chance < 0.6:
        copy = save_as_jpeg(copy, int(rng.integers(70, 95)))
    return copy


def save_as_jpeg(photo: Image.Image, quality: int) -> Image.Image:
    """The photo after one round through a JPEG file of this quality."""
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as saved:
        return saved.convert("RGB")


def squash(photo: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """(3, side, side) pixels of the whole photo, aspect ratio not kept, antialiased: what the model sees."""
    small = photo.resize((side_px, side_px), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))
