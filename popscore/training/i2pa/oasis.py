"""The proof on real ratings: python -m popscore.training.i2pa.oasis --data DIR --out DIR

Pairs from the photos of OASIS whose mean ratings of beauty lie more than one standard deviation of the set apart.
Themes are dealt out to five folds of test photos; of the rest a tenth chooses the weights. No theme is on two sides,
and so is no photo. A backbone that knows ImageNet, and no rating, stays frozen; a linear head learns from the pairs.

`--flips 0 .1 .2 .3 .4` repeats it with wrong labels among the training pairs, as in the paper's table.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popscore.errors import PopscoreError
from popscore.posts.pair_file import write_pairs
from popscore.posts.pairs import Pair
from popscore.results import FailedPhoto
from popscore.scoring.scorer import load_scorer
from popscore.settings import Settings
from popscore.training.appeal.data import TrainingDataMissing
from popscore.training.errors import require
from popscore.training.i2pa.figures import RankerRun, Words
from popscore.training.i2pa.recipe import Recipe

Bools = NDArray[np.bool_]
FOLDS = 5
EPOCHS = 40
_DRAWS = 1000
_LIKES = 100  # for one unit of the ratings, from 1 to 7: likes are whole numbers

RECIPE = Recipe(
    backbone="lite2",
    freeze=True,
    mirror=True,
    side=240,
    batch=4096,  # a step costs what its photos cost, and there are few
    head_rate=3e-3,
    rate_decay=0.9,
    weight_decay=1.0,  # 1,840 numbers of some 420 photos are learned by heart without it
)
"""The weight decay was chosen by the validation pairs of all folds, see LOG.md."""


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A photo of OASIS."""

    name: str
    theme: str
    rating: float


@dataclass(frozen=True, kw_only=True)
class Right:
    """Which test pairs came out right, over all folds.

    Attributes:
        right: (P,) 1, .5 for a tie, or 0.
        themes: (P, 2) numbers of the themes of both photos.
    """

    right: NDArray[np.float64]
    themes: NDArray[np.intp]

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return float(self.right.mean())

    def interval(self) -> tuple[float, float]:
        """95 %, by drawing themes with all their pairs: pairs share photos, so that they are far from independent."""
        random = np.random.default_rng(0)
        count = int(self.themes.max()) + 1
        means = []
        for _ in range(_DRAWS):
            drawn = np.bincount(random.integers(count, size=count), minlength=count)
            weights = drawn[self.themes[:, 0]] * drawn[self.themes[:, 1]]
            means.append(float((weights * self.right).sum() / weights.sum()))
        low, high = np.quantile(means, (0.025, 0.975))
        return float(low), float(high)


def read_oasis(folder: Path) -> list[Rated]:
    """The photos with their mean ratings of beauty.

    Raises:
        TrainingDataMissing: the folder has no labels.csv with image, beauty_mean and theme.
    """
    try:
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [Rated(name=row["image"], theme=row["theme"], rating=float(row["beauty_mean"])) for row in rows]
    except (OSError, KeyError, ValueError) as error:
        raise TrainingDataMissing(
            f"{folder} has no labels.csv with the columns image, beauty_mean and theme. "
            "Name the folder oasis: --data DIR"
        ) from error


def pairs_of(photos: Sequence[Rated], *, apart: float) -> list[Pair]:
    """All pairs whose ratings differ by more than this. They may cross themes, so they have no user."""
    return [
        Pair(
            winner=one.name,
            loser=other.name,
            user="",
            probability=None,
            gap_days=None,
            winner_likes=round(_LIKES * one.rating),
            loser_likes=round(_LIKES * other.rating),
        )
        for one in photos
        for other in photos
        if one.rating - other.rating > apart
    ]


def split(photos: Sequence[Rated], fold: int, *, seed: int = 0) -> Mapping[str, list[Rated]]:
    """Photos to learn from, to choose by, and to test on; no theme is on two sides. Every photo is in one test set.

    Args:
        fold: 0 to 4.
        seed: of the order of the themes.
    """
    themes = sorted({photo.theme for photo in photos})
    order = np.random.default_rng(seed).permutation(len(themes)).tolist()
    place = {themes[index]: number for number, index in enumerate(order)}
    found: dict[str, list[Rated]] = {"train": [], "validation": [], "test": []}
    for photo in photos:
        number = place[photo.theme]
        held = number // FOLDS % 10 == 0  # a tenth of what is left
        part = "test" if number % FOLDS == fold else ("validation" if held else "train")
        found[part].append(photo)
    return found


def trained(data: Path, out: Path, photos: Sequence[Rated], fold: int, recipe: Recipe, *, epochs: int) -> RankerRun:
    """Train on one fold, as the command `train` does.

    Args:
        data: folder of OASIS.
        out: for the tables, the run and what is read of photos.
    """
    from popscore.training.i2pa.train import train_ranker

    apart = float(np.std([photo.rating for photo in photos]))
    tables = out / f"fold-{fold}"
    tables.mkdir(parents=True, exist_ok=True)
    for part, some in split(photos, fold).items():
        write_pairs(pairs_of(some, apart=apart), tables / f"{part}.csv")
    found = train_ranker(
        tables / "train.csv",
        images=data / "images",
        out=out / f"run-{fold}-{recipe.backbone}-{recipe.flip:g}",
        recipe=recipe,
        epochs=epochs,
        validation=tables / "validation.csv",
        test=tables / "test.csv",
        cache=out / "cache",
        words=Words(
            name="oasis-ranker",
            kind="appeal",
            training_data="OASIS, mean ratings of beauty, themes of one fold left out",
        ),
    )
    if found is None:
        raise RuntimeError("one process trains this")
    return found


def scores_of(model: Path | None, data: Path, photos: Sequence[Rated]) -> dict[str, float]:
    """What a model file says of photos, as `score` says it; the embedded model where there is no file."""
    scorer = load_scorer(Settings(model_path=model), exact=True)
    outcomes = scorer.score_many([str(data / "images" / photo.name) for photo in photos])
    return {
        photo.name: outcome.score
        for photo, outcome in zip(photos, outcomes, strict=True)
        if not isinstance(outcome, FailedPhoto)
    }


def right_of(folds: Sequence[tuple[Sequence[Rated], Mapping[str, float]]], *, apart: float) -> Right:
    """Which pairs came out right, in several sets of photos with their scores."""
    numbers: dict[str, int] = {}
    right, themes = [], []
    for photos, scores in folds:
        theme = {photo.name: numbers.setdefault(photo.theme, len(numbers)) for photo in photos}
        for pair in pairs_of([photo for photo in photos if photo.name in scores], apart=apart):
            gap = scores[pair.winner] - scores[pair.loser]
            right.append(1.0 if gap > 0 else (0.5 if gap == 0 else 0.0))
            themes.append((theme[pair.winner], theme[pair.loser]))
    return Right(right=np.array(right), themes=np.array(themes, np.intp))


def main(argv: list[str] | None = None) -> int:
    """Train on the folds and print the accuracies. Returns 0, or 2 when data or packages are missing."""
    parser = argparse.ArgumentParser(prog="python -m popscore.training.i2pa.oasis", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of OASIS: labels.csv and images/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--backbone", default=RECIPE.backbone, help="see train")
    parser.add_argument("--folds", type=int, nargs="+", default=[0], choices=range(FOLDS), help="test folds (0)")
    parser.add_argument("--flips", type=float, nargs="+", default=[0.0], help="shares of wrong labels (0)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args(argv)
    try:
        require("torch", "onnx", purpose="The proof on OASIS")
        photos = read_oasis(options.data)
        _measure(photos, options)
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _measure(photos: Sequence[Rated], options: argparse.Namespace) -> None:
    apart = float(np.std([photo.rating for photo in photos]))
    print(f"{len(photos)} photos, {len({photo.theme for photo in photos})} themes, ratings more than {apart:.2f} apart")
    embedded = None
    for flip in options.flips:
        recipe, folds, before = replace(RECIPE, backbone=options.backbone, flip=flip), [], []
        for fold in options.folds:
            start, worked = time.monotonic(), time.process_time()
            found = trained(options.data, options.out, photos, fold, recipe, epochs=options.epochs)
            test = split(photos, fold)["test"]
            folds.append((test, scores_of(found.model, options.data, test)))
            before.append((found.before, found.test.pairs))
            print(
                f"  fold {fold}, {100 * flip:.0f} % wrong labels: {100 * found.before:.2f} % before, "
                f"{100 * found.test.accuracy:.2f} % after, {found.test.pairs} pairs, {time.monotonic() - start:.0f} s, "
                f"{time.process_time() - worked:.0f} s of CPU"
            )
        first = sum(share * count for share, count in before) / sum(count for _, count in before)
        name = f"{options.backbone}, {100 * flip:.0f} % wrong labels: {100 * first:.2f} % before"
        print(f"{name}, {_shown(right_of(folds, apart=apart))} after")
        if embedded is None:
            everyone = scores_of(None, options.data, [photo for some, _ in folds for photo in some])
            embedded = right_of([(some, everyone) for some, _ in folds], apart=apart)
    if embedded is not None:
        print(f"embedded model, fitted on these photos, so that this is no figure for others: {_shown(embedded)}")


def _shown(right: Right) -> str:
    low, high = (100 * end for end in right.interval())
    return (
        f"{100 * right.accuracy:.2f} % (95 % interval {low:.2f} to {high:.2f} over themes, {len(right.right):,} pairs)"
    )


if __name__ == "__main__":
    sys.exit(main())
