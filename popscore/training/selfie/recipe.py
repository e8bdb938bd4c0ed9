"""What a run was asked for, and its folder, which never mixes two of them. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from popscore.errors import PopscoreError
from popscore.files.atomic import failure, make_folder, replacing
from popscore.models.spec import Json, View

NetworkName = Literal["convolutional", "head"]
CONFIG, MODEL, REPORT, CURVES, LEFT_OUT = "config.json", "model.onnx", "report.json", "curves.png", "left_out.csv"
"""Files of a run, beside the checkpoint and the folder `pictures`."""
SIDE_PX = 128  # of the convolutional network's input; source: the seed


class RunRefused(PopscoreError, ValueError):
    """The folder of a run belongs to another one, or an option cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what comes out, but for how many epochs are run.

    Attributes:
        popular_from: least popularity score of a popular selfie; None for the better half.
        network: `convolutional` is that of the seed; `head` a linear layer on the embedded model's embedding.
        view: `photo` for the middle square of the whole picture, `face` for a square round its largest face.
        batch: selfies per step.
        side: of the convolutional network's input in pixels, a multiple of 32.
    """

    popular_from: float | None = 4.5
    network: NetworkName = "convolutional"
    view: View = "photo"
    seed: int = 0
    batch: int = 64
    side: int = SIDE_PX


def claim(run: Path, recipe: Recipe, *, dataset_sha256: str, backbone_sha256: str | None) -> None:
    """Make the folder of a run, or go on in one of the same recipe.

    Raises:
        RunRefused: another run is there, or other files.
        ExportFailed: the folder cannot be made or written to.
    """
    make_folder(run)
    wanted: Json = {
        **asdict(recipe),
        "dataset_sha256": dataset_sha256,
        "backbone_sha256": backbone_sha256 if recipe.network == "head" else None,
    }
    path = run / CONFIG
    if not path.exists():
        try:
            others = [entry.name for entry in run.iterdir() if not entry.name.startswith(".popscore-")]
        except OSError as error:
            raise failure(run.name, error) from error
        if others:
            raise RunRefused(f"{run} holds other files, such as {sorted(others)[0]}. Name an empty or a new folder.")
        with replacing(path) as file:
            file.write(json.dumps(wanted, indent=2).encode() + b"\n")
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunRefused(f"{path} cannot be read, so nobody knows what {run} holds. Name a new folder.") from error
    if not isinstance(found, dict):
        found = {}
    for name in wanted:
        if found.get(name) != wanted[name]:
            raise RunRefused(
                f"{run} holds a run of another configuration: {name} is {str(found.get(name))[:80]} there and "
                f"{wanted[name]} here. Name a new folder, or give the options of that run."
            )
    for left in run.glob(".popscore-*.tmp"):  # of a run that was killed while it wrote
        left.unlink(missing_ok=True)
