"""The aggregation transformer of Ji, Park, Rao & Chen 2023 (ACM MM): one score from a photo and a person's history.

Each thing that is known becomes one or several tokens by a linear projection: the backbone's map before its pooling,
the user feature (local score and likeness of the K posts that are most like the photo), and the five depth-masked
features. A learnable token goes with them through transformer encoder blocks; the score is read from it. Depth, width
and heads are not given in the paper; here they are as small as what people there are to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from popscore.training.aggregation.depth import MASKS


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the network.

    Attributes:
        channels: of the map.
        positions: of the map, rows times columns.
        neighbours: K; the user feature has 2 K numbers.
        depth: it takes the five depth-masked features.
        general: the logarithm of its score starts as the general score times a learnt slope. The paper has none: its
            backbone was trained along, on millions of posts.
        width, heads, blocks, dropout: of the encoder.
    """

    channels: int = 2480
    positions: int = 16
    neighbours: int = 5
    depth: bool = False
    general: bool = True
    width: int = 64
    heads: int = 4
    blocks: int = 2
    dropout: float = 0.2


class Aggregation(nn.Module):  # type: ignore[misc, unused-ignore]
    """Scores of photos for a person, all above 0; a ratio of two is what is expected of the ratio of their likes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.from_map = nn.Linear(shape.channels, shape.width)
        self.from_user = nn.Linear(2 * shape.neighbours, shape.width)
        self.from_depth = nn.Linear(shape.channels, shape.width) if shape.depth else None
        tokens = shape.positions + 2 + (MASKS if shape.depth else 0)
        self.start = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.place = nn.Parameter(0.02 * torch.randn(1, tokens, shape.width))
        layer = nn.TransformerEncoderLayer(
            shape.width, shape.heads, 2 * shape.width, shape.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, shape.blocks, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, 1)
        nn.init.zeros_(self.head.weight)  # in the beginning all photos are alike, or as the general score says
        nn.init.zeros_(self.head.bias)
        self.slope = nn.Parameter(torch.tensor(0.35)) if shape.general else None

    def forward(
        self, maps: Tensor, photos: Tensor, user: Tensor, general: Tensor, depth: Tensor | None = None
    ) -> Tensor:
        """Scores (N,).

        Args:
            maps: (P, positions, C) of the photos that are asked about, each once.
            photos: (N,) which of them a question is about; many people are asked about one photo.
            user: (N, 2 K) local score and likeness of each neighbour.
            general: (N,) standardised general scores; not looked at without `Shape.general`.
            depth: (P, 5, C) depth-masked features, for a network that takes them.
        """
        seen = self.from_map(maps)  # (P, positions, W)
        if self.from_depth is not None:
            if depth is None:
                raise ValueError("this network takes depth-masked features, and none are given")
            seen = torch.cat([seen, self.from_depth(depth)], 1)  # (P, positions + 5, W)
        count = len(photos)
        tokens = torch.cat([self.start.expand(count, -1, -1), self.from_user(user)[:, None], seen[photos]], 1)
        told = self.encoder(tokens + self.place)[:, 0]  # (N, W), the learnable token
        log_score: Tensor = self.head(self.norm(told))[:, 0]
        if self.slope is not None:
            log_score = log_score + self.slope * general
        return log_score.clamp(-5, 5).exp()


def ratio_loss(score_a: Tensor, score_b: Tensor, likes_a: Tensor, likes_b: Tensor) -> Tensor:
    """(P,) what each pair costs: (l_a / l_b - s_a / s_b)^2 + (l_b / l_a - s_b / s_a)^2.

    Source: Ji et al. 2023, as read in the ratio loss of `popscore.training.i2pa.network`; scores are above 0.
    """
    likes, scores = likes_a / likes_b, score_a / score_b
    return (likes - scores) ** 2 + (1 / likes - 1 / scores) ** 2
