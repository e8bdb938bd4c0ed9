"""Train the embedded appeal model: rated photos in, one ONNX file and a table of figures out.

    python -m popscore.training.appeal --data DIR --out popscore/models/embedded/model.onnx

Two pretrained networks look at the photo. A kernel machine on their pooled features is fitted to people's mean ratings;
a second one, on early features, learns to tell photos from degraded copies and takes points off where it is sure,
since nobody rated broken photos in these sets. No weight of the networks is changed.

Every printed figure is out of fold: the same recipe, fitted without the photos that it is judged on. The file that
ships is fitted on all photos.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from popscore import metrics
from popscore.errors import PopscoreError
from popscore.models.metadata import as_metadata, values_from_spec
from popscore.models.spec import ModelSpec
from popscore.training.appeal import figures
from popscore.training.appeal.backbones import LITE2, NIMA, load_lite2, load_nima
from popscore.training.appeal.data import (
    DEGRADATIONS,
    FOLDS,
    RatedPhoto,
    degrade,
    harmless_copy,
    read_rated_photos,
)  # fmt: skip
from popscore.training.appeal.export import GraphWriter, write_file
from popscore.training.appeal.features import (
    GRID,
    LITE2_KEPT,
    LOW_PARTS,
    NIMA_KEPT,
    PARTS,
    SIDE_PX,
    FeatureReader,
    Features,
    Trunk,
    most_varied,
    write_trunk,
)  # fmt: skip
from popscore.training.appeal.head import AppealHead, fit_kernel_machine, write_head

VERSION = "1.0.0"
REFERENCE_MEAN, REFERENCE_STD = 2.96, 1.55  # of the I2PA scale: Ding, Ma & Wang 2019
NOISE = 0.55  # score units; measured on the file that this recipe gives, by tests/benchmarks/score_noise.py
WHOLE = ("original", "half", "tiny", "flipped", "copy 0", "copy 1", "copy 2")
RANKED = ("original", "copy 0", "copy 1", "half", "tiny")  # the views that the appeal machine is fitted on
DAMAGED = (*DEGRADATIONS, "damaged 0", "damaged 1")


@dataclass(frozen=True)
class Recipe:
    """Chosen by folds inside the training photos; see LOG.md."""

    gamma: float = 1.0
    ridge: float = 0.4
    directions: int = 128
    avt_weight: float = 0.6  # of a tile, against 1 for a photo of oasis
    damage_gamma: float = 2.0
    damage_ridge: float = 1.0
    damage_directions: int = 64
    damage_centres: int = 800
    threshold: float = 0.5
    penalty: float = 3.0


Views = dict[str, tuple[Features, Features]]  # view -> embedding (N, C), low features (N, L)


def main(argv: list[str] | None = None) -> int:
    """Train, write the file, print the figures. Returns 0, or 2 when data or weights are missing."""
    parser = argparse.ArgumentParser(prog="python -m popscore.training.appeal", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with oasis/ and avt/")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    start = time.monotonic()
    try:
        photos = read_rated_photos(options.data)
        trunk = Trunk(load_lite2(), load_nima())
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    trunk, views = read_views(trunk, photos, threads=options.threads)
    print(f"features read after {time.monotonic() - start:.0f} s", file=sys.stderr)

    recipe = Recipe()
    scores, measured = cross_validate(photos, views, recipe)
    # The reference population is the rated photos themselves, each scored by a head that never saw it.
    gain = REFERENCE_STD / float(scores.std())
    offset = REFERENCE_MEAN - gain * float(scores.mean())
    pairs = figures.held_out_pairs(photos, gain * scores + offset)
    win_scale = metrics.fit_win_scale(np.concatenate([d for d, _ in pairs]), np.concatenate([o for _, o in pairs]))

    head = fit_head(photos, views, np.ones(len(photos), dtype=bool), recipe)
    graph = GraphWriter()
    features, low = write_trunk(graph, trunk)
    write_head(graph, head, features, low, gain=gain, offset=offset)
    channels = len(head.appeal.standardiser.mean)
    model = graph.model(
        "popscore-appeal",
        {"input": ["N", 3, SIDE_PX, SIDE_PX]},
        {"output": ["N"], "features": ["N", channels, GRID, GRID], "embedding": ["N", channels],
         "activation_map": ["N", GRID, GRID]},
    )  # fmt: skip
    write_file(model, metadata(measured, win_scale, len(photos)), options.out)
    for name, value in measured.items():
        print(f"{name:32} {value:.3f}")
    print(f"done after {time.monotonic() - start:.0f} s: {options.out}", file=sys.stderr)
    return 0


def read_views(trunk: Trunk, photos: list[RatedPhoto], *, threads: int) -> tuple[Trunk, Views]:
    """Features of every view of every photo, and the trunk with only the channels that are kept."""
    embedding, low = FeatureReader(trunk, threads=threads).read(views_of(photos, "original"))
    last, nima = trunk.lite2[-1].convolutions[0], trunk.nima[-1].convolutions[0]
    first, final = len(last.bias), embedding.shape[1] - len(nima.bias)
    of_lite2 = most_varied(embedding[:, :first], LITE2_KEPT)
    of_nima = most_varied(embedding[:, final:], NIMA_KEPT)
    embedding = embedding[:, np.concatenate([of_lite2, np.arange(first, final), final + of_nima])]
    trunk = trunk.pruned(of_lite2, of_nima)
    views: Views = {"original": (embedding, low)}
    reader = FeatureReader(trunk, threads=threads)
    for view in (*WHOLE[1:], *DAMAGED):
        views[view] = reader.read(views_of(photos, view))
    return trunk, views


def views_of(photos: list[RatedPhoto], view: str) -> Iterator[Image.Image]:
    """One view of every photo; random ones depend on the photo's place and the view only."""
    # disable=None: a bar on a terminal, and nothing in a file
    for index, photo in enumerate(tqdm(photos, desc=view, unit="photo", disable=None)):
        with Image.open(photo.file) as stored:
            image = stored.convert("RGB")
        rng = np.random.default_rng([index, *view.encode()])
        if view in ("half", "tiny") and image.width > 150:  # a tile of 80 pixels stays as it is
            size = (80, 80) if view == "tiny" else (image.width // 2, image.height // 2)
            image = image.resize(size, Image.Resampling.BILINEAR)
        elif view == "flipped":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        elif view.startswith("copy"):
            image = harmless_copy(image, rng)
        elif view.startswith("damaged"):
            kind = DEGRADATIONS[rng.integers(len(DEGRADATIONS))]
            image = degrade(harmless_copy(image, rng), kind, rng, strength=rng.uniform(0.6, 1.6))
        elif view in DEGRADATIONS:
            image = degrade(image, view, rng)
        yield image


def fit_head(photos: list[RatedPhoto], views: Views, chosen: NDArray[np.bool_], recipe: Recipe) -> AppealHead:
    """Fit both machines on the chosen photos. Ratings are centred within each set, so the sets need no common scale."""
    ratings = np.array([photo.rating for photo in photos])
    weights = np.array([photo.certainty for photo in photos])
    for dataset in ("oasis", "avt"):
        inside = of_set(photos, dataset) & chosen
        if inside.any():
            ratings[inside] -= ratings[inside].mean()
    weights[of_set(photos, "avt")] *= recipe.avt_weight
    count = int(chosen.sum())
    appeal = fit_kernel_machine(
        np.concatenate([views[view][0][chosen] for view in RANKED]),
        np.tile(ratings[chosen], len(RANKED)),
        np.tile(weights[chosen], len(RANKED)) / len(RANKED),
        PARTS,
        gamma=recipe.gamma,
        ridge=recipe.ridge,
        directions=recipe.directions,
        centres=np.arange(count),  # the originals
    )
    low = np.concatenate([views[view][1][chosen] for view in (*WHOLE, *DAMAGED)])
    broken = np.concatenate([np.zeros(count * len(WHOLE)), np.ones(count * len(DAMAGED))])
    drawn = np.random.default_rng(0).permutation(len(low))
    damage = fit_kernel_machine(
        low, broken, np.ones(len(low)), LOW_PARTS,
        gamma=recipe.damage_gamma, ridge=recipe.damage_ridge, directions=recipe.damage_directions,
        centres=drawn[: recipe.damage_centres],
    )  # fmt: skip
    return AppealHead(appeal, damage, recipe.threshold, recipe.penalty)


def cross_validate(photos: list[RatedPhoto], views: Views, recipe: Recipe) -> tuple[figures.Scores, dict[str, float]]:
    """Out-of-fold z scores (N,) and the figures that come from them."""
    folds = np.array([photo.fold for photo in photos])
    scores = np.zeros(len(photos))
    beaten = dict.fromkeys(DEGRADATIONS, 0.0)
    oasis = of_set(photos, "oasis")
    for fold in range(FOLDS):
        held = folds == fold
        head = fit_head(photos, views, ~held, recipe)
        scores[held] = score(head, views, "original", held)
        for kind in DEGRADATIONS:
            lower = score(head, views, kind, held) < scores[held]
            beaten[kind] += float(lower[oasis[held]].sum() / oasis.sum())
    measured = {f"srcc {name}": value for name, value in figures.correlations(photos, scores).items()}
    ratings = np.array([photo.rating for photo in photos])
    for trained, tested in (("oasis", "avt"), ("avt", "oasis")):
        head = fit_head(photos, views, of_set(photos, trained), recipe)
        other = of_set(photos, tested)
        across = metrics.srcc(score(head, views, "original", other), ratings[other])
        measured[f"srcc {trained} to {tested}"] = across
    measured |= {f"original beats {kind}": share for kind, share in beaten.items()}
    measured["original beats all"] = float(np.mean(list(beaten.values())))
    measured["win probability ece"] = figures.win_probability_error(photos, scores)
    measured["distance from normal"] = metrics.distance_from_normal(scores)
    return scores, measured


def score(head: AppealHead, views: Views, view: str, chosen: NDArray[np.bool_]) -> figures.Scores:
    """z scores (n,) of one view of the chosen photos."""
    embedding, low = views[view]
    return head(embedding[chosen], low[chosen])


def of_set(photos: list[RatedPhoto], dataset: str) -> NDArray[np.bool_]:
    """(N,) whether each photo belongs to `oasis` or `avt`."""
    return np.array([photo.dataset == dataset for photo in photos])


def metadata(measured: dict[str, float], win_scale: float, population: int) -> dict[str, str]:
    """The `popscore.*` keys of the file; lists and objects as JSON."""
    origins = [
        {"name": backbone.name, "package": backbone.requirement, "file": backbone.file, "sha256": backbone.sha256,
         "licence": backbone.licence} for backbone in (LITE2, NIMA)
    ]  # fmt: skip
    spec = ModelSpec(
        name="popscore-appeal",
        version=VERSION,
        kind="appeal",
        description="Predicts how appealing people find a photo; it does not predict likes or reach.",
        input_size=(SIDE_PX, SIDE_PX),
        resize="squash",
        mean=(LITE2.mean,) * 3,
        std=(LITE2.std,) * 3,
        reference_mean=REFERENCE_MEAN,
        reference_std=REFERENCE_STD,
        reference_population="stock and community photos that people rated",
        win_scale=round(win_scale, 4),
        noise=NOISE,
        licence="Apache-2.0",
        training_data="OASIS (594 open-access stock photos) and AVT (702 CC0 photo tiles), mean ratings of people",
        accuracy={name: round(value, 4) for name, value in measured.items()},
    )
    return as_metadata(values_from_spec(spec, reference_size=population, origins=origins))
