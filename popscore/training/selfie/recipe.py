"""What a run was asked for, and its folder, which never mixes two of them. Imports no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from popscore.models.spec import Json, View
from popscore.training import run_folder

NetworkName = Literal["convolutional", "head"]
MODEL, REPORT, CURVES, LEFT_OUT = "model.onnx", "report.json", "curves.png", "left_out.csv"
"""Files of a run, beside the checkpoint and the folder `pictures`."""
SIDE_PX = 128  # of the convolutional network's input; source: the seed


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
    wanted: Json = {
        **asdict(recipe),
        "dataset_sha256": dataset_sha256,
        "backbone_sha256": backbone_sha256 if recipe.network == "head" else None,
    }
    run_folder.claim(run, wanted)
