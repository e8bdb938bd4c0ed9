"""A trained model as a file with metadata, checked against torch before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from popscore.files.atomic import replacing
from popscore.models.metadata import as_metadata, values_from_spec
from popscore.models.preprocess import Input
from popscore.models.session import open_session
from popscore.models.spec import ModelSpec
from popscore.training.errors import ConversionRefused

MAX_DIFFERENCE = 1e-3  # between torch and ONNX, in units of the score, or of the largest score where that is above 1


def write_model(
    model: onnx.ModelProto,
    spec: ModelSpec,
    path: Path,
    *,
    inputs: Input,
    wanted: NDArray[np.float64],
    more: Mapping[str, object],
) -> None:
    """Write the file with its metadata, if it says what torch says.

    Args:
        inputs: (n, 3, H, W) of some photos.
        wanted: (n,) scores of these by torch.
        more: metadata beyond the spec.

    Raises:
        ConversionRefused: the two differ.
        ExportFailed: the file cannot be written.
    """
    helper.set_model_props(model, as_metadata(values_from_spec(spec, **more)))
    content = model.SerializeToString(deterministic=True)
    session = open_session(content, file=path.name)  # what is written is what popscore loads
    difference = float(np.abs(session.scores(inputs) - wanted).max(initial=0))
    if not difference <= MAX_DIFFERENCE * max(1.0, float(np.abs(wanted).max(initial=0))):
        raise ConversionRefused(
            f"{path.name} was not written: its scores differ from those of torch by {difference:.2g}."
        )
    with replacing(path) as file:
        file.write(content)
