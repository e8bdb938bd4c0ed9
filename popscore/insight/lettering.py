"""Text on pictures: the shipped font, lines that fit, letters that it has."""

import unicodedata
from functools import cache
from importlib.resources import files
from io import BytesIO

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

# What the shipped files hold, the Latin part of Inter: letters of western Europe and common marks.
_MARKS = frozenset("–—‘’“”•…−€™")  # noqa: RUF001


@cache
def font(size: int, *, bold: bool = False) -> Font:
    """Inter, regular or bold.

    Args:
        size: of the em square in pixels.
        bold: weight 700 instead of 400.
    """
    name = f"inter-latin-{700 if bold else 400}-normal.woff"
    content = (files("popscore.insight") / "fonts" / name).read_bytes()
    return ImageFont.truetype(BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)


def shown(text: str) -> str:
    """The text with a question mark for each letter that the font lacks, in one line."""
    flat = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(
        letter if " " <= letter <= "~" or "\xa1" <= letter <= "\xff" or letter in _MARKS else "?" for letter in flat
    )


def cut_to(text: str, width: float, letters: Font) -> str:
    """The text, with an ellipsis where it does not fit into so many pixels."""
    text = text[:400]
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def lines_of(text: str, width: float, letters: Font, *, most: int) -> list[str]:
    """The text in at most so many lines that fit; what is left over is cut with an ellipsis."""
    words, lines = text.split(), list[str]()
    while words and len(lines) < most:
        count = 1
        while count < len(words) and letters.getlength(" ".join(words[: count + 1])) <= width:
            count += 1
        if len(lines) == most - 1:
            count = len(words)
        lines.append(cut_to(" ".join(words[:count]), width, letters))
        words = words[count:]
    return lines
