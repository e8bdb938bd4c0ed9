"""Train a selfie model: selfies with popularity scores in, one model file and its figures out.

Reads from top to bottom: the lines, the pictures, the split, the learning, the figures, the file. A run that was killed
goes on where it was; one that is done only writes its report and its model again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from popscore.cpus import usable_cpus
from popscore.files.atomic import replacing
from popscore.metrics import fit_win_scale
from popscore.models.spec import Json, ModelSpec
from popscore.photos.similarity import apart
from popscore.training.errors import require
from popscore.training.selfie import figures, networks
from popscore.training.selfie.dataset import Dataset, DatasetRefused, files_of, popular, read_dataset
from popscore.training.selfie.figures import Measured
from popscore.training.selfie.learning import HEAD_WEIGHT_DECAY, Epoch, Indices, Learned, learn, scores
from popscore.training.selfie.pictures import (
    STATES,
    Look,
    Pictures,
    embedded_backbone,
    embedding_length,
    input_of,
    prepare,
)
from popscore.training.selfie.recipe import CURVES, LEFT_OUT, MODEL, REPORT, Recipe, claim
from popscore.training.selfie.split import LEAST_PER_PART, PARTS, parts_of
from popscore.training.shards import Told

_CHECKED = 16  # selfies on which torch and ONNX are compared
# A model that is right on all of a small validation set would be given boundless confidence.
_TEMPERATURES = (0.5, 10.0)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a person knows about the data; it goes into the model file as it is."""

    name: str = "popscore-selfie"
    licence: str | None = None
    training_data: str | None = None


@dataclass(frozen=True, kw_only=True)
class SelfieRun:
    """What came out.

    Attributes:
        model: the file.
        counts: selfies by state, see `pictures.STATES`; those that were not used are named in left_out.csv.
        missing: names of the first missing pictures.
        families: how many families of near-duplicates there are, and the size of the largest. A large one is in
            training as a whole; if it has most of the selfies, the test is on unusual ones.
        parts: selfies in training, validation and test.
        threshold: popularity score from which a selfie counted as popular.
        whole: the figures on the test selfies.
        groups: the same by sex, age and origin as the data set has them.
        majority: accuracy of always saying what is more frequent among the training selfies.
        calibration: expected calibration error on the test selfies.
        temperature: by which the log odds were divided.
    """

    model: Path
    sha256: str
    counts: Mapping[str, int]
    missing: tuple[str, ...]
    families: tuple[int, int]
    parts: Mapping[str, int]
    threshold: float
    epochs: int
    best_epoch: int
    whole: Measured
    groups: Mapping[str, Measured]
    majority: float
    calibration: float
    temperature: float

    def to_json(self) -> Json:
        """The report."""
        return {
            "model": str(self.model),
            "sha256": self.sha256,
            "selfies": dict(self.counts),
            "missing": list(self.missing),
            "families": {"count": self.families[0], "largest": self.families[1]},
            "parts": dict(self.parts),
            "popular_from": self.threshold,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "test": self.whole.to_json(),
            "majority": round(self.majority, 4),
            "calibration_error": round(self.calibration, 4),
            "temperature": round(self.temperature, 4),
            "by_group": {name: group.to_json() for name, group in self.groups.items()},
        }


def train_selfie(
    dataset: Path,
    *,
    images: Path,
    out: Path,
    recipe: Recipe | None = None,
    epochs: int = 40,
    words: Words | None = None,
    told_pictures: Told | None = None,
    told_epoch: Callable[[int, Epoch], None] | None = None,
) -> SelfieRun:
    """Train a model of the kind selfie and write it into the folder of the run.

    Args:
        dataset: file in the UCF Selfie format.
        images: folder with the pictures.
        out: folder of the run: new, empty, or one of the same recipe, which goes on.
        epochs: how many there shall have been; more than before go on from there.

    Raises:
        DatasetRefused, RunRefused: the file, its pictures or the folder cannot be used; the message says why.
        ToolMissing: onnx is not installed.
        ExportFailed: something cannot be written.
        ConversionRefused: the model file does not say what torch says.
    """
    require("onnx", purpose="train-selfie")
    from popscore.training.selfie.export import embedded_content

    recipe, words = recipe or Recipe(), words or Words()
    # Threads beyond the CPUs of a container wait for each other; OMP_NUM_THREADS may ask for fewer.
    torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    read = read_dataset(dataset)
    files = files_of(read, images)
    claim(out, recipe, dataset_sha256=read.sha256, backbone_sha256=hashlib.sha256(embedded_content()).hexdigest())
    look = _look(recipe)
    pictures = prepare(files, out / "pictures", look, told=told_pictures)
    _write_left_out(out / LEFT_OUT, read, pictures)
    used = np.flatnonzero(pictures.states == 0)
    if len(used) < 3 * LEAST_PER_PART:
        raise DatasetRefused(
            f"Only {len(used)} of {len(files)} selfies can be used ({_counted(pictures)}). See {out / LEFT_OUT}."
        )
    labels = np.zeros(len(files), bool)
    all_scores = np.array([selfie.score for selfie in read.selfies])
    labels[used], threshold = popular(all_scores[used], recipe.popular_from)
    families = apart([pictures.signatures[index] for index in used])
    parts = parts_of(families, seed=recipe.seed)
    train, validation, test = (used[parts == part] for part in range(len(PARTS)))
    _check_parts(train, validation, test, labels)

    torch.manual_seed(recipe.seed)  # of the first weights
    is_head = look.backbone is not None
    network = networks.head(embedding_length(look.backbone)) if look.backbone else networks.convolutional(recipe.side)
    learned = learn(
        network, pictures, labels, train=train, validation=validation, run=out, epochs=epochs, batch=recipe.batch,
        seed=recipe.seed, weight_decay=HEAD_WEIGHT_DECAY if is_head else 0.0, told=told_epoch,
    )  # fmt: skip
    with replacing(out / CURVES, photos=True) as file:
        figures.learning_curves(learned.history, learned.best).save(file, "PNG")

    held = scores(learned.network, pictures, validation)
    temperature = float(np.clip(fit_win_scale(held, labels[validation].astype(float)), *_TEMPERATURES))
    log_odds = scores(learned.network, pictures, test) / temperature
    probabilities, truth = 1 / (1 + np.exp(-log_odds)), labels[test]
    unseen = np.concatenate([held / temperature, log_odds])
    found = SelfieRun(
        model=out / MODEL,
        sha256="",
        counts={state: int((pictures.states == number).sum()) for number, state in enumerate(STATES)},
        missing=tuple(read.selfies[index].name for index in np.flatnonzero(pictures.states == 1)[:10]),
        families=(len(set(families)), max(Counter(families).values())),
        parts={"train": len(train), "validation": len(validation), "test": len(test)},
        threshold=threshold,
        epochs=len(learned.history),
        best_epoch=learned.best + 1,
        whole=figures.measured(probabilities, truth),
        groups=figures.by_group([read.selfies[index] for index in test], probabilities, truth),
        majority=float((truth == (labels[train].mean() >= 0.5)).mean()),
        calibration=figures.calibration(probabilities, truth),
        temperature=temperature,
    )
    spec = _described(look.spec, found, words, unseen)
    found = replace(found, sha256=_write(learned, look, spec, found, files, pictures, test[:_CHECKED]))
    report = {**found.to_json(), "history": [vars(epoch) for epoch in learned.history]}
    with replacing(out / REPORT) as file:
        file.write(json.dumps(report, indent=2, allow_nan=False).encode() + b"\n")
    return found


def _look(recipe: Recipe) -> Look:
    """How a selfie becomes an input. Squares stay squares: a photo of another shape gives its middle."""
    if recipe.network == "head":
        backbone = embedded_backbone()
        own = backbone.spec
        spec = ModelSpec(
            name="", kind="selfie", input_size=own.input_size, resize="short_side_crop", view=recipe.view,
            mean=own.mean, std=own.std,
        )  # fmt: skip
        return Look(spec=spec, backbone=backbone)
    size = (recipe.side, recipe.side)
    return Look(spec=ModelSpec(name="", kind="selfie", input_size=size, resize="short_side_crop", view=recipe.view))


def _check_parts(train: Indices, validation: Indices, test: Indices, labels: NDArray[np.bool_]) -> None:
    """Refuse parts that teach or measure nothing."""
    for name, part in zip(PARTS, (train, validation, test), strict=True):
        if len(part) < LEAST_PER_PART:
            raise DatasetRefused(
                f"Only {len(part)} selfies are left for the part {name}: there are too few, or too many are copies of "
                "each other, which are never separated. Bring more selfies."
            )
    if labels[train].all() or not labels[train].any():
        raise DatasetRefused("All selfies to learn from are of one class. Bring more selfies, or try --popular half.")


def _counted(pictures: Pictures) -> str:
    counts = Counter(pictures.states.tolist())
    return ", ".join(f"{counts[number]} {state}" for number, state in enumerate(STATES) if number and counts[number])


def _write_left_out(path: Path, read: Dataset, pictures: Pictures) -> None:
    """Name every selfie that is not used, and why."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "reason"])
    table.writerows(
        [read.selfies[index].name, STATES[pictures.states[index]]] for index in np.flatnonzero(pictures.states)
    )
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def _described(spec: ModelSpec, found: SelfieRun, words: Words, unseen: NDArray[np.float64]) -> ModelSpec:
    """The record that goes into the file."""
    accuracy = {
        "accuracy": found.whole.accuracy,
        "accuracy at least": found.whole.interval[0],
        "accuracy at most": found.whole.interval[1],
        "always the more frequent": found.majority,
        "calibration error": found.calibration,
    }
    for name in figures.SEX:
        if name in found.groups:
            group = found.groups[name]
            accuracy |= {f"accuracy {name}": group.accuracy, f"popular {name}": group.popular}
            accuracy[f"called popular {name}"] = group.called_popular
    what = "the whole picture" if spec.view == "photo" else "the largest face"
    return replace(
        spec,
        name=words.name,
        version="1",
        description=f"Predicts from {what} whether a selfie is one of the more popular ones (popularity score of "
        f"{found.threshold:g} or more). The score is the log odds. Its data are biased; see the accuracy by group.",
        reference_mean=round(float(unseen.mean()), 4),
        reference_std=round(max(float(unseen.std()), 1e-3), 4),
        reference_population="selfies that it was tested on",
        licence=words.licence,
        training_data=words.training_data or f"{found.parts['train']} selfies in the UCF Selfie format",
        accuracy={name: round(value, 4) for name, value in accuracy.items()},
    )


def _write(
    learned: Learned,
    look: Look,
    spec: ModelSpec,
    found: SelfieRun,
    files: Sequence[Path | None],
    pictures: Pictures,
    checked: Indices,
) -> str:
    """Write the model; the answer is its SHA-256."""
    from popscore.training.model_file import write_model
    from popscore.training.selfie import export

    wanted = scores(learned.network, pictures, checked) / found.temperature
    if look.backbone is None:
        model = export.convolutional_graph(learned.network, spec.input_size[0], temperature=found.temperature)
        more: Mapping[str, object] = {}
    else:
        model, more = export.head_graph(learned.network, temperature=found.temperature), export.embedded_origins()
    inputs = np.concatenate([input_of(file, look) for index in checked.tolist() if (file := files[index])])
    write_model(model, spec, found.model, inputs=inputs, wanted=wanted, more=more)
    return hashlib.sha256(found.model.read_bytes()).hexdigest()
