"""The pairs of a study: read from a table, found in a folder of photos, in an order that its seed decides."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from popscore.foreign_text import shortened
from popscore.posts.pair_file import read_pairs
from popscore.posts.pair_scores import PhotoNames, names_of
from popscore.posts.table import UnreadableTable
from popscore.study.errors import StudyUnavailable
from popscore.study.folder import files_in

TRAINING_PAIRS = 8
"""Pairs at the start of a session whose truth is shown. Source: Ding, Ma & Wang 2019, section 4.3."""
SEED = 15


class StudyPair(NamedTuple):
    """Two photos of which one was liked more, as a study asks about them.

    Attributes:
        winner, loser: their names in the table.
        training: asked at the start of each session, with the truth shown afterwards, and counted apart.
        position: where it stands in the random order of the study; a number below 2^56.
    """

    winner: str
    loser: str
    training: bool
    position: int


@dataclass(frozen=True, kw_only=True)
class StudyPairs:
    """All that a study can ask about.

    Attributes:
        name: of the table, for messages.
        folder: that the photos lie in.
        pairs: in the random order; those for training first.
        paths: where the photo of each name lies.
        missing: how many pairs were left out because a photo is not in the folder.
        repeated: how many because the same two photos were paired before.
        unusable: rows of the table that are no pair.
    """

    name: str
    folder: Path
    pairs: Sequence[StudyPair]
    paths: Mapping[str, str]
    missing: int
    repeated: int
    unusable: int


def load_study_pairs(
    table: str | os.PathLike[str], *, images: str | os.PathLike[str] | None = None, seed: int = SEED
) -> StudyPairs:
    """Read the pairs, and find their photos. Nothing is decoded.

    Eight pairs are for training, or half of them where there are fewer than 16. Which ones, and the order of all,
    follows from the seed and the names of the photos, so that it is the same after a restart.

    Args:
        table: as `read_pairs` takes it.
        images: the folder with the photos; by default the one that the table lies in.
        seed: of the order.

    Raises:
        UnreadableTable: the table cannot be read, has no pair, or none whose photos are there.
        StudyUnavailable: there is no such folder.
    """
    path = Path(table)
    found = read_pairs(path)
    folder = Path(images) if images is not None else path.parent
    if not folder.is_dir():
        raise StudyUnavailable(
            f"The photos of the study cannot be had: there is no folder {shortened(folder.name)}. "
            "Set POPSCORE_STUDY_IMAGES to the folder that they lie in."
        )
    there = set(files_in(folder))
    wanted = [name for name in names_of(found.pairs) if _is_text(name)]
    # Most tables write names out, and those that do need no list of shortened ones.
    others = PhotoNames(there) if any(name not in there for name in wanted) else None
    places = ((name, name if name in there else others and others.find(name)) for name in wanted)
    # Texts, because 100,000 objects of pathlib cost a second.
    paths = {name: f"{folder}{os.sep}{place}" for name, place in places if place is not None}
    kept: list[tuple[int, str, str]] = []
    seen: set[tuple[str, str]] = set()
    missing = repeated = 0
    for pair in found.pairs:
        winner, loser = paths.get(pair.winner), paths.get(pair.loser)
        if winner is None or loser is None or winner == loser:  # one photo by two of its names
            missing += 1
        elif (both := (winner, loser) if winner < loser else (loser, winner)) in seen:
            repeated += 1
        else:
            seen.add(both)
            kept.append((_position(pair.winner, pair.loser, seed), pair.winner, pair.loser))
    if not kept:
        raise UnreadableTable(
            f"None of the {missing} pairs of {shortened(path.name)} has both of its photos in the folder "
            f"{shortened(folder.name or str(folder))}. Set POPSCORE_STUDY_IMAGES to the folder that they lie in."
        )
    kept.sort()
    training = min(TRAINING_PAIRS, len(kept) // 2)
    return StudyPairs(
        name=shortened(path.name),
        folder=folder,
        pairs=[
            StudyPair(winner, loser, place < training, position) for place, (position, winner, loser) in enumerate(kept)
        ],
        paths=paths,
        missing=missing,
        repeated=repeated,
        unusable=found.failed,
    )


def _position(winner: str, loser: str, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed}\0{winner}\0{loser}".encode(), digest_size=7)
    return int.from_bytes(digest.digest())


def _is_text(name: str) -> bool:
    """Whether SQLite can keep it: JSON may hold halves of letters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
