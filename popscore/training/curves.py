"""Losses and accuracy of a training run as a picture. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from popscore.insight.lettering import font

_SIZE, _MARGIN, _GAP = (900, 420), 60, 90
_INK, _GRID = "#1F2937", "#D1D5DB"
_COLORS = ("#B45309", "#1D4ED8")  # told apart by the colour-blind, and by their names beside them


def drawn(
    losses: Mapping[str, Sequence[float]], accuracies: Mapping[str, Sequence[float]], *, best: int, unit: str = "nats"
) -> Image.Image:
    """Two panels side by side, epoch by epoch; a line marks the best epoch.

    Args:
        losses, accuracies: by the name of the photos that they are measured on, all of one length, at least 1.
        best: number of the best epoch, from 0.
        unit: of the loss.
    """
    image = Image.new("RGB", _SIZE, "white")
    width = (_SIZE[0] - 2 * _MARGIN - _GAP) // 2
    _panel(image, _MARGIN, width, f"Loss ({unit})" if unit else "Loss", losses, best)
    _panel(image, _MARGIN + width + _GAP, width, "Accuracy", accuracies, best, ends=(0.0, 1.0))
    return image


def _panel(
    image: Image.Image,
    left: int,
    width: int,
    title: str,
    lines: Mapping[str, Sequence[float]],
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
