"""Which selfies are learned from, which choose the weights, and which only measure the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from popscore.photos.similarity import apart

PARTS = ("train", "validation", "test")
HELD_BACK = 0.1  # for validation, and as much for the test
LEAST_PER_PART = 5  # selfies; fewer measure nothing
# A family larger than this share of all goes to training: it would be most of a part by itself.
_LARGE = 0.02


def parts_of(signatures: Sequence[bytes], *, seed: int) -> NDArray[np.intp]:
    """(N,) the part of each selfie, as an index into PARTS. Near-duplicates share one, along whole chains of them.

    Args:
        signatures: of the selfies, see `similarity.signature`.
        seed: of the order in which families are handed out.
    """
    families = np.array(apart(signatures), np.intp)
    parts = np.zeros(len(families), np.intp)
    names, sizes = np.unique(families, return_counts=True)
    wanted = max(LEAST_PER_PART, round(HELD_BACK * len(families)))
    left = {2: wanted, 1: wanted}  # the test set is filled first, so that it stays when the rest changes
    largest = max(1, round(_LARGE * len(families)))
    for index in np.random.default_rng(seed).permutation(len(names)).tolist():
        size = int(sizes[index])
        part = next((part for part, room in left.items() if size <= min(room, largest)), None)
        if part is not None:
            parts[families == names[index]] = part
            left[part] -= size
    return parts
