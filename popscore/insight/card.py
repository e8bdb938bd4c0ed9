"""The share card: a photo with its score as one picture of 1080 x 1350, the shape of a portrait post (4:5).

Nothing of the photo's metadata is on it or in its file, nor what the photo is called.
"""

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from popscore import scale, words
from popscore.files.atomic import replacing
from popscore.insight.lettering import cut_to, font, lines_of, shown
from popscore.models.spec import Json, ModelInfo
from popscore.photos.decode import read_photo
from popscore.photos.rewriting import in_memory
from popscore.photos.sources import NamedPhoto, PhotoSource, named
from popscore.results import ScoredPhoto
from popscore.scoring.scorer import Scorer, load_scorer

WIDTH, HEIGHT = 1080, 1350

# The rest is a rhythm of 8 pixels, and the light look of the app: kit.css and theme.py.
_PHOTO_HEIGHT = 720  # a photo of 3:2 fills it
_MARGIN = 64
_PAPER, _INK, _SUBDUED, _LINE, _WASH = "#ffffff", "#1c1917", "#6b645d", "#e7e3de", "#f5f3f0"
# Band: its colour for text (contrast of 4.5 and more on the wash behind it), for surfaces, and the wash.
_COLORS = {
    "Excellent": ("#047857", "#10b981", "#ecfdf5"),
    "Good": ("#1d4ed8", "#3b82f6", "#eff6ff"),
    "Fair": ("#b45309", "#f59e0b", "#fffbeb"),
    "Poor": ("#b91c1c", "#ef4444", "#fef2f2"),
}
# A small photo is enlarged by no more than this, and a thin one drawn no thinner.
_MOST_ENLARGED, _THINNEST = 4.0, 3
# The ground behind a photo that does not fill its place: the photo, blurred in a small copy and darkened.
_GROUND_SIDE, _GROUND_BLUR, _GROUND_LIGHT = 108, 6, 0.55
# Shapes are drawn at three times their size, because Pillow draws them without smooth edges.
_FINE = 3
_CURVE_TOP, _CURVE_HEIGHT, _CURVE_REACH = 1032, 112, 2.4
# A shape that is off by less is made to fill the place: nobody sees it, and a strip of two pixels they would.
_STRETCHED = 0.01


@dataclass(frozen=True, kw_only=True)
class Card:
    """A share card.

    Attributes:
        picture: mode RGB, 1080 x 1350.
        photo: with the score that is on the card.
        model: that gave it.
    """

    picture: Image.Image
    photo: ScoredPhoto
    model: ModelInfo

    def to_png(self) -> bytes:
        """The card as a PNG file."""
        packed = io.BytesIO()
        self.picture.save(packed, "PNG")
        return packed.getvalue()

    def save(self, out: str | os.PathLike[str], *, replace: bool = False) -> Path:
        """Write the card as a PNG file.

        Args:
            out: the file.
            replace: a photo, such as an older card, may be replaced.

        Raises:
            ExportFailed: it was not written; what was there before is still there.
        """
        path, content = Path(out), self.to_png()
        with replacing(path, photos=replace) as file:
            file.write(content)
        return path

    def to_json(self, image: str | None = None) -> Json:
        """The document of every door.

        Args:
            image: where the card was written.
        """
        return {
            "model": self.model.to_json(),
            "results": [{**self.photo.to_json(), "image": image}],
            "errors": [],
        }


def share_card(photo: PhotoSource | NamedPhoto, *, scorer: Scorer | None = None) -> Card:
    """Score a photo and draw its card.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        scorer: by default the one that the environment asks for.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ScoringFailed: the model gave no usable score.
        ModelUnavailable, ModelRefused: there is no model.
    """
    scorer = scorer or load_scorer()
    photo = in_memory(named(photo), scorer.limits)
    scored = scorer.score(photo)
    pixels = read_photo(photo, at_least=(WIDTH, WIDTH), limits=scorer.limits).pixels
    return Card(picture=drawn(pixels, scored, scorer.model), photo=scored, model=scorer.model)


def drawn(pixels: Image.Image, photo: ScoredPhoto, model: ModelInfo) -> Image.Image:
    """The picture of a card.

    Args:
        pixels: of the photo, upright, mode RGB, any size.
        photo: with its score.
        model: that gave it.
    """
    card = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    card.paste(_framed(pixels), (0, 0))
    _write_score(card, photo, model)
    _draw_curve(card, photo, model)
    _write_foot(card, model)
    return card


# --- photo ------------------------------------------------------------------------------------------


def _framed(pixels: Image.Image) -> Image.Image:
    """The whole photo in its place, on a ground made of itself where its shape is another."""
    factor = min(WIDTH / pixels.width, _PHOTO_HEIGHT / pixels.height, _MOST_ENLARGED)
    size = _side(pixels.width * factor, WIDTH), _side(pixels.height * factor, _PHOTO_HEIGHT)
    size = WIDTH if size[0] > (1 - _STRETCHED) * WIDTH else size[0], size[1]
    size = size[0], _PHOTO_HEIGHT if size[1] > (1 - _STRETCHED) * _PHOTO_HEIGHT else size[1]
    fitted = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if size == (WIDTH, _PHOTO_HEIGHT):
        return fitted
    ground = pixels.resize((_GROUND_SIDE, _GROUND_SIDE), Image.Resampling.BILINEAR)
    ground = ground.filter(ImageFilter.GaussianBlur(_GROUND_BLUR)).point(lambda value: value * _GROUND_LIGHT)
    ground = ground.resize((WIDTH, WIDTH), Image.Resampling.BICUBIC)
    place = ground.crop((0, (WIDTH - _PHOTO_HEIGHT) // 2, WIDTH, (WIDTH + _PHOTO_HEIGHT) // 2))
    place.paste(fitted, ((WIDTH - size[0]) // 2, (_PHOTO_HEIGHT - size[1]) // 2))
    return place


def _side(length: float, most: int) -> int:
    return min(most, max(_THINNEST, round(length)))


# --- score ------------------------------------------------------------------------------------------


def _write_score(card: Image.Image, photo: ScoredPhoto, model: ModelInfo) -> None:
    draw = ImageDraw.Draw(card)
    ink = _SUBDUED if photo.warning else _INK
    number, large = _number(photo.score), font(112, bold=True)
    base = 852
    draw.text((_MARGIN - 4, base), number, ink, large, anchor="ls")
    after = _MARGIN + 12 + large.getlength(number)
    noise = f"± {model.spec.likely_noise:.1f}"
    draw.text((after, base), noise, _SUBDUED, font(32), anchor="ls")
    after += 40 + font(32).getlength(noise)
    if photo.warning:
        label, colors = words.WARNINGS[photo.warning], (_SUBDUED, _SUBDUED, _WASH)
    else:
        label, colors = photo.label, _COLORS[photo.label]
    _draw_chip(card, after, base - 39, label, colors)
    if photo.warning:
        sentence = f"This picture is {words.WARNINGS[photo.warning]}: its score means nothing."
    else:
        place = words.place(photo.percentile, model)
        sentence = f"{place[0].upper()}{place[1:]}"
    letters = font(34, bold=True)
    for at, line in enumerate(lines_of(shown(sentence), WIDTH - 2 * _MARGIN, letters, most=2)):
        draw.text((_MARGIN, 920 + 44 * at), line, _INK, letters, anchor="ls")


def _number(score: float) -> str:
    """Two digits behind the point as everywhere, and a minus as wide as a digit; a huge score in short."""
    text = f"{score:.2f}" if abs(score) < 10_000 else f"{score:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _draw_chip(card: Image.Image, left: float, middle: float, label: str, colors: tuple[str, str, str]) -> None:
    """A word in its colour on a pill, with a dot: colour is never the only sign."""
    letters = font(36, bold=True)
    label = cut_to(shown(label), WIDTH - _MARGIN - left - 84, letters)
    width, height = math.ceil(letters.getlength(label)) + 84, 64
    pill = _fine(width, height, _PAPER)
    draw = ImageDraw.Draw(pill)
    draw.rounded_rectangle((0, 0, pill.width - 1, pill.height - 1), pill.height / 2, colors[2])
    draw.ellipse([_FINE * place for place in (22, 22, 42, 42)], colors[0])
    card.paste(pill.reduce(_FINE), (round(left), round(middle - height / 2)))
    ImageDraw.Draw(card).text((left + 56, middle), label, colors[0], letters, anchor="lm")


# --- curve ------------------------------------------------------------------------------------------


def _draw_curve(card: Image.Image, photo: ScoredPhoto, model: ModelInfo) -> None:
    """The reference distribution in the colours of the bands, with the photo's place on it."""
    mean, std = model.spec.reference_mean, model.spec.reference_std
    low = min(mean - _CURVE_REACH * std, photo.score - 0.2 * std)
    high = max(mean + _CURVE_REACH * std, photo.score + 0.2 * std)
    width = WIDTH - 2 * _MARGIN

    def across(score: float) -> float:
        return width * (min(max(score, low), high) - low) / (high - low)

    hill = _fine(width, _CURVE_HEIGHT, _PAPER)
    draw = ImageDraw.Draw(hill)
    writing = ImageDraw.Draw(card)
    upper = math.inf
    for band in scale.BANDS:
        left, right = across(band.lower), across(upper)
        upper = band.lower
        if right <= left:
            continue
        steps = max(2, round(right - left))
        points = [(left + (right - left) * step / steps) for step in range(steps + 1)]
        tops = [
            _CURVE_HEIGHT * (1 - math.exp(-0.5 * ((low + x * (high - low) / width - mean) / std) ** 2)) for x in points
        ]
        line = [(_FINE * x, _FINE * min(top, _CURVE_HEIGHT - 2)) for x, top in zip(points, tops, strict=True)]
        bottom = _FINE * _CURVE_HEIGHT
        draw.polygon([(_FINE * left, bottom), *line, (_FINE * right, bottom)], _COLORS[band.label][1])
        letters = font(24)
        if right - left > letters.getlength(band.label) + 16:
            middle = _MARGIN + (left + right) / 2
            below = _CURVE_TOP + _CURVE_HEIGHT + 36
            writing.text((middle, below), band.label, _COLORS[band.label][0], letters, anchor="ms")
    card.paste(hill.reduce(_FINE), (_MARGIN, _CURVE_TOP))
    base = _CURVE_TOP + _CURVE_HEIGHT
    writing.line((_MARGIN, base, WIDTH - _MARGIN, base), _LINE, 2)
    if not photo.warning:
        _draw_place(card, _MARGIN + across(photo.score))


def _draw_place(card: Image.Image, x: float) -> None:
    """A line through the curve, and a pill that says whose place it is."""
    draw = ImageDraw.Draw(card)
    top = _CURVE_TOP - 4
    draw.line((round(x), top, round(x), _CURVE_TOP + _CURVE_HEIGHT), _INK, 4)
    letters, text = font(24, bold=True), "this photo"
    width, height = math.ceil(letters.getlength(text)) + 32, 40
    left = round(min(max(x - width / 2, _MARGIN), WIDTH - _MARGIN - width))
    shape = Image.new("L", (_FINE * width, _FINE * height))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, shape.width - 1, shape.height - 1), shape.height / 2, 255)
    card.paste(_INK, (left, top - 24), shape.reduce(_FINE))
    draw.text((left + width / 2, top - 24 + height / 2), text, _PAPER, letters, anchor="mm")


def _fine(width: float, height: float, color: str) -> Image.Image:
    return Image.new("RGB", (_FINE * math.ceil(width), _FINE * math.ceil(height)), color)


# --- foot -------------------------------------------------------------------------------------------


def _write_foot(card: Image.Image, model: ModelInfo) -> None:
    draw = ImageDraw.Draw(card)
    width = WIDTH - 2 * _MARGIN
    letters = font(22)
    for at, line in enumerate(lines_of(shown(words.meaning(model)), width, letters, most=2)):
        draw.text((_MARGIN, 1232 + 30 * at), line, _SUBDUED, letters, anchor="ls")
    brand = font(24, bold=True)
    draw.text((WIDTH - _MARGIN, 1308), "popscore", _INK, brand, anchor="rs")
    answered = cut_to(shown(words.answered_by(model)), width - brand.getlength("popscore") - 48, font(24))
    draw.text((_MARGIN, 1308), answered, _INK, font(24), anchor="ls")
