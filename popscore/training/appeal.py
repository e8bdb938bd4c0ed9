"""Train the embedded appeal model: rated photos in, one ONNX file and a table of figures out.

    python -m popscore.training.appeal --data DIR --out popscore/models/embedded/model.onnx

Two pretrained backbones look at the photo; a linear head on their pooled features is fitted to the mean ratings. The
head is also asked to score degraded copies lower than their photo, since nobody rated broken photos in these sets.
Every printed figure is out of fold: the same recipe, fitted without the photos that it is judged on. The file that
ships is fitted on all photos.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from popscore.errors import PopscoreError
from popscore.training import appeal_figures as figures
from popscore.training.appeal_data import DEGRADATIONS, FOLDS, RatedPhoto, degrade, read_rated_photos, squash
from popscore.training.backbones import LITE2, MOBILENET_V2, ConvNet, load_backbone
from popscore.training.onnx_export import round_weights, write_model

VERSION = "0.1.0"
SIDE_PX = 256  # both backbones then end in a grid of 8 x 8
REFERENCE_MEAN, REFERENCE_STD = 2.96, 1.55  # I2PA scale, FACTS 2

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """What the head's fit depends on. Chosen by folds inside the training photos; see LOG.md."""

    ridge: float = 2.0  # penalty per photo, on features of unit deviation
    # (weight, wanted drop in standard deviations) of each photo's difference to its degraded copy
    blur: tuple[float, float] = (0.03, 2.0)
    other: tuple[float, float] = (0.01, 1.5)


@dataclass(frozen=True)
class LinearHead:
    """z score of the rating = features @ weight + bias."""

    weight: Features  # (C,)
    bias: float


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m popscore.training.appeal", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with oasis/ and avt/")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    try:
        photos = read_rated_photos(options.data)
        nets = [load_backbone(LITE2), load_backbone(MOBILENET_V2)]
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    round_weights(nets)
    views = ("original", "flipped", *DEGRADATIONS)
    features = {view: pooled_features(nets, photos, view) for view in views}

    recipe = Recipe()
    folds = np.array([photo.fold for photo in photos])
    scores = np.zeros(len(photos))
    beaten = dict.fromkeys(DEGRADATIONS, 0.0)
    for fold in range(FOLDS):
        head = fit_head(photos, features, folds != fold, recipe)
        held = folds == fold
        scores[held] = features["original"][held] @ head.weight + head.bias
        for kind in DEGRADATIONS:
            copies = features[kind][held] @ head.weight + head.bias
            beaten[kind] += float((scores[held] > copies).sum() / len(photos))

    measured = {f"srcc {name}": value for name, value in figures.correlations(photos, scores).items()}
    for trained, tested in (("oasis", "avt"), ("avt", "oasis")):
        head = fit_head(photos, features, of_set(photos, trained), recipe)
        chosen = of_set(photos, tested)
        ratings = np.array([photo.rating for photo in photos])[chosen]
        across = features["original"][chosen] @ head.weight
        measured[f"srcc {trained} to {tested}"] = figures.spearman(across, ratings)
    measured |= {f"original beats {kind}": share for kind, share in beaten.items()}
    measured["win probability ece"] = figures.win_probability_error(photos, scores)
    measured["distance from normal"] = figures.distance_from_normal(scores)

    # The reference population is the rated photos themselves, each scored by a head that never saw it.
    gain = REFERENCE_STD / scores.std()
    offset = REFERENCE_MEAN - gain * scores.mean()
    pairs = figures.held_out_pairs(photos, gain * scores + offset)
    win_scale = figures.fit_win_scale(np.concatenate([d for d, _ in pairs]), np.concatenate([o for _, o in pairs]))
    head = fit_head(photos, features, np.ones(len(photos), dtype=bool), recipe)
    write_model(options.out, nets, gain * head.weight, gain * head.bias + offset, side_px=SIDE_PX,
                metadata=metadata(nets, measured, win_scale, len(photos)))  # fmt: skip
    for name, value in measured.items():
        print(f"{name:32} {value:.3f}")
    return 0


def pooled_features(nets: list[ConvNet], photos: list[RatedPhoto], view: str) -> Features:
    """(N, C) features of one view of every photo: `original`, `flipped` or a degradation."""
    rows = []
    for index, photo in enumerate(photos):
        with Image.open(photo.file) as stored:
            image = stored.convert("RGB")
        if view == "flipped":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        elif view in DEGRADATIONS:
            image = degrade(image, view, np.random.default_rng(index))
        pixels = torch.from_numpy(squash(image, SIDE_PX)[None]) / 255
        with torch.inference_mode():
            maps = [net(normalise(pixels, net)) for net in nets]
        rows.append(torch.cat(maps, 1).mean((2, 3))[0].double().numpy())
    return np.stack(rows)


def normalise(pixels: torch.Tensor, net: ConvNet) -> torch.Tensor:
    """(N, 3, S, S) in [0, 1] -> what this backbone was trained on."""
    mean, std = torch.tensor(net.backbone.mean), torch.tensor(net.backbone.std)
    return ((pixels - mean[:, None, None]) / std[:, None, None]).contiguous(memory_format=torch.channels_last)


def of_set(photos: list[RatedPhoto], dataset: str) -> NDArray[np.bool_]:
    return np.array([photo.dataset == dataset for photo in photos])


def fit_head(
    photos: list[RatedPhoto], features: dict[str, Features], chosen: NDArray[np.bool_], recipe: Recipe
) -> LinearHead:
    """Weighted ridge regression on two views of the chosen photos, and on their differences to degraded copies.

    Each set has an offset of its own, and the one of oasis ships: tiles of 80 pixels differ from photos in more than
    their appeal. Differences ask for a drop within one photo, so they need no rating of the copy.
    """
    ratings = np.array([photo.rating for photo in photos])[chosen]
    certainty = np.array([photo.certainty for photo in photos])[chosen]
    tile = of_set(photos, "avt")[chosen].astype(float)
    original = features["original"][chosen]
    spread = original.std(axis=0) + 0.05  # 0.05: channels that are almost always off stay small
    x = np.concatenate([original, features["flipped"][chosen]]) / spread
    target, weight = np.tile(ratings, 2), np.tile(certainty, 2) / 2
    centre = np.average(x, axis=0, weights=weight)
    offsets = np.stack([np.ones(len(x)), np.tile(tile, 2)], axis=1)
    design = np.concatenate([x - centre, offsets], axis=1)
    left = (design * weight[:, None]).T @ design
    right = (design * weight[:, None]).T @ target
    for kind in DEGRADATIONS:
        share, drop = recipe.blur if kind == "blur" else recipe.other
        lost = (original - features[kind][chosen]) / spread
        left[:-2, :-2] += share * lost.T @ lost
        right[:-2] += share * drop * lost.sum(axis=0)
    penalty = np.full(len(left), recipe.ridge * len(original))
    penalty[-2:] = 1e-6  # offsets are free
    solution = np.linalg.solve(left + np.diag(penalty), right)
    offset = float(solution[-2] + solution[-1]) if tile.all() else float(solution[-2])
    return LinearHead(solution[:-2] / spread, offset - float(centre @ solution[:-2]))


def metadata(nets: list[ConvNet], measured: dict[str, float], win_scale: float, population: int) -> dict[str, str]:
    """The `popscore.*` keys of the file; lists and objects as JSON."""
    first = nets[0].backbone
    origins = [
        {"name": net.backbone.name, "package": net.backbone.requirement, "file": net.backbone.file,
         "sha256": net.backbone.sha256, "licence": net.backbone.licence} for net in nets
    ]  # fmt: skip
    values: dict[str, object] = {
        "format": "1",
        "name": "popscore-appeal",
        "version": VERSION,
        "kind": "appeal",
        "description": "Predicts how appealing people find a photo. It does not predict likes or reach.",
        "input_size": [SIDE_PX, SIDE_PX],
        "resize": "squash",
        "mean": first.mean,
        "std": first.std,
        "reference_mean": str(REFERENCE_MEAN),
        "reference_std": str(REFERENCE_STD),
        "reference_population": "stock and community photos that people rated",
        "reference_size": str(population),
        "win_scale": f"{win_scale:.4f}",
        "license": "Apache-2.0 AND BSD-3-Clause (backbones); see NOTICE",
        "training_data": "OASIS (594 stock photos, open access) and AVT (702 CC0 photo tiles), mean ratings of people",
        "accuracy": {name: round(value, 4) for name, value in measured.items()},
        "origins": origins,
    }
    return {f"popscore.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


if __name__ == "__main__":
    sys.exit(main())
