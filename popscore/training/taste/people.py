"""The people: their single ratings of the photos of OASIS, and what the embedded model sees in each photo."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popscore.errors import ModelRefused
from popscore.models import LoadedModel, load_model
from popscore.models.preprocess import to_input
from popscore.photos.decode import read_photo
from popscore.settings import Settings
from popscore.training.appeal.data import RatedPhoto, TrainingDataMissing, read_rated_photos

Floats = NDArray[np.float64]
RATINGS = "oasis/ratings.csv.gz"
_DRAWN = (2, 0, 3, 1)  # the order in which the lists were drawn from
_MOST_BYTES = 50_000_000  # of the ratings, unpacked


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """People's ratings, and the photos.

    Attributes:
        photos: the rated photos, oasis first.
        embeddings: (P, C) of all of them, by the embedded model.
        sha256: of that model.
        reference_mean, reference_std: of its scores.
        ratings: (U, N) of the N photos of oasis by U people who did not rate all photos alike; NaN where not rated.
        groups: (U,) number of the list of photos that a person was shown.
        choosing: (U,) whether a person belongs to the half that everything was chosen on; the others are asked at the
            end.
        themes: (N,) of the photos of oasis.
    """

    photos: list[RatedPhoto]
    embeddings: NDArray[np.float32]
    sha256: str
    reference_mean: float
    reference_std: float
    ratings: Floats
    groups: NDArray[np.intp]
    choosing: NDArray[np.bool_]
    themes: list[str]

    @property
    def count(self) -> int:
        """Photos of oasis: the ones that single people's ratings are known of."""
        return len(self.themes)


def read_people(folder: Path, *, kept: Path | None = None) -> People:
    """Read ratings and photos, and run the embedded model on each photo (60 to 100 ms each).

    Args:
        folder: holds `oasis/labels.csv`, `oasis/images/`, `oasis/ratings.csv.gz` (user, image, rating), and `avt/`.
        kept: an .npz file that keeps the embeddings from one run to the next, for one folder and model.

    Raises:
        TrainingDataMissing: a file is not there.
    """
    photos = read_rated_photos(folder)
    names = [photo.file.name for photo in photos if photo.dataset == "oasis"]
    with (folder / "oasis" / "labels.csv").open(newline="", encoding="utf-8") as stream:
        theme_of = {row["image"]: row["theme"] for row in csv.DictReader(stream)}
    ratings = read_ratings(folder / RATINGS, names)
    lists: dict[bytes, int] = {}
    groups = np.array([lists.setdefault(np.isnan(row).tobytes(), len(lists)) for row in ratings], np.intp)
    choosing, telling = _half(groups), np.nanstd(ratings, axis=1) > 0
    model = load_model(Settings())
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as file:
            embeddings = np.asarray(file["embeddings"], np.float32)
    else:
        embeddings = look(photos, model)
        if kept is not None:
            np.savez(kept, embeddings=embeddings)
    return People(
        photos=photos,
        embeddings=embeddings,
        sha256=model.info.sha256,
        reference_mean=model.info.spec.reference_mean,
        reference_std=model.info.spec.reference_std,
        ratings=ratings[telling],
        groups=groups[telling],
        choosing=choosing[telling],
        themes=[theme_of[name] for name in names],
    )


def read_ratings(file: Path, names: list[str]) -> Floats:
    """(U, N) ratings by each person, in the order of their codes, of each named photo; NaN where there is none.

    Raises:
        TrainingDataMissing: no such file, or no ratings in it.
    """
    if not file.is_file():
        raise TrainingDataMissing(f"{file}: the single ratings (user, image, rating) are missing. Restore the file.")
    with gzip.open(file, "rb") as packed:
        text = packed.read(_MOST_BYTES).decode("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    column = {name: number for number, name in enumerate(names)}
    people = {user: number for number, user in enumerate(sorted({row["user"] for row in rows}))}
    if not people:
        raise TrainingDataMissing(f"{file}: there is no rating in it. Restore the file.")
    ratings = np.full((len(people), len(names)), np.nan)
    for row in rows:
        if row["image"] in column:
            ratings[people[row["user"]], column[row["image"]]] = float(row["rating"])
    return ratings


def _half(groups: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(U,) half of the people of each group, drawn once, before anything was tried."""
    rng = np.random.default_rng(20261126)
    half = np.zeros(len(groups), np.bool_)
    for group in sorted(set(groups.tolist()), key=_DRAWN.index if groups.max() < len(_DRAWN) else None):
        members = np.flatnonzero(groups == group)
        rng.shuffle(members)
        half[members[: len(members) // 2]] = True
    return half


def look(photos: list[RatedPhoto], model: LoadedModel) -> NDArray[np.float32]:
    """(P, C) embeddings of the photos."""
    found: list[NDArray[np.float32]] = []
    for photo in photos:
        pixels = read_photo(photo.file).pixels
        embedding = model.session.predict(to_input(pixels, model.info.spec), embedding=True).embedding
        if embedding is None:
            raise ModelRefused("The model has no output called embedding. Use the embedded one.")
        found.append(embedding)
    return np.stack(found)
