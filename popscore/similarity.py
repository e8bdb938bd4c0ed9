"""Near-duplicates: what a picture looks like in a few bytes, and which pictures look the same."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

_SIDE = 12


def signature(pixels: Image.Image) -> bytes:
    """What a picture looks like, in a few bytes.

    Args:
        pixels: upright, mode RGB, any size.
    """
    small = pixels.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return small.convert("L").tobytes()


def groups(signatures: Sequence[bytes], taken_s: Sequence[float | None], order: Sequence[int]) -> list[int]:
    """Number of the group of near-duplicates of each photo, 1 and up in the order given by `order`.

    Args:
        signatures: of the photos, see `signature`.
        taken_s: when each was taken, in seconds; None where that is not known.
        order: indices of the photos, best first. A photo joins the group of the first better photo that
            it resembles and that is the best of its group, so groups do not drift.

    Returns:
        The group of each photo, in the order of `signatures`.
    """
    grid = np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), -1).astype(np.float32)
    grid -= grid.mean(axis=1, keepdims=True)
    grid /= np.maximum(np.linalg.norm(grid, axis=1, keepdims=True), 1e-6)
    found = [0] * len(signatures)
    count = 0
    for index in order:
        if found[index]:
            continue
        count += 1
        close = np.flatnonzero(grid @ grid[index] > 0.97)
        found[index] = count
        for other in close:
            if not found[other]:
                found[other] = count
    return found
