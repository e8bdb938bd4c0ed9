"""How good a selfie model is, for whom, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from popscore.metrics import calibration_error, wilson_interval
from popscore.models.spec import Json
from popscore.training import curves
from popscore.training.selfie.dataset import ATTRIBUTES, Selfie

if TYPE_CHECKING:
    from popscore.training.selfie.learning import Epoch

Truths = NDArray[np.bool_]
SEX = {"women": ("is_female", 1), "men": ("is_female", -1)}
"""As whoever made the data set saw it; popscore guesses nothing of the kind."""
OTHERS = ("baby", "child", "teenager", "youth", "middle_age", "senior", "white", "black", "asian")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A model on some of the selfies that it has not learned from.

    Attributes:
        count: of selfies.
        accuracy: share whose class was told right, with its 95 % interval of Wilson.
        popular: share of the selfies that are popular.
        called_popular: share that the model calls so. What it adds to a group's share is the model's own bias.
        probability: mean of what the model gives.
    """

    count: int
    accuracy: float
    interval: tuple[float, float]
    popular: float
    called_popular: float
    probability: float

    def to_json(self) -> Json:
        """The group in the report."""
        return {
            "count": self.count,
            "accuracy": round(self.accuracy, 4),
            "interval": [round(end, 4) for end in self.interval],
            "popular": round(self.popular, 4),
            "called_popular": round(self.called_popular, 4),
            "probability": round(self.probability, 4),
        }


def measured(probabilities: NDArray[np.float64], truth: Truths) -> Measured:
    """The figures of some selfies, at least one."""
    called = probabilities > 0.5
    accuracy = float((called == truth).mean())
    return Measured(
        count=len(truth),
        accuracy=accuracy,
        interval=wilson_interval(accuracy, len(truth)),
        popular=float(truth.mean()),
        called_popular=float(called.mean()),
        probability=float(probabilities.mean()),
    )


def by_group(selfies: Sequence[Selfie], probabilities: NDArray[np.float64], truth: Truths) -> dict[str, Measured]:
    """The figures by sex, then by age and origin, as the data set has them; groups without a selfie are left out."""
    groups = {**SEX, **{name: (name, 1) for name in OTHERS}}
    found = {}
    for group, (attribute, value) in groups.items():
        column = ATTRIBUTES.index(attribute)
        inside = np.array([selfie.attributes[column] == value for selfie in selfies], bool)
        if inside.any():
            found[group] = measured(probabilities[inside], truth[inside])
    return found


def calibration(probabilities: NDArray[np.float64], truth: Truths) -> float:
    """Expected calibration error of the probabilities, 0 to 1."""
    return calibration_error(probabilities, truth.astype(np.float64))


def learning_curves(history: Sequence[Epoch], best: int) -> Image.Image:
    """Losses, and accuracy on the validation selfies, epoch by epoch; a line marks the best epoch."""
    losses = {
        "training": [epoch.train_loss for epoch in history],
        "validation": [epoch.validation_loss for epoch in history],
    }
    return curves.drawn(losses, {"validation": [epoch.validation_accuracy for epoch in history]}, best=best)
