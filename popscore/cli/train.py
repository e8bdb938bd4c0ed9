"""The command `train`. What it needs beyond scoring is imported when it runs."""

import argparse
import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popscore.cli.answers import json_text
from popscore.cli.arguments import Commands, add_json, fitting_number, whole_number, whole_number_or_zero
from popscore.cli.terminal import ALL_WELL, SOME_FAILED, Progress, complain, complain_about, write
from popscore.training.errors import require

if TYPE_CHECKING:
    from popscore.posts.evaluation import Evaluation
    from popscore.training.i2pa.figures import RankerRun


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    train = commands.add_parser(
        "train",
        help="train a model of your own on pairs of photos",
        description="Train a ranker on pairs of photos. The defaults are those of the paper, Ding, Ma & Wang 2019. A "
        "run that was stopped goes on when the same command is given again.",
    )
    train.add_argument("pairs", type=Path, metavar="PAIRS", help="a table of pairs, as `popscore pairs` writes it")
    train.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder with the photos")
    train.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="folder of the run, with model.onnx at the end"
    )
    held = train.add_argument_group("pairs that are held back", "By default a tenth each, of users of their own.")
    held.add_argument("--validation", type=Path, metavar="PAIRS", help="a table of pairs that choose the weights")
    held.add_argument("--test", type=Path, metavar="PAIRS", help="a table of pairs that only measure the result")
    network = train.add_argument_group("network")
    network.add_argument(
        "--backbone",
        default="resnet50",
        metavar="NAME",
        help="of torchvision or timm, or one of popscore's own: lite2, nima, lite2+nima, small (resnet50)",
    )
    network.add_argument(
        "--weights", default="imagenet", metavar="FILE", help="its weights: imagenet, none, or a file (imagenet)"
    )
    network.add_argument("--freeze", action="store_true", help="leave the backbone as it is: only the head learns")
    network.add_argument(
        "--warm-up", type=whole_number_or_zero, default=0, metavar="N", help="epochs of the head alone first (0)"
    )
    network.add_argument(
        "--head", choices=("linear", "mlp"), default="linear", help="a linear layer, or a hidden one before"
    )
    network.add_argument("--dropout", type=_number, default=0.0, metavar="SHARE", help="of the head's inputs (0)")
    learning = train.add_argument_group("learning")
    learning.add_argument(
        "--loss", choices=("ranknet", "ratio", "regression"), default="ranknet", help="what a pair costs (ranknet)"
    )
    learning.add_argument("--epochs", type=whole_number, default=20, metavar="N", help="passes over the pairs (20)")
    learning.add_argument("--epoch-pairs", type=whole_number, metavar="N", help="so many pairs are a pass (all)")
    learning.add_argument("--batch", type=whole_number, default=64, metavar="N", help="pairs per step (64)")
    learning.add_argument("--backbone-rate", type=_number, default=1e-5, metavar="R", help="learning rate (1e-5)")
    learning.add_argument("--head-rate", type=_number, default=1e-4, metavar="R", help="that of the head (1e-4)")
    learning.add_argument(
        "--rate-decay", type=_number, default=0.95, metavar="F", help="both times this after each epoch (.95)"
    )
    learning.add_argument("--weight-decay", type=_number, default=1e-4, metavar="L2", help="of all weights (1e-4)")
    learning.add_argument(
        "--seed", type=whole_number_or_zero, default=0, metavar="N", help="of all that is drawn at random (0)"
    )
    learning.add_argument(
        "--flip",
        type=_number,
        default=0.0,
        metavar="SHARE",
        help="of pairs with a wrong label, as an experiment (0)",
    )
    photos = train.add_argument_group("photos")
    photos.add_argument("--side", type=whole_number, default=224, metavar="PX", help="rows and columns (224)")
    photos.add_argument(
        "--resize", choices=("squash", "short_side_crop"), default="squash", help="the whole photo, or its middle"
    )
    photos.add_argument(
        "--normalisation",
        choices=("auto", "backbone", "none"),
        default="auto",
        help="as the weights had it, or none; auto: none for resnet50, as in the paper's script",
    )
    photos.add_argument("--mirror", action="store_true", help="mirror half of the photos, drawn anew in each epoch")
    photos.add_argument("--crop", action="store_true", help="show parts of 7/8 of the sides, drawn anew in each epoch")
    train.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep what is read of photos here, for several runs on them (RUN)"
    )
    train.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    train.add_argument("--name", metavar="TEXT", default="popscore-ranker", help="what to call the model")
    train.add_argument(
        "--kind",
        choices=("popularity", "appeal"),
        default="popularity",
        help="of likes, or of ratings (popularity)",
    )
    train.add_argument("--license", metavar="TEXT", help="its licence")
    train.add_argument("--training-data", metavar="TEXT", help="what it was trained on, for its metadata")
    add_json(train)
    return train


def _number(text: str) -> float:
    return fitting_number(text, lambda found: 0 <= found < math.inf, "a number from 0 on")


def run(options: argparse.Namespace) -> int:
    """Train the model and say how good it is."""
    from popscore.training.i2pa.recipe import Recipe

    file = None if options.weights in ("imagenet", "none") else Path(options.weights)
    recipe = Recipe(
        backbone=options.backbone,
        weights="imagenet" if file is not None else options.weights,
        freeze=options.freeze,
        warm_up=options.warm_up,
        head=options.head,
        dropout=options.dropout,
        loss=options.loss,
        batch=options.batch,
        backbone_rate=options.backbone_rate,
        head_rate=options.head_rate,
        rate_decay=options.rate_decay,
        weight_decay=options.weight_decay,
        epoch_pairs=options.epoch_pairs,
        side=options.side,
        resize=options.resize,
        normalisation=options.normalisation,
        mirror=options.mirror,
        crop=options.crop,
        flip=options.flip,
        seed=options.seed,
    )
    require("torch", "onnx", purpose="train")
    from popscore.training.i2pa.figures import Words
    from popscore.training.i2pa.train import train_ranker

    with ExitStack() as bars:
        found = train_ranker(
            options.pairs,
            images=options.images,
            out=options.out,
            recipe=recipe,
            epochs=options.epochs,
            validation=options.validation,
            test=options.test,
            weights=file,
            words=Words(
                name=options.name, kind=options.kind, licence=options.license, training_data=options.training_data
            ),
            cache=options.cache,
            device=options.device,
            told_photos=_bar("photos", bars),
            told_features=_bar("photos through the backbone", bars),
            told_pairs=_bar("pairs", bars),
        )
    if found is None:  # a process beside the first one, under torchrun
        return ALL_WELL
    complain_about(
        [str(error.error) for error in found.errors], more="more photos are missing or unreadable; see left_out.csv."
    )
    if found.rows_failed:
        complain(f"{found.rows_failed:,} rows of pairs cannot be used.")
    if found.shared:
        complain(f"{found.shared:,} pairs were left out: a user or a photo of theirs is held back.")
    write(json_text(_document(found)) if options.json else _text(found))
    return SOME_FAILED if found.errors or found.rows_failed else ALL_WELL


def _bar(of: str, bars: ExitStack) -> Callable[[int, int], None]:
    """A bar that appears when there is something to show, in place of the one before."""
    mine: list[Progress] = []

    def update(done: int, total: int) -> None:
        if not mine:
            bars.close()
            mine.append(bars.enter_context(Progress(of)))
        mine[0].update(done, total)

    return update


def _document(found: "RankerRun") -> Any:
    model = {"name": found.name, "kind": found.kind, "source": "file", "revision": None, "sha256": found.sha256}
    return {
        "model": {**model, "notice": None},
        "results": [found.to_json()],
        "errors": [error.to_json() for error in found.errors],
    }


def _text(found: "RankerRun") -> str:
    photos = ", ".join(f"{count:,} {state}" for state, count in found.photos.items() if count)
    pairs = ", ".join(f"{count:,} {part}" for part, count in found.parts.items())
    lines = [
        f"written     {found.model}",
        f"photos      {photos}",
        f"pairs       {pairs}",
        f"epochs      {found.epochs}, the best was {found.best_epoch}",
        "",
        "pairwise accuracy",
        f"  before      {100 * found.before:6.2f} %  on the test pairs, with the first weights of the head",
        _row("test", found.test, ""),
        _row("validation", found.validation, "; they chose the weights"),
        f"win scale   {found.win_scale:.3f}, calibration error {found.test.ece:.3f} on the test pairs",
        f"noise       {'not measured' if found.noise is None else f'{found.noise:.3f}'}",
        "",
        f"try it      POPSCORE_MODEL_PATH={found.model} python -m popscore rank PHOTOS",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: "Evaluation", more: str) -> str:
    low, high = figures.interval_by_user or figures.interval
    how = "bootstrap over users" if figures.interval_by_user else "Wilson"
    return (
        f"  {name:<11} {100 * figures.accuracy:6.2f} %  95 % interval {100 * low:.2f} to {100 * high:.2f} ({how}), "
        f"{figures.pairs:,} pairs{more}"
    )
