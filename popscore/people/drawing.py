"""A photo with frames around its faces."""

from PIL import Image, ImageDraw

from popscore.people.faces import Face

_DARK, _LIGHT = (0, 0, 0), (255, 255, 255)
MOST_PX = 2000
"""Longer side of the picture: enough to see, and quickly written."""


def with_frames(pixels: Image.Image, faces: list[Face] | tuple[Face, ...]) -> Image.Image:
    """A copy of a photo, at most `MOST_PX` wide and high, with a frame and a number for each face.

    Light frames with dark edges are seen on any photo; the numbers are those of the order of `faces`, from 1 on.
    """
    scale = min(1.0, MOST_PX / max(pixels.size))
    size = max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale))
    copy = pixels.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    draw = ImageDraw.Draw(copy)
    line = max(1, round(max(size) / 400))
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = (round(edge * scale) for edge in face.box)
        right, bottom = max(right, left), max(bottom, top)
        draw.rectangle((left - line, top - line, right + line, bottom + line), outline=_DARK, width=3 * line)
        draw.rectangle((left, top, right, bottom), outline=_LIGHT, width=line)
        draw.text(
            (left + 2 * line, top + line),
            str(number),
            fill=_LIGHT,
            stroke_fill=_DARK,
            stroke_width=line,
            font_size=max(10, 8 * line),
        )
    return copy
