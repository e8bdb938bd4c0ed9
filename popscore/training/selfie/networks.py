"""The two networks, in torch: the one of the Selfie Popularity Predictor, and a head on a frozen backbone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CHANNELS = (32, 64, 128, 64, 32)
DROPOUT = (0.2, 0.3, 0.4, 0.5, 0.0)
DENSE = 8
"""Source: the notebook of the Selfie Popularity Predictor: five blocks of a 3x3 convolution with ELU, max-pooling,
batch normalisation and dropout, then a dense layer of 8 and two outputs."""
HEAD_DROPOUT = 0.5


def convolutional(side: int) -> Any:
    """The network of the seed: (N, 3, side, side) in [0, 1] -> (N, 2) logits, not popular and popular.

    Args:
        side: in pixels, a multiple of 32.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, dropout in zip(CHANNELS, DROPOUT, strict=True):
        layers += [
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.ELU(),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(outputs),
            nn.Dropout(dropout),
        ]
        inputs = outputs
    left = side // 2 ** len(CHANNELS)
    layers += [nn.Flatten(), nn.Linear(inputs * left * left, DENSE), nn.ELU(), nn.Linear(DENSE, 2)]
    return nn.Sequential(*layers)


def head(inputs: int) -> Any:
    """A linear layer on an embedding, standardised before: (N, inputs) -> (N, 2) logits."""
    return nn.Sequential(nn.BatchNorm1d(inputs, affine=False), nn.Dropout(HEAD_DROPOUT), nn.Linear(inputs, 2))


def as_tensor(inputs: NDArray[Any]) -> Tensor:
    """What `Pictures.inputs` gives as the input of a network."""
    if inputs.dtype == np.uint8:  # (n, H, W, 3), 0 to 255
        return torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))).float() / 255
    return torch.from_numpy(np.ascontiguousarray(inputs))


def log_odds(logits: Tensor) -> Tensor:
    """(N, 2) -> (N,) of being popular."""
    return logits[:, 1] - logits[:, 0]
