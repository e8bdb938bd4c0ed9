"""What a run was asked for. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from popscore.models.spec import ResizeRule
from popscore.training.run_folder import RunRefused

Loss = Literal["ranknet", "ratio", "regression"]
HeadName = Literal["linear", "mlp"]
Normalisation = Literal["auto", "backbone", "none"]

MODEL, WEIGHTS, REPORT, CURVES, LEFT_OUT = "model.onnx", "weights.pt", "report.json", "curves.png", "left_out.csv"
"""Files of a run, beside its configuration, its checkpoint, its three tables of pairs and the folders of its shards."""

EPOCHS = 20
"""Passes over the pairs, where nobody says how many. The paper does not; weights of later epochs are only kept if they
are better on the validation pairs."""
_SIDES = (32, 1024)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what comes out, but for the pairs, the photos and how many epochs are run.

    The defaults are those of Ding, Ma & Wang 2019, section 4: a ResNet-50 with weights of ImageNet, cross entropy of
    the difference of two scores, Adam, L2 1e-4, 64 pairs a step, learning rates of 1e-5 and 1e-4 for the last layer,
    both times .95 per epoch. Input as in their released script: squashed to 224 x 224, no mean and deviation.

    Attributes:
        backbone: a network by name, see `backbones.build`.
        weights: `imagenet`, `none` for random ones, or the SHA-256 of a file.
        freeze: the backbone stays as it is. What it says of each photo is computed once, and only the head learns.
        warm_up: so many epochs are done with the backbone frozen, before all of it learns.
        head: `linear`, or `mlp` with a hidden layer of 256.
        dropout: share of the head's inputs that is left out in each step.
        loss: `ranknet`: -log sigmoid(s_w - s_l). `ratio`: (l_w/l_l - s_w/s_l)^2 + (l_l/l_w - s_l/s_w)^2 with scores
            above 0 (Ji, Park, Rao & Chen 2023, in the reading that its formula allows). `regression`: squared error
            of log(likes), for both photos. The last two need the likes of all pairs.
        batch: pairs in a step.
        backbone_rate, head_rate: learning rates of Adam in the first epoch.
        rate_decay: what both are multiplied by after each epoch.
        weight_decay: L2 of all weights, as Adam has it.
        epoch_pairs: so many pairs, drawn anew, are an epoch; None for all of them.
        side: rows and columns of the input in pixels.
        resize: `squash`, or `short_side_crop` for the middle.
        normalisation: `backbone` for the mean and deviation of its weights, `none` for values from 0 to 1; `auto` is
            `none` for resnet50, as in the released script, else `backbone`.
        mirror: half of the photos are mirrored, drawn anew in each epoch.
        crop: photos are seen in parts of 7/8 of their sides, drawn anew in each epoch (256 to 224, as in the paper's
            text); scoring sees all of them.
        flip: share of the training pairs whose winner and loser are exchanged, to see what wrong labels do.
        seed: of all that is drawn at random.
    """

    backbone: str = "resnet50"
    weights: str = "imagenet"
    freeze: bool = False
    warm_up: int = 0
    head: HeadName = "linear"
    dropout: float = 0.0
    loss: Loss = "ranknet"
    batch: int = 64
    backbone_rate: float = 1e-5
    head_rate: float = 1e-4
    rate_decay: float = 0.95
    weight_decay: float = 1e-4
    epoch_pairs: int | None = None
    side: int = 224
    resize: ResizeRule = "squash"
    normalisation: Normalisation = "auto"
    mirror: bool = False
    crop: bool = False
    flip: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            RunRefused: an option is out of its range, or two do not go together; the message names it.
        """
        for name, choices in (
            ("loss", Loss),
            ("head", HeadName),
            ("resize", ResizeRule),
            ("normalisation", Normalisation),
        ):
            if getattr(self, name) not in get_args(choices):
                raise RunRefused(
                    f"{_option(name)} {getattr(self, name)!r}: it must be {' or '.join(get_args(choices))}."
                )
        for name, low, high in (
            ("dropout", 0, 0.95), ("flip", 0, 1), ("backbone_rate", 0, 10), ("head_rate", 0, 10),
            ("rate_decay", 1e-3, 1), ("weight_decay", 0, 10), ("batch", 1, 1e6), ("warm_up", 0, 1e6),
            ("side", *_SIDES), ("seed", 0, 1e9), ("epoch_pairs", 1, 1e12),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise RunRefused(f"{_option(name)} {value}: it must be from {low:g} to {high:g}.")
        if self.freeze and self.crop:
            raise RunRefused(
                "A frozen backbone sees each photo once, so that no part of it can be drawn anew. "
                "Leave out --crop or --freeze."
            )
        if self.freeze and self.warm_up:
            raise RunRefused("A frozen backbone stays frozen after a warm-up too. Leave out --warm-up or --freeze.")

    @property
    def needs_features(self) -> bool:
        """Whether some epochs learn from what the frozen backbone says."""
        return self.freeze or self.warm_up > 0


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
