"""Which selfies are learned from, which choose the weights, and which only measure the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "validation", "test")
HELD_BACK = 0.1  # for validation, and as much for the test
LEAST_PER_PART = 5  # selfies; fewer measure nothing
# A family larger than this share of all goes to training: it would be most of a part by itself.
_LARGE = 0.02


def parts_of(families: Sequence[int], *, seed: int) -> NDArray[np.intp]:
    """(N,) the part of each selfie, as an index into PARTS. A family is never divided.

    Args:
        families: (N,) a number for the family of each selfie, see `similarity.apart`.
        seed: of the order in which families are handed out.
    """
    of = np.array(families, np.intp)
    parts = np.zeros(len(of), np.intp)
    names, sizes = np.unique(of, return_counts=True)
    wanted = max(LEAST_PER_PART, round(HELD_BACK * len(of)))
    left = {2: wanted, 1: wanted}  # the test set is filled first, so that it stays when the rest changes
    largest = max(1, round(_LARGE * len(of)))
    for index in np.random.default_rng(seed).permutation(len(names)).tolist():
        size = int(sizes[index])
        part = next((part for part, room in left.items() if size <= min(room, largest)), None)
        if part is not None:
            parts[of == names[index]] = part
            left[part] -= size
    return parts
