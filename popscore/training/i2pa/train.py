"""Train a ranker: pairs and photos in, one model file and its figures out.

Reads from top to bottom: the pairs, the photos, the network, the learning, the figures, the file. A run that was killed
goes on after its last epoch; one that is done only writes its report and its model again. With torchrun several
processes share each step.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from popscore.files.atomic import make_folder, replacing
from popscore.models.spec import Json, ModelSpec
from popscore.posts.pair_file import write_pairs
from popscore.training import checkpoint, curves
from popscore.training.checkpoint import CHECKPOINT
from popscore.training.errors import require
from popscore.training.i2pa import backbones
from popscore.training.i2pa.dataset import Indices, PairedPhotos, Tables, check_likes, check_parts, read
from popscore.training.i2pa.figures import RankerRun, Words
from popscore.training.i2pa.inputs import Inputs
from popscore.training.i2pa.network import Ranker, Standardise, pair_losses
from popscore.training.i2pa.photos import STATES, write_left_out
from popscore.training.i2pa.photos import read as read_photos
from popscore.training.i2pa.processes import Processes, processes
from popscore.training.i2pa.recipe import CURVES, EPOCHS, LEFT_OUT, MODEL, REPORT, WEIGHTS, Recipe
from popscore.training.i2pa.split import PARTS
from popscore.training.run_folder import RunRefused, claim
from popscore.training.shards import Told

Floats = NDArray[np.float64]
_AT_ONCE = 32  # photos that are scored together


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training pairs led to; losses are means over pairs."""

    train_loss: float
    validation_loss: float
    validation_accuracy: float


def train_ranker(
    pairs: Path,
    *,
    images: Path,
    out: Path,
    recipe: Recipe | None = None,
    epochs: int = EPOCHS,
    validation: Path | None = None,
    test: Path | None = None,
    weights: Path | None = None,
    words: Words | None = None,
    cache: Path | None = None,
    device: str = "auto",
    told_photos: Told | None = None,
    told_features: Told | None = None,
    told_pairs: Told | None = None,
    told_epoch: Callable[[int, Epoch], None] | None = None,
) -> RankerRun | None:
    """Train a ranker and write it into the folder of the run.

    Args:
        pairs: a table of pairs, as `popscore pairs` writes it.
        images: folder with the photos.
        out: folder of the run: new, empty, or one of the same configuration, which goes on.
        epochs: how many there shall have been; more than before go on from there.
        validation, test: tables of their own; by default a tenth of the pairs each, of users of their own.
        weights: a file of weights for the backbone, instead of `recipe.weights`.
        cache: folder for photos as pixels and what a frozen backbone says of them, which several runs may share; by
            default that of the run.
        device: `cpu`, `cuda`, or `auto`.

    Returns:
        What came out; None in processes beside the first.

    Raises:
        UnreadableTable, NoPhotosFound, RunRefused: pairs, photos, an option or the folder cannot be used.
        ToolMissing, BackboneUnavailable: a package is missing.
        ExportFailed: something cannot be written; what was written before is still there.
        ConversionRefused: the model file does not say what torch says.
    """
    require("onnx", purpose="train")
    from popscore.training.i2pa.finish import finish

    if epochs < 1:
        raise RunRefused(f"{epochs} epochs are none. Give 1 at least: --epochs N")
    recipe, words, tables = recipe or Recipe(), words or Words(), Tables(pairs=pairs, validation=validation, test=test)
    if weights is not None:
        recipe = replace(recipe, weights=backbones.file_sha256(weights))
    with processes(device) as group:
        # --- the pairs ---
        config: Json = {**asdict(recipe), **tables.sha256()}
        paired = read(tables, images, seed=recipe.seed)  # P pairs of N photos
        check_likes(paired, recipe.loss)
        torch.manual_seed(recipe.seed)  # of the first weights
        trunk = backbones.build(recipe.backbone, weights=weights or recipe.weights, side=recipe.side)

        # --- the photos ---
        spec = _input_of(recipe, trunk)
        photos_folder = _folder(cache or out, "photos", *paired.names, recipe.side, recipe.resize, recipe.crop)
        with group.first_before_others():
            if group.first:
                claim(out, config)
                make_folder(cache or out)
            photos = read_photos(
                paired.names, paired.files, photos_folder, spec, crop=recipe.crop,
                begun=(out / CHECKPOINT).exists(), told=told_photos if group.first else None,
            )  # fmt: skip
        usable = photos.states == STATES.index("used")  # (N,)
        if group.first:
            write_left_out(out / LEFT_OUT, paired.names, photos.states)
        check_parts(paired, usable)
        parts = {name: paired.part(name, usable) for name in PARTS}  # indices of pairs
        train = parts["train"]
        if len(train) < group.world:
            raise RunRefused(f"{len(train)} training pairs are too few for {group.world} processes. Start fewer.")
        if group.first:
            for name in PARTS:
                write_pairs((paired.pairs[index] for index in parts[name].tolist()), out / f"{name}.csv")

        # --- the network ---
        ranker = Ranker(
            trunk.network, trunk.channels, head=recipe.head, dropout=recipe.dropout,
            standardised=recipe.needs_features, positive=recipe.loss == "ratio",
        ).to(group.device)  # fmt: skip
        likes = paired.likes  # (P, 2)
        if recipe.loss == "regression":
            ranker.head[-1].bias.data.fill_(float(np.log(likes[train]).mean()))
        inputs = Inputs(photos, spec, group.device)
        if recipe.needs_features:
            drawn = recipe.seed if recipe.weights == "none" or recipe.backbone == "small" else None
            looks = (photos.sha256, spec.mean, spec.std, recipe.backbone, recipe.weights, recipe.mirror, drawn)
            with group.first_before_others():
                inputs.keep_features(
                    ranker.trunk, trunk.channels, _folder(cache or out, "features", *looks), mirror=recipe.mirror,
                    told=told_features if group.first else None,
                )  # fmt: skip
            seen = inputs.features(np.unique(np.concatenate([paired.winners[train], paired.losers[train]])))  # (n, C)
            for layer in ranker.head:
                if isinstance(layer, Standardise):
                    layer.fit(seen.mean(0), seen.std(0, unbiased=False))
        if group.world > 1 and group.device.type == "cuda":
            ranker = torch.nn.SyncBatchNorm.convert_sync_batchnorm(ranker)

        # --- the learning ---
        learned = learn(
            ranker, recipe, paired, parts, inputs, group, run=out, epochs=epochs,
            told_pairs=told_pairs if group.first else None, told_epoch=told_epoch,
        )  # fmt: skip

        # --- the figures and the file ---
        everyone = np.flatnonzero(usable)
        held = np.full(len(usable), np.nan)
        held[everyone] = scores(ranker, inputs, everyone, group, frozen=recipe.freeze)  # (N,)
        if not group.first:
            return None
        config["images_sha256"] = photos.sha256
        checkpoint.keep(out / WEIGHTS, {"config": config, "state": ranker.state_dict()})
        with replacing(out / CURVES, photos=True) as file:
            _drawn(learned.history, learned.best).save(file, "PNG")
        found = finish(
            ranker, spec, words, paired, parts, held, photos, out / MODEL, origin=trunk.origin,
            before=learned.before, epochs=len(learned.history), best=learned.best + 1,
        )  # fmt: skip
        report = {**found.to_json(), "config": config, "history": [vars(epoch) for epoch in learned.history]}
        with replacing(out / REPORT) as file:
            file.write(json.dumps(report, indent=2, allow_nan=False).encode() + b"\n")
        return found


def _folder(above: Path, name: str, *decides: object) -> Path:
    """A folder of shards, whose name says what decides what is in it."""
    return above / f"{name}-{hashlib.sha256(repr(decides).encode(errors='surrogateescape')).hexdigest()[:12]}"


def _input_of(recipe: Recipe, trunk: backbones.Trunk) -> ModelSpec:
    """How a photo becomes an input. The rest of the record is filled in at the end."""
    plain = recipe.normalisation == "none" or (recipe.normalisation == "auto" and recipe.backbone == "resnet50")
    mean, std = ((0.0,) * 3, (1.0,) * 3) if plain else (trunk.mean, trunk.std)
    size = (recipe.side, recipe.side)
    return ModelSpec(name="", kind="popularity", input_size=size, resize=recipe.resize, mean=mean, std=std)


def _drawn(history: list[Epoch], best: int) -> Image.Image:
    losses = {
        "training": [epoch.train_loss for epoch in history],
        "validation": [epoch.validation_loss for epoch in history],
    }
    return curves.drawn(losses, {"validation": [epoch.validation_accuracy for epoch in history]}, best=best, unit="")


# --- the learning -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The end of it; the ranker has the weights of the best epoch.

    Attributes:
        history: of all epochs.
        best: number of the best epoch, from 0: the one of the highest validation accuracy, then of the lowest loss.
        before: pairwise accuracy on the test pairs before the first epoch.
    """

    history: list[Epoch]
    best: int
    before: float


def learn(
    ranker: Any,
    recipe: Recipe,
    paired: PairedPhotos,
    parts: Mapping[str, Indices],
    inputs: Inputs,
    group: Processes,
    *,
    run: Path,
    epochs: int,
    told_pairs: Told | None = None,
    told_epoch: Callable[[int, Epoch], None] | None = None,
) -> Learned:
    """Train until so many epochs are done, counted over all runs in this folder.

    What is drawn at random in an epoch depends on the seed and the number of the epoch alone, not on how many processes
    there are.

    Args:
        ranker: with its first weights; it is changed.
        parts: indices of pairs, by the name of the part.
        run: folder of the checkpoint.
        told_pairs: is told after each step how many pairs are done, over all epochs.
        told_epoch: is told after each epoch.

    Raises:
        RunRefused: the checkpoint cannot be used, or the loss is no number.
        ExportFailed: the checkpoint cannot be written.
    """
    train, winners, losers = parts["train"], paired.winners.copy(), paired.losers.copy()
    likes = torch.from_numpy(paired.likes).float().to(group.device)  # (P, 2)
    wrong = train[np.random.default_rng([recipe.seed, 1]).random(len(train)) < recipe.flip]
    winners[wrong], losers[wrong] = paired.losers[wrong], paired.winners[wrong]
    trunk, head = list(ranker.trunk.parameters()), list(ranker.head.parameters())
    rates = (recipe.backbone_rate, recipe.head_rate)
    optimizer = torch.optim.Adam([{"params": trunk}, {"params": head}], weight_decay=recipe.weight_decay)
    kept = _Kept(run / CHECKPOINT, ranker.head if recipe.freeze else ranker, optimizer)
    history, best, before = kept.resume()
    if not history:  # nothing was learned yet
        before = _accuracy(ranker, inputs, paired, parts["test"], group, recipe, frozen=recipe.needs_features)[1]

    learner: Any = None
    was_frozen: bool | None = None
    for epoch in range(len(history), epochs):
        frozen = recipe.freeze or epoch < recipe.warm_up
        if frozen != was_frozen:
            for weight in trunk:
                weight.requires_grad_(not frozen)
            learner, was_frozen = group.shared(ranker), frozen
        for rate, weights in zip(rates, optimizer.param_groups, strict=True):
            weights["lr"] = rate * recipe.rate_decay**epoch
        random = np.random.default_rng([recipe.seed, 0, epoch])
        torch.manual_seed(int(random.integers(2**31)) + group.rank)  # of the dropout
        order = random.permutation(train)[: recipe.epoch_pairs]
        mirrored = random.random(len(paired.names)) < 0.5 if recipe.mirror else None  # (N,)
        corners = random.random((len(paired.names), 2)) if recipe.crop else None  # (N, 2)
        ranker.train()
        if frozen:
            ranker.trunk.eval()
        total, done = np.zeros(1), epoch * len(order)
        for batch in np.array_split(order, max(1, len(order) // recipe.batch)):
            mine = batch[group.rank :: group.world]  # (B,) pairs
            photos, places = np.unique(
                np.concatenate([winners[mine], losers[mine]]), return_inverse=True
            )  # (n,), (2B,)
            flips = None if mirrored is None else mirrored[photos]
            if frozen:
                found = learner(features=inputs.features(photos, mirrored=flips))  # (n,)
            else:
                cuts = None if corners is None else corners[photos]
                found = learner(photos=inputs.pixels(photos, mirrored=flips, corners=cuts))  # (n,)
            both = found[torch.from_numpy(places).to(group.device)]  # (2B,)
            won, lost = both[: len(mine)], both[len(mine) :]  # (B,), (B,)
            loss = pair_losses(recipe.loss, won, lost, likes[mine]).sum() / len(batch)
            optimizer.zero_grad()
            (loss * group.world).backward()  # the mean over processes of such sums is the mean over the batch
            optimizer.step()
            total += float(loss.detach()) * len(batch)
            done += len(batch)
            if told_pairs:
                told_pairs(done, epochs * len(order))
        held, right = _accuracy(ranker, inputs, paired, parts["validation"], group, recipe, frozen=frozen)
        history.append(
            Epoch(train_loss=float(group.total(total)[0]) / len(order), validation_loss=held, validation_accuracy=right)
        )
        if not math.isfinite(history[-1].train_loss) or not math.isfinite(held):
            raise RunRefused(
                f"Training broke down in epoch {epoch + 1}: the loss is no number. Try smaller learning rates, or "
                "another --seed."
            )
        better = (right, -held) > (history[best].validation_accuracy, -history[best].validation_loss)
        if epoch == 0 or better:
            best = epoch
            kept.note_best()
        if group.first:
            kept.keep(history, best, before)
        if told_epoch and group.first:
            told_epoch(epoch, history[-1])
    kept.take_best()
    ranker.eval()
    return Learned(history=history, best=best, before=before)


def scores(ranker: Any, inputs: Inputs, chosen: Indices, group: Processes, *, frozen: bool) -> Floats:
    """(n,) of some photos; the ranker is left in the state for scoring."""
    ranker.eval()
    found = np.zeros(len(chosen))
    mine = np.arange(len(chosen))[group.rank :: group.world]
    with torch.inference_mode():
        for part in np.array_split(mine, max(1, len(mine) // _AT_ONCE)):
            if len(part) and frozen:
                found[part] = ranker(features=inputs.features(chosen[part])).double().cpu().numpy()
            elif len(part):
                found[part] = ranker(photos=inputs.pixels(chosen[part])).double().cpu().numpy()
    return group.total(found)


def _accuracy(
    ranker: Any,
    inputs: Inputs,
    paired: PairedPhotos,
    pairs: Indices,
    group: Processes,
    recipe: Recipe,
    *,
    frozen: bool,
) -> tuple[float, float]:
    """Mean loss and pairwise accuracy on some pairs."""
    both = np.concatenate([paired.winners[pairs], paired.losers[pairs]])
    photos, places = np.unique(both, return_inverse=True)
    found = scores(ranker, inputs, photos, group, frozen=frozen)[places]
    won, lost = found[: len(pairs)], found[len(pairs) :]
    likes = torch.from_numpy(paired.likes[pairs])
    losses = pair_losses(recipe.loss, torch.from_numpy(won), torch.from_numpy(lost), likes)
    return float(losses.mean()), float(((won > lost) + 0.5 * (won == lost)).mean())


class _Kept:
    """The state after the last epoch, in memory and in the checkpoint."""

    def __init__(self, path: Path, learning: Any, optimizer: Any) -> None:
        self._path, self._learning, self._optimizer = path, learning, optimizer
        self._best: Any = None

    def resume(self) -> tuple[list[Epoch], int, float]:
        """Take up what an earlier run has kept: the history, the best epoch, the accuracy before the first."""
        if not self._path.exists():
            return [], 0, math.nan
        with checkpoint.kept(self._path) as state:
            self._learning.load_state_dict(state["ranker"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._best = state["best_ranker"]
            return [Epoch(**epoch) for epoch in state["history"]], int(state["best"]), float(state["before"])

    def note_best(self) -> None:
        self._best = copy.deepcopy(self._learning.state_dict())

    def take_best(self) -> None:
        self._learning.load_state_dict(self._best)

    def keep(self, history: list[Epoch], best: int, before: float) -> None:
        state = {
            "ranker": self._learning.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best_ranker": self._best,
            "history": [asdict(epoch) for epoch in history],
            "best": best,
            "before": before,
        }
        checkpoint.keep(self._path, state)
