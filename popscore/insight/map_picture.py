"""Draws a map over its photo: cells as they are, one scale of colours for all photos of a model, and a legend.

Blue and orange are told apart with every kind of colour blindness (Okabe & Ito 2008), and a plus or a minus in each
cell that counts says the same without colour. The photo is drawn in grey, so that its own colours say nothing.
"""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from popscore.errors import ExportFailed
from popscore.files.atomic import check_target, replacing
from popscore.files.kinds import HEAD_BYTES
from popscore.files.opening import head_of
from popscore.foreign_text import shortened
from popscore.insight.maps import Contributions, Method, ScoreMap
from popscore.insight.places import addition, resolution
from popscore.models.spec import ModelSpec
from popscore.photos.decode import read_photo
from popscore.photos.sources import NamedPhoto, PhotoSource
from popscore.scoring.scorer import Scorer

Color = tuple[int, int, int]
Found = ScoreMap | Contributions

# In standard deviations of the reference population. Measured with the embedded model on photos of OASIS: 93 of 100
# cells of its own maps lie within (75 photos), and 95 of 100 cells of occlusion maps (12 photos).
LIMITS: Final[dict[Method, float]] = {"activation_map": 3.0, "occlusion": 4.0}
"""Where the colours end; what lies beyond is drawn as the end, and the legend says so."""
RAISES: Final = (230, 97, 1)
LOWERS: Final = (28, 95, 196)
# The photo still shows through the strongest colour.
_STRONGEST = 0.78
# A cell gets its sign from this share of the limit on; below, the score hardly depends on it.
_SIGN_FROM = 0.25
_SIDE = 1080
_SOFTWARE = "popscore explain"
_LEAST_WIDTH = 640
# Black to dark grey, white to light grey: colours over them look alike everywhere.
_MIDDLE_GREYS = [round(58 + 0.62 * level) for level in range(256)]
_GREY = (_MIDDLE_GREYS[128],) * 3


@dataclass(frozen=True)
class _Theme:
    paper: Color
    ink: Color
    quiet: Color


_LIGHT = _Theme(paper=(255, 255, 255), ink=(23, 23, 28), quiet=(84, 88, 99))
_DARK = _Theme(paper=(17, 18, 23), ink=(240, 241, 245), quiet=(170, 175, 188))


def limit(found: Found, spec: ModelSpec) -> float:
    """The contribution, in score units, at which the colours end: the same for all photos of one model."""
    return LIMITS[found.method] * spec.reference_std


def color_of(value: float, most: float) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity, 0 to 255, of a contribution.

    Args:
        value: in score units.
        most: see `limit`.
    """
    share = min(1.0, abs(value) / most)
    return (*(RAISES if value > 0 else LOWERS), round(255 * _STRONGEST * share))


def cell_colors(found: Found, spec: ModelSpec) -> list[list[str]]:
    """The colours of the cells, row by row, as `#rrggbbaa`, for a page that draws them itself."""
    most = limit(found, spec)
    return [["#" + bytes(color_of(value, most)).hex() for value in row] for row in found.grid]


def cell_signs(found: Found, spec: ModelSpec) -> list[list[str]]:
    """`+`, `-` or nothing for each cell, row by row, as the picture draws them."""
    least = _SIGN_FROM * limit(found, spec)
    return [["" if abs(value) < least else "+" if value > 0 else "-" for value in row] for row in found.grid]


def draw_map(pixels: Image.Image, found: Found, *, spec: ModelSpec, dark: bool = False) -> Image.Image:
    """The photo with its map over it, and a legend below.

    Args:
        pixels: the upright photo, mode RGB, any size. Neither side of the picture of it is longer than 1080 pixels.
        found: its map.
        spec: of the model.
        dark: for a dark page.

    Returns:
        Mode RGB; the page's colour is that of the theme.
    """
    theme = _DARK if dark else _LIGHT
    photo = _with_cells(_fitted(pixels), found, spec)
    legend = _legend(max(photo.width, _LEAST_WIDTH), found, spec, theme)
    margin = _unit(legend.width)
    page = Image.new("RGB", (legend.width + 2 * margin, photo.height + legend.height + 3 * margin), theme.paper)
    page.paste(photo, ((page.width - photo.width) // 2, margin))
    page.paste(legend, (margin, photo.height + 2 * margin))
    return page


def save_map(
    photo: PhotoSource | NamedPhoto, found: Found, target: Path, *, scorer: Scorer, dark: bool = False
) -> None:
    """Draw the map of a photo and write it as PNG, whole or not at all. Nothing of the photo's metadata is in it.

    Args:
        photo: as given to `explain`; a path or bytes are read again, in more detail than the model needs.
        found: its map.
        target: of the picture, see `check_picture_target`.
        scorer: as given to `explain`.
        dark: for a dark page.

    Raises:
        ExportFailed: it could not be written.
        UnreadableImage, ImageTooLarge: the photo can no longer be read.
    """
    check_picture_target(target)
    pixels = read_photo(photo, at_least=(_SIDE, _SIDE), limits=scorer.limits).pixels
    picture, mark = draw_map(pixels, found, spec=scorer.model.spec, dark=dark), PngInfo()
    mark.add_text("Software", _SOFTWARE)
    packed = io.BytesIO()
    picture.save(packed, "PNG", pnginfo=mark)
    with replacing(target, photos=True) as file:
        file.write(packed.getbuffer())


def check_picture_target(target: Path) -> None:
    """Refuse a target that is no `.png`, or must not be replaced. A map that popscore drew may be.

    Raises:
        ExportFailed: see `check_target`.
    """
    if target.suffix.lower() != ".png":
        raise ExportFailed(f"{shortened(target.name)} was not written: a map is a PNG. Give it a name with .png.")
    own = False
    with contextlib.suppress(OSError, ValueError):
        own = b"Software\0" + _SOFTWARE.encode() in head_of(target, HEAD_BYTES)
    check_target(target, photos=own)


def _fitted(pixels: Image.Image) -> Image.Image:
    """At its display size; a side of a long, thin photo keeps one pixel at least."""
    factor = _SIDE / max(pixels.size)
    size = max(1, round(pixels.width * factor)), max(1, round(pixels.height * factor))
    return pixels.resize(size, Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS)


def _with_cells(photo: Image.Image, found: Found, spec: ModelSpec) -> Image.Image:
    grey = ImageOps.grayscale(photo).point(_MIDDLE_GREYS).convert("RGB")
    most = limit(found, spec)
    rows, columns = len(found.grid), len(found.grid[0])
    left, top, right, bottom = (
        edge * length for edge, length in zip(found.covers, photo.size * 2, strict=True)
    )  # fmt: skip
    xs = [round(left + (right - left) * edge / columns) for edge in range(columns + 1)]
    ys = [round(top + (bottom - top) * edge / rows) for edge in range(rows + 1)]
    over = Image.new("RGBA", photo.size)
    draw = ImageDraw.Draw(over)
    for y, row in enumerate(found.grid):
        for x, value in enumerate(row):
            box = xs[x], ys[y], xs[x + 1] - 1, ys[y + 1] - 1
            if box[0] <= box[2] and box[1] <= box[3]:
                draw.rectangle(box, fill=color_of(value, most))
    line = max(1, round(min(photo.size) / 540))
    for x in xs[1:-1]:
        draw.line((x, ys[0], x, ys[-1]), fill=(255, 255, 255, 46), width=line)
    for y in ys[1:-1]:
        draw.line((xs[0], y, xs[-1], y), fill=(255, 255, 255, 46), width=line)
    for y, signs in enumerate(cell_signs(found, spec)):
        for x, sign in enumerate(signs):
            strength = min(1.0, abs(found.grid[y][x]) / most)
            _sign(draw, sign, (xs[x], ys[y], xs[x + 1], ys[y + 1]), strength)
    return Image.alpha_composite(grey.convert("RGBA"), over).convert("RGB")


def _sign(draw: ImageDraw.ImageDraw, sign: str, box: tuple[int, int, int, int], strength: float) -> None:
    """A plus or a minus in the middle of a cell, larger where the cell counts more."""
    side = min(box[2] - box[0], box[3] - box[1])
    if not sign or side < 9:  # nobody could tell them apart
        return
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    arm = side * (0.09 + 0.13 * strength)
    thick = max(0.5, arm / 4.5)
    for extra, color in ((max(1.0, thick * 0.5), (0, 0, 0, 110)), (0.0, (255, 255, 255, 255))):
        bars = [(arm, thick)] + ([(thick, arm)] if sign == "+" else [])
        for width, height in bars:
            draw.rectangle((x - width - extra, y - height - extra, x + width + extra, y + height + extra), fill=color)


# --- the legend ------------------------------------------------------------------------------------------


def _unit(width: int) -> int:
    """The measure of the legend: letters are as large as this."""
    return max(16, round(width / 42))


def _legend(width: int, found: Found, spec: ModelSpec, theme: _Theme) -> Image.Image:
    unit, most = _unit(width), limit(found, spec)
    font, small = ImageFont.load_default(unit), ImageFont.load_default(round(unit * 0.86))
    lines = [resolution(found), addition(found)]
    beyond = sum(abs(value) > most for row in found.grid for value in row)
    if beyond:
        verb = "lies" if beyond == 1 else "lie"
        lines.append(f"{beyond} of {len(found.grid) * len(found.grid[0])} cells {verb} beyond these colours")
    picture = Image.new("RGB", (width, round(unit * (4.4 + 1.45 * len(lines)))), theme.paper)
    draw = ImageDraw.Draw(picture)
    draw.text((0, 0), "lowers the score", theme.ink, font)
    draw.text((width, 0), "raises the score", theme.ink, font, anchor="ra")
    top, height = round(unit * 1.5), round(unit * 1.1)
    _bar(draw, (0, top, width, top + height), most)
    for share, anchor in ((-1.0, "la"), (-0.5, "ma"), (0.0, "ma"), (0.5, "ma"), (1.0, "ra")):
        at = round(width * (share + 1) / 2)
        draw.text((at, top + height + unit * 0.3), f"{share * most:+.1f}" if share else "0", theme.quiet, small, anchor)
    at_y = unit * 4.4
    for line in lines:
        draw.text((0, at_y), line, theme.quiet, small)
        at_y += unit * 1.45
    return picture


def _bar(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], most: float) -> None:
    left, top, right, bottom = box
    for x in range(left, right):
        value = most * (2 * (x - left) / (right - left - 1) - 1)
        red, green, blue, alpha = color_of(value, most)
        mixed = tuple(
            round(over * alpha / 255 + under * (1 - alpha / 255))
            for over, under in zip((red, green, blue), _GREY, strict=True)
        )
        draw.line((x, top, x, bottom - 1), fill=mixed)
    side = bottom - top
    _sign(draw, "-", (left, top, left + 2 * side, bottom), 1.0)
    _sign(draw, "+", (right - 2 * side, top, right, bottom), 1.0)
