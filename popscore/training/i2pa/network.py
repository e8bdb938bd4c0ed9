"""The ranker: a backbone, a head, and what one pair costs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from popscore.training.i2pa.recipe import HeadName, Loss

_HIDDEN = 256


class Standardise(nn.Module):  # type: ignore[misc, unused-ignore]
    """(N, C) features with the mean and deviation of the training photos taken out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Take mean and deviation (C,); a feature that never changes is left as it is."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        found: Tensor = (x - self.mean) / self.std
        return found


class Ranker(nn.Module):  # type: ignore[misc, unused-ignore]
    """The score of photos.

    Args:
        trunk: (N, 3, H, W) -> (N, C).
        channels: C.
        head: `linear` or `mlp`.
        dropout: of the features, and of the hidden layer.
        standardised: the head takes mean and deviation out of the features first, see `Standardise`.
        positive: the score is softplus(head), for a loss of ratios.
    """

    def __init__(
        self,
        trunk: Any,
        channels: int,
        *,
        head: HeadName = "linear",
        dropout: float = 0.0,
        standardised: bool = False,
        positive: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        layers: list[nn.Module] = [Standardise(channels)] if standardised else []
        layers += [nn.Dropout(dropout)] if dropout else []
        if head == "mlp":
            layers += [nn.Linear(channels, _HIDDEN), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
            channels = _HIDDEN
        layers.append(nn.Linear(channels, 1))
        for layer in layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)  # He et al. 2015, as in the paper
                nn.init.zeros_(layer.bias)
        if standardised and head == "linear":
            # This problem has one minimum, so random weights gain nothing, and on the way from them to it there are
            # moments that are good on few validation pairs by chance: 86.7 % instead of 89.4 % on OASIS, see LOG.md.
            nn.init.zeros_(layers[-1].weight)
        self.head = nn.Sequential(*layers)
        self.positive = positive

    def forward(self, photos: Tensor | None = None, features: Tensor | None = None) -> Tensor:
        """Photos (N, 3, H, W) or their features (N, C) -> (N,) scores."""
        x = self.trunk(photos) if features is None else features  # (N, C)
        x = self.head(x)[:, 0]  # (N,)
        return nn.functional.softplus(x) + 1e-3 if self.positive else x


def pair_losses(loss: Loss, won: Tensor, lost: Tensor, likes: Tensor) -> Tensor:
    """What each pair costs: (B,).

    Args:
        won, lost: (B,) scores of winner and loser.
        likes: (B, 2) of winner and loser; not looked at by `ranknet`.

    Source: see `Recipe.loss`.
    """
    if loss == "ranknet":
        return nn.functional.softplus(lost - won)
    if loss == "ratio":
        ratio = likes[:, 0] / likes[:, 1]
        return (ratio - won / lost) ** 2 + (1 / ratio - lost / won) ** 2
    wanted = likes.log()
    return ((won - wanted[:, 0]) ** 2 + (lost - wanted[:, 1]) ** 2) / 2


def plain_head(ranker: Ranker) -> Any:
    """The head without dropout, and with `Standardise` in the linear layer that follows: fewer steps, and an end of the
    graph that popscore finds a map of."""
    layers = [layer for layer in ranker.head if not isinstance(layer, nn.Dropout)]
    if not isinstance(layers[0], Standardise):
        return nn.Sequential(*layers)
    first, linear, *others = layers
    weight = linear.weight.detach().double() / first.std.double()  # (O, C)
    folded = nn.Linear(linear.in_features, linear.out_features)
    folded.weight.data = weight.float()
    folded.bias.data = (linear.bias.detach().double() - weight @ first.mean.double()).float()
    return nn.Sequential(folded, *others)
