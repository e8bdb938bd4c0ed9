"""Tables of pairs and a folder of photos as what training needs. Imports no torch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popscore.errors import NoPhotosFound
from popscore.foreign_text import shortened
from popscore.photos.find import find_photos
from popscore.posts.pair_file import read_pairs
from popscore.posts.pair_scores import PhotoNames, names_of
from popscore.posts.pairs import Pair
from popscore.posts.posts import RowError
from popscore.training.i2pa.split import LEAST_PER_PART, PARTS, families_of, parts_of
from popscore.training.run_folder import RunRefused

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of pairs of a run.

    Attributes:
        pairs: all of them.
        validation, test: their own; None where a tenth of the users is held back.
    """

    pairs: Path
    validation: Path | None = None
    test: Path | None = None

    def sha256(self) -> dict[str, str | None]:
        """Of each file, by name; None where there is none."""
        given = {"pairs": self.pairs, "validation": self.validation, "test": self.test}
        return {f"{name}_sha256": None if path is None else _sha256(path) for name, path in given.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedPhotos:
    """P pairs of N photos.

    Attributes:
        pairs: as read.
        winners, losers: (P,) indices of photos.
        parts: (P,) index into PARTS.
        names, files: (N,) what pairs call a photo, and where it is; None where it is missing.
        errors: rows that cannot be used, the first 1,000 of them for each table.
        failed: how many rows cannot.
        shared: how many pairs were left out of training, since a user or a photo of theirs is held back by name.
    """

    pairs: Sequence[Pair]
    winners: Indices
    losers: Indices
    parts: Indices
    names: Sequence[str]
    files: Sequence[Path | None]
    errors: Sequence[RowError] = ()
    failed: int = 0
    shared: int = 0

    def part(self, name: str, usable: NDArray[np.bool_]) -> Indices:
        """Indices of the pairs of a part both of whose photos can be used.

        Args:
            usable: (N,) which photos can.
        """
        both = usable[self.winners] & usable[self.losers]
        return np.flatnonzero(both & (self.parts == PARTS.index(name)))

    @cached_property
    def likes(self) -> NDArray[np.float64]:
        """(P, 2) likes of winner and loser; not a number where they are not known, or 0."""
        return np.array([[_known(pair.winner_likes), _known(pair.loser_likes)] for pair in self.pairs], np.float64)


def _known(likes: int | None) -> float:
    return float(likes) if likes else math.nan


def read(tables: Tables, images: Path, *, seed: int) -> PairedPhotos:
    """Read the tables, find the photos, and hold back what is not to be learned from.

    Args:
        images: folder with the photos.
        seed: of the order in which users are held back.

    Raises:
        UnreadableTable, ParquetMissing: a table cannot be read, or has no pair.
        NoPhotosFound: the folder is none, or has no photo.
        RunRefused: there are too few pairs or users, or none of the photos is there.
    """
    given = {0: tables.pairs, 1: tables.validation, 2: tables.test}
    found = {part: read_pairs(path) for part, path in given.items() if path is not None}
    pairs, shared = list(found[0].pairs), 0
    if len(found) > 1:
        before = len(pairs)
        pairs = apart_from(pairs, [pair for part, table in found.items() if part for pair in table.pairs])
        shared = before - len(pairs)
        if not pairs:
            raise RunRefused("All pairs share a user or a photo with those that are held back. Bring other pairs.")
    wanted = [part for part in (1, 2) if part not in found]
    parts = [parts_of(families_of(pairs), seed=seed, wanted=wanted) if wanted else np.zeros(len(pairs), np.intp)]
    for part in (1, 2):
        if part in found:
            pairs += found[part].pairs
            parts.append(np.full(len(found[part].pairs), part, np.intp))
    names = sorted(names_of(pairs))  # in the same order, whatever is held back
    place = {name: number for number, name in enumerate(names)}
    return PairedPhotos(
        pairs=pairs,
        winners=np.array([place[pair.winner] for pair in pairs], np.intp),
        losers=np.array([place[pair.loser] for pair in pairs], np.intp),
        parts=np.concatenate(parts),
        names=names,
        files=files_of(names, images),
        errors=[error for table in found.values() for error in table.errors],
        failed=sum(table.failed for table in found.values()),
        shared=shared,
    )


def apart_from(pairs: Sequence[Pair], others: Sequence[Pair]) -> list[Pair]:
    """The pairs that share neither a user nor a photo with others."""
    users = {pair.user for pair in others if pair.user}
    photos = set(names_of(others))
    return [pair for pair in pairs if pair.user not in users and not {pair.winner, pair.loser} & photos]


def files_of(names: Sequence[str], images: Path) -> list[Path | None]:
    """The file of each photo in a folder, found as `evaluate` finds it; None where it is missing or not the only one.

    Raises:
        NoPhotosFound: the folder is none, or has no photo.
        RunRefused: none of the photos is in it.
    """
    if not images.is_dir():
        raise NoPhotosFound(f"--images {shortened(str(images))} is no folder. Name the folder with the photos.")
    there = find_photos([images])
    if not there.photos and there.errors:
        raise there.errors[0].error
    paths = {Path(path).relative_to(images).as_posix(): Path(path) for path in there.photos}
    folder = PhotoNames(paths)
    places = [folder.find(name) for name in names]
    if not any(place is not None for place in places):
        raise RunRefused(
            f"None of the {len(names)} photos of the pairs is in {shortened(str(images))}: no {shortened(names[0])}, "
            "with .jpg or without. Name the folder that holds them: --images DIR"
        )
    return [None if place is None else paths[place] for place in places]


def check_parts(paired: PairedPhotos, usable: NDArray[np.bool_]) -> None:
    """Refuse parts that teach or measure nothing.

    Raises:
        RunRefused: a part has fewer than five pairs.
    """
    for name in PARTS:
        count = len(paired.part(name, usable))
        if count < LEAST_PER_PART:
            raise RunRefused(
                f"Only {count} pairs with both photos are left for the part {name}, of {len(paired.pairs)} in all; "
                f"{LEAST_PER_PART} are needed. Bring more pairs, or pairs of more users."
            )


def check_likes(paired: PairedPhotos, loss: str) -> None:
    """Refuse pairs without likes where the loss needs them.

    Raises:
        RunRefused: some likes are not known, or are 0.
    """
    missing = int(np.isnan(paired.likes).any(axis=1).sum()) if loss != "ranknet" else 0
    if missing:
        raise RunRefused(
            f"The loss {loss} needs the columns winner_likes and loser_likes, above 0; {missing} of "
            f"{len(paired.pairs)} pairs lack one. "
            "Make them with: popscore pairs POSTS --out PAIRS; or choose --loss ranknet."
        )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunRefused(f"{shortened(path.name or str(path))} cannot be read: {reason}. Check the path.") from error
