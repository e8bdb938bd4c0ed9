"""The command `train-selfie`. What it needs beyond scoring is imported when it runs."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.answers import json_text
from popscore.cli.arguments import Commands, add_json, whole_number, whole_number_or_zero
from popscore.cli.terminal import ALL_WELL, Progress, complain, write
from popscore.foreign_text import printable
from popscore.training.errors import require

if TYPE_CHECKING:
    from popscore.training.selfie.figures import Measured
    from popscore.training.selfie.train import SelfieRun


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    train = commands.add_parser(
        "train-selfie",
        help="train a selfie model on selfies with popularity scores",
        description="Train a selfie model on a data set in the format of the UCF Selfie data set: a line for each "
        "selfie with file name, popularity score and 36 attributes. A run that was stopped goes on when the same "
        "command is given again.",
    )
    train.add_argument("dataset", type=Path, metavar="DATASET", help="selfie_dataset.txt")
    train.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder with the pictures")
    train.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="folder of the run, with model.onnx at the end"
    )
    train.add_argument(
        "--popular",
        type=_popular,
        default=4.5,
        metavar="SCORE",
        help="popular from this score on, or half: the better half (4.5)",
    )
    train.add_argument(
        "--network",
        choices=("convolutional", "head"),
        default="convolutional",
        help="five blocks of convolutions from nothing, or a head on what the embedded model sees",
    )
    train.add_argument(
        "--view", choices=("photo", "face"), default="photo", help="look at the whole picture or its face"
    )
    train.add_argument("--epochs", type=whole_number, default=40, metavar="N", help="passes over the selfies (40)")
    train.add_argument("--batch", type=whole_number, default=64, metavar="N", help="selfies per step (64)")
    train.add_argument(
        "--seed", type=whole_number_or_zero, default=0, metavar="N", help="of all that is drawn at random (0)"
    )
    train.add_argument("--name", metavar="TEXT", default="popscore-selfie", help="what to call the model")
    train.add_argument("--license", metavar="TEXT", help="its licence")
    train.add_argument("--training-data", metavar="TEXT", help="what it was trained on, for its metadata")
    add_json(train)
    return train


def _popular(text: str) -> float | None:
    if text == "half":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is neither a score nor half")
    return value


def run(options: argparse.Namespace) -> int:
    """Train the model and say how good it is."""
    require("torch", "onnx", purpose="train-selfie")
    from popscore.training.selfie.recipe import Recipe
    from popscore.training.selfie.train import Words, train_selfie

    recipe = Recipe(
        popular_from=options.popular,
        network=options.network,
        view=options.view,
        seed=options.seed,
        batch=options.batch,
    )
    with Progress() as photos, Progress("epochs") as epochs:
        found = train_selfie(
            options.dataset,
            images=options.images,
            out=options.out,
            recipe=recipe,
            epochs=options.epochs,
            words=Words(name=options.name, licence=options.license, training_data=options.training_data),
            told_pictures=photos.update,
            told_epoch=lambda epoch, _: epochs.update(epoch + 1, options.epochs),
        )
    if found.counts["missing"]:
        names = ", ".join(printable(name) for name in found.missing)
        complain(
            f"{found.counts['missing']} pictures are missing: {names}{' …' if found.counts['missing'] > 10 else ''}"
        )
    write(json_text(found.to_json()) if options.json else _text(found))
    return ALL_WELL


def _text(found: "SelfieRun") -> str:
    left_out = ", ".join(f"{count} {state}" for state, count in found.counts.items() if state != "used" and count)
    parts = ", ".join(f"{count} {part}" for part, count in found.parts.items())
    lines = [
        f"written     {found.model}",
        f"selfies     {found.counts['used']} used ({parts})" + (f"; left out: {left_out}" if left_out else ""),
        f"popular     from a popularity score of {found.threshold:g} on",
        f"epochs      {found.epochs}, the best was {found.best_epoch}",
        "",
        "on the test selfies       number  accuracy   95 % interval   popular  called so",
        _row("all", found.whole),
        *(_row(name, group) for name, group in found.groups.items()),
        f"{'always the more frequent':<24}{'':>8}{found.majority:>10.3f}",
        "",
        "Groups are those of the data set. Where more of one group are called popular than of another, the model",
        "passes on a bias of its data: it says nothing about anybody, and is no advice.",
        f"try it      POPSCORE_SELFIE_MODEL={found.model} python -m popscore selfie PHOTO",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, group: "Measured") -> str:
    low, high = group.interval
    interval = f"{low:.3f} - {high:.3f}"
    shares = f"{group.popular:>10.3f}{group.called_popular:>11.3f}"
    return f"{name:<24}{group.count:>8}{group.accuracy:>10.3f}{interval:>16}{shares}"
