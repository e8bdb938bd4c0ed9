"""Draws photos of several people, and pairs of which the redder photo was liked more: a truth quickly learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from popscore.posts import Pair, write_pairs

SIDE = 48


def draw_pairs(folder: Path, *, users: int = 12, each: int = 6, seed: int = 0) -> Path:
    """Write `pairs.csv` and `photos/`; the answer is the path of the former.

    Args:
        each: pairs of each person; no photo is in two.
    """
    random = np.random.default_rng(seed)
    photos = folder / "photos"
    photos.mkdir(parents=True)
    pairs = []
    for user in range(users):
        for number in range(each):
            names = [f"u{user}_{number}_{side}" for side in "ab"]
            reds = random.uniform((0.55, 0.0), (1.0, 0.45))
            for name, red in zip(names, reds, strict=True):
                noise = random.uniform(0, 90, (SIDE, SIDE, 3))
                noise[:, :, 0] += 160 * red  # the rest is blue, so that brightness says nothing
                noise[:, :, 2] += 160 * (1 - red)
                Image.fromarray(noise.astype(np.uint8)).save(photos / f"{name}.png")
            likes = [int(100 * np.exp(2 * red)) for red in reds]
            pairs.append(
                Pair(
                    winner=names[0],
                    loser=names[1],
                    user=f"user {user}",
                    probability=0.97,
                    gap_days=float(number),
                    winner_likes=likes[0],
                    loser_likes=likes[1],
                )
            )
    write_pairs(pairs, folder / "pairs.csv")
    return folder / "pairs.csv"
