"""How good a selfie model is, for whom, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from popscore.insight.lettering import font
from popscore.metrics import calibration_error, wilson_interval
from popscore.models.spec import Json
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


# --- the curves -------------------------------------------------------------------------------------

_SIZE, _MARGIN, _GAP = (900, 420), 60, 90
_INK, _GRID = "#1F2937", "#D1D5DB"
_COLORS = ("#B45309", "#1D4ED8")  # told apart by the colour-blind, and by their names beside them


def curves(history: Sequence[Epoch], best: int) -> Image.Image:
    """Losses, and accuracy on the validation selfies, epoch by epoch; a line marks the best epoch."""
    image = Image.new("RGB", _SIZE, "white")
    width = (_SIZE[0] - 2 * _MARGIN - _GAP) // 2
    losses = {
        "training": [epoch.train_loss for epoch in history],
        "validation": [epoch.validation_loss for epoch in history],
    }
    right = {"validation": [epoch.validation_accuracy for epoch in history]}
    _panel(image, _MARGIN, width, "Loss (nats)", losses, best)
    _panel(image, _MARGIN + width + _GAP, width, "Accuracy", right, best, ends=(0.0, 1.0))
    return image


def _panel(
    image: Image.Image,
    left: int,
    width: int,
    title: str,
    lines: dict[str, list[float]],
    best: int,
    *,
    ends: tuple[float, float] | None = None,
) -> None:
    draw, small = ImageDraw.Draw(image), font(15)
    top, bottom = 70, _SIZE[1] - 60
    count = len(next(iter(lines.values())))
    lowest, highest = ends or (0.0, max(1e-6, *(value for line in lines.values() for value in line)) * 1.05)

    def place(epoch: int, value: float) -> tuple[float, float]:
        across = left + width * (epoch / max(1, count - 1))
        return across, bottom - (bottom - top) * (value - lowest) / (highest - lowest)

    draw.text((left, 16), title, fill=_INK, font=font(19, bold=True))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = lowest + share * (highest - lowest)
        _, at = place(0, value)
        draw.line((left, at, left + width, at), fill=_GRID)
        draw.text((left - 6, at), f"{value:.2f}", fill=_INK, font=small, anchor="rm")
    across, _ = place(best, lowest)
    draw.line((across, top, across, bottom), fill=_INK)
    for number, (name, line) in enumerate(lines.items()):
        points = [place(epoch, value) for epoch, value in enumerate(line)]
        color = _COLORS[number if len(lines) > 1 else 1]
        if len(points) > 1:
            draw.line(points, fill=color, width=3, joint="curve")
        for x, y in points if len(points) < 30 else points[-1:]:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
        draw.text((left + 150 * number, 44), name, fill=color, font=small)
    draw.text((left, bottom + 8), "epoch 1", fill=_INK, font=small)
    draw.text((left + width, bottom + 8), str(count), fill=_INK, font=small, anchor="ra")
    draw.text((left, bottom + 30), f"best: {best + 1}", fill=_INK, font=small)
