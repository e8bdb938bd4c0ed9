"""Which pairs are learned from, which choose the weights, and which only measure the result. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from popscore.posts.pairs import Pair
from popscore.training.run_folder import RunRefused

PARTS = ("train", "validation", "test")
HELD_BACK = 0.1  # of the pairs, for validation, and as much for the test
LEAST_PER_PART = 5  # pairs; fewer measure nothing


def families_of(pairs: Sequence[Pair]) -> NDArray[np.intp]:
    """(P,) the family of each pair: pairs of one user, or with a photo in common, by any number of steps, are one."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(key: tuple[str, str]) -> tuple[str, str]:
        above = parent.setdefault(key, key)
        while above != parent[above]:
            parent[key] = parent[above]  # halves the way for the next one
            key, above = above, parent[above]
        return above

    for pair in pairs:
        first = root(("photo", pair.winner))
        others = [("photo", pair.loser), *([("user", pair.user)] if pair.user else [])]
        for other in others:
            parent[root(other)] = first = root(first)
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(root(("photo", pair.winner)), len(numbers)) for pair in pairs], np.intp)


def parts_of(families: NDArray[np.intp], *, seed: int, wanted: Sequence[int] = (1, 2)) -> NDArray[np.intp]:
    """(P,) the part of each pair, as an index into PARTS. A family is never divided.

    Families are handed out in random order: to the test, then to validation, as long as they fit. A part that none fits
    in gets the smallest that is left.

    Args:
        seed: of the order.
        wanted: the parts that are filled beside `train`.

    Raises:
        RunRefused: there are fewer families than parts.
    """
    parts = np.zeros(len(families), np.intp)
    sizes = np.bincount(families)
    if len(sizes) <= len(wanted):
        raise RunRefused(
            f"The pairs cannot be split: {len(wanted) + 1} groups that share no user and no photo are needed, so that "
            f"nobody is on two sides, and there are {len(sizes)}. Bring pairs of more users, or name tables of your "
            "own: --validation PAIRS --test PAIRS"
        )
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    part_of = np.zeros(len(sizes), np.intp)
    for part in sorted(wanted, reverse=True):  # the test first, so that it stays when the rest changes
        room = max(LEAST_PER_PART, round(HELD_BACK * len(families)))
        for index in order:
            if part_of[index] == 0 and sizes[index] <= room:
                part_of[index] = part
                room -= int(sizes[index])
        if not (part_of == part).any():
            left = [index for index in order if part_of[index] == 0]
            part_of[min(left, key=lambda index: sizes[index])] = part
    parts[:] = part_of[families]
    return parts
