"""The chosen frames as JPEGs, and all of them on one sheet."""

import io
import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from popscore.files.atomic import replacing
from popscore.foreign_text import file_stem

_QUALITY = 95
_SHEET_QUALITY = 90
_CELL, _GAP, _CAPTION = 480, 12, 30  # pixels of the contact sheet
_FONT_SIZE = 18
_PAPER, _INK = "#ffffff", "#202020"


def frame_name(video: str, rank: int, time_s: float, score: float) -> str:
    """The file name of a frame: video, rank, time and score, as in `clip_01_0m12.480s_3.41.jpg`."""
    return f"{_stem(video)}_{rank:02d}_{_time(time_s)}_{score:.2f}.jpg"


def single_name(video: str, time_s: float) -> str:
    """The file name of a frame that a person chose, which need not have a rank or a score: `clip_0m12.480s.jpg`."""
    return f"{_stem(video)}_{_time(time_s)}.jpg"


def sheet_name(video: str) -> str:
    """The file name of the contact sheet."""
    return f"{_stem(video)}_contact_sheet.jpg"


def write_frame(picture: Image.Image, path: Path, exif: Image.Exif) -> None:
    """Write a frame as JPEG of quality 95, with what is known about when it was taken.

    Raises:
        ExportFailed: it could not be written.
    """
    packed = io.BytesIO()
    picture.save(packed, "JPEG", quality=_QUALITY, exif=exif)
    with replacing(path, photos=True) as file:
        file.write(packed.getbuffer())


class ContactSheet:
    """Frames side by side with their captions. Holds small copies only."""

    def __init__(self) -> None:
        self._cells: dict[int, tuple[Image.Image, str]] = {}

    def add(self, place: int, picture: Image.Image, caption: str) -> None:
        """Put a frame on the sheet.

        Args:
            place: frames are shown in the order of their places, whatever order they are added in.
            picture: any size.
            caption: one short line.
        """
        small = picture.copy()
        small.thumbnail((_CELL, _CELL), Image.Resampling.LANCZOS)
        self._cells[place] = small, caption

    def draw(self) -> Image.Image:
        """The sheet; at least one frame must be on it."""
        cells = [self._cells[place] for place in sorted(self._cells)]
        width = max(picture.width for picture, _ in cells)
        height = max(picture.height for picture, _ in cells)
        columns = _columns(len(cells), width, height)
        rows = -(-len(cells) // columns)
        step_x, step_y = width + _GAP, height + _CAPTION + _GAP
        sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), _PAPER)
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
        for place, (picture, caption) in enumerate(cells):
            left, top = _GAP + place % columns * step_x, _GAP + place // columns * step_y
            sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
            draw.text((left + width / 2, top + height + _CAPTION / 2), caption, _INK, font, anchor="mm")
        return sheet

    def write(self, path: Path) -> None:
        """Write the sheet as JPEG.

        Raises:
            ExportFailed: it could not be written.
        """
        packed = io.BytesIO()
        self.draw().save(packed, "JPEG", quality=_SHEET_QUALITY)
        with replacing(path, photos=True) as file:
            file.write(packed.getbuffer())


def _columns(count: int, width: int, height: int) -> int:
    """So many that the sheet is about as wide as high, or wider."""
    return min(count, math.ceil(math.sqrt(count * height / width)))


def _time(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s * 1000), 60_000)
    return f"{minutes}m{seconds / 1000:06.3f}s"


def _stem(video: str) -> str:
    return file_stem(video) or "video"
