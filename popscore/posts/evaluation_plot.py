"""An evaluation as a picture: accuracy beside published figures, by how many times the likes, and its reliability."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from popscore.files.atomic import replacing
from popscore.foreign_text import shortened
from popscore.posts.evaluation import Evaluation, Part
from popscore.posts.published import PUBLISHED

_WIDTH, _HEIGHT = 1500, 560
_TOP, _BOTTOM = 70, 480
_COLORS = ("#2563EB", "#D97706")
_INK, _GREY, _LINE = "#111827", "#6B7280", "#E5E7EB"
_SHOWN_PUBLISHED = ("random", "one person alone, mean of 30", "majority of 30 people", "I2PA, ResNet-50")
_LONGEST_NAME = 26


def draw_evaluation(evaluations: Sequence[tuple[str, Evaluation]]) -> Image.Image:
    """Draw one or two evaluations, by name, as an RGB picture of 1500 x 560 pixels. Bars show 95 % intervals."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = _Pen(picture)
    _accuracies(pen, evaluations, left=300, right=500)
    _by_likes(pen, evaluations, left=590, right=960)
    _reliability(pen, evaluations, left=1050, right=1460)
    for number, (name, one) in enumerate(evaluations):
        x = 40 + number * 700
        pen.draw.rectangle((x, _HEIGHT - 32, x + 14, _HEIGHT - 18), fill=_COLORS[number])
        pen.text(x + 22, _HEIGHT - 25, f"{_short(name, 60)}: {one.pairs:,} pairs", anchor="lm")
    return picture


def write_plot(evaluations: Sequence[tuple[str, Evaluation]], path: str | os.PathLike[str]) -> None:
    """Write the picture as PNG.

    Raises:
        ExportFailed: it could not be written; a file that was there before is still there.
    """
    with replacing(Path(path), photos=Path(path).suffix.lower() == ".png") as file:
        draw_evaluation(evaluations).save(file, "PNG")


class _Pen:
    def __init__(self, picture: Image.Image) -> None:
        self.draw = ImageDraw.Draw(picture)
        self._fonts = {size: ImageFont.load_default(size) for size in (14, 18)}

    def text(self, x: float, y: float, text: str, *, anchor: str, size: int = 14, color: str = _INK) -> None:
        self.draw.text((x, y), text, font=self._fonts[size], fill=color, anchor=anchor)

    def title(self, left: int, text: str) -> None:
        self.text(left, 28, text, anchor="lm", size=18)

    def dot(self, x: float, y: float, color: str) -> None:
        self.draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color)


def _short(name: str, most: int) -> str:
    plain = shortened(name)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _accuracies(pen: _Pen, evaluations: Sequence[tuple[str, Evaluation]], *, left: int, right: int) -> None:
    """One row for each; those of papers are grey."""
    pen.title(40, "Pairs ranked the right way round")
    theirs = [one for one in PUBLISHED if one.name in _SHOWN_PUBLISHED]
    rows = len(theirs) + len(evaluations)
    lowest = min([0.5, *(evaluation.interval[0] for _, evaluation in evaluations)])
    low = max(0.0, lowest - 0.02)

    def x(share: float) -> float:
        return left + (right - left) * (share - low) / (1 - low)

    for share in (0.5, 0.75, 1.0):
        pen.draw.line((x(share), _TOP, x(share), _BOTTOM), fill=_LINE)
        pen.text(x(share), _BOTTOM + 14, f"{share:.0%}", anchor="mm", color=_GREY)
    step = (_BOTTOM - _TOP) / rows
    for number, (name, one) in enumerate(evaluations):
        y, color = _TOP + step * (number + 0.5), _COLORS[number]
        pen.text(40, y, f"{_short(name, _LONGEST_NAME)}", anchor="lm")
        pen.text(left - 10, y, f"{one.accuracy:.2%}", anchor="rm")
        ends = one.interval_by_user or one.interval
        pen.draw.line((x(ends[0]), y, x(ends[1]), y), fill=color, width=2)
        pen.dot(x(one.accuracy), y, color)
    for number, published in enumerate(theirs, start=len(evaluations)):
        y = _TOP + step * (number + 0.5)
        pen.text(40, y - 8, published.name, anchor="lm", color=_GREY)
        pen.text(40, y + 9, "published, on their pairs", anchor="lm", color=_GREY)
        pen.text(left - 10, y, f"{published.accuracy:.2%}", anchor="rm", color=_GREY)
        pen.dot(x(published.accuracy), y, _GREY)


def _by_likes(pen: _Pen, evaluations: Sequence[tuple[str, Evaluation]], *, left: int, right: int) -> None:
    likes = any(one.by_likes for _, one in evaluations)
    pen.title(left - 50, "By how many times the likes" if likes else "By days between the posts")
    parts = [one.by_likes if likes else one.by_days for _, one in evaluations]
    names = list(dict.fromkeys(part.name for some in parts for part in some))
    low = min([0.5, *(part.low for some in parts for part in some)])
    _frame(pen, left, right, low)
    for place, name in enumerate(names):
        x = left + (right - left) * (place + 0.5) / len(names)
        short = name.removesuffix(" times the likes").replace(" times the likes or more", " +")
        pen.text(x, _BOTTOM + 14, short.removesuffix(" days").replace(" to ", "-"), anchor="mm", color=_GREY)
    for number, some in enumerate(parts):
        for part in some:
            x = left + (right - left) * (names.index(part.name) + 0.5) / len(names) + 8 * number
            _bar(pen, x, part, low, _COLORS[number])


def _reliability(pen: _Pen, evaluations: Sequence[tuple[str, Evaluation]], *, left: int, right: int) -> None:
    pen.title(left - 50, "Favourites that won, by the probability given")
    low = min([0.5, *(part.low for _, one in evaluations for part in one.reliability)])
    _frame(pen, left, right, low)
    pen.draw.line((left, _y(0.5, low), right, _y(1.0, low)), fill=_GREY)
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        x = left + (right - left) * (share - 0.5) / 0.5
        pen.text(x, _BOTTOM + 14, f"{share:.0%}", anchor="mm", color=_GREY)
    for number, (_, one) in enumerate(evaluations):
        for part in one.reliability:
            x = left + (right - left) * ((part.mean_probability or 0.5) - 0.5) / 0.5
            _bar(pen, x, part, low, _COLORS[number])
        pen.text(right, _TOP - 12 - 17 * number, f"ECE {one.ece:.3f}", anchor="rm", color=_COLORS[number])


def _y(share: float, low: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * (share - low) / (1 - low)


def _frame(pen: _Pen, left: int, right: int, low: float) -> None:
    for tenth in range(11):
        share = tenth / 10
        if share >= low:
            pen.draw.line((left, _y(share, low), right, _y(share, low)), fill=_LINE)
            pen.text(left - 8, _y(share, low), f"{share:.0%}", anchor="rm", color=_GREY)


def _bar(pen: _Pen, x: float, part: Part, low: float, color: str) -> None:
    pen.draw.line((x, _y(part.low, low), x, _y(part.high, low)), fill=color, width=2)
    pen.dot(x, _y(part.accuracy, low), color)
