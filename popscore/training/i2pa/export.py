"""From a trained ranker to the graph of a model file."""

from __future__ import annotations

import io
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from popscore.models.session import EMBEDDING_OUTPUT, SCORE_OUTPUT
from popscore.training.conversion.graphs import NotUnderstood, with_maps
from popscore.training.i2pa.network import Ranker, plain_head
from popscore.training.run_folder import RunRefused

_OPSET = 17


class _Finished(nn.Module):  # type: ignore[misc, unused-ignore]
    """(N, 3, H, W) -> scores (N, 1) and features (N, C)."""

    def __init__(self, ranker: Ranker) -> None:
        super().__init__()
        self.trunk, self.head, self.positive = ranker.trunk, plain_head(ranker), ranker.positive

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(photos)
        scores = self.head(features)
        return (nn.functional.softplus(scores) + 1e-3 if self.positive else scores), features


def graph_of(ranker: Any, *, side: int) -> onnx.ModelProto:
    """The ranker as ONNX: input (N, 3, side, side), outputs `output` and `embedding`.

    Where it ends in global average pooling and one linear layer, it also gets its maps, see `conversion.graphs`.

    Raises:
        RunRefused: torch cannot write this network as ONNX.
    """
    finished = _Finished(ranker).cpu().eval()
    content = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # this exporter is the older one; the newer one needs another package
            torch.onnx.export(
                finished,
                (torch.zeros(1, 3, side, side),),
                content,
                input_names=["input"],
                output_names=[SCORE_OUTPUT, EMBEDDING_OUTPUT],
                dynamic_axes={name: {0: "N"} for name in ("input", SCORE_OUTPUT, EMBEDDING_OUTPUT)},
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise RunRefused(
            f"torch cannot write this network as ONNX: {reason}. "
            "Its weights are in weights.pt. Choose another --backbone."
        ) from error
    model = onnx.load_from_string(content.getvalue())
    model.producer_name, model.producer_version = "popscore", ""
    try:
        return with_maps(model, SCORE_OUTPUT, free_batch=True)
    except NotUnderstood:  # popscore then explains by covering parts of the photo
        return model
