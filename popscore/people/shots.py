"""What is measured of a shot so that it can be compared with other shots of the same moment.

The numbers are plain, so that they can come from a worker or from a browser; `popscore.gallery.moments` compares them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from popscore.models.spec import Json
from popscore.people.light import details
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto

_MOST_TILES, _MOST_FACES = 64, 10_000
Number = float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShotMeasure:
    """Of one shot.

    Attributes:
        tiles: fine detail against detail twice as coarse in a grid of parts, row by row; None where a part is plain.
            Empty, and light and noise 0, where only faces were looked for.
        noise: standard deviation of the noise, in steps of brightness.
        tones: bits of information in the brightness, 0 to 8: how much of the scale the picture uses.
        blown, blocked: shares of pixels without detail in the lights and in the shadows.
        faces: how many; None where nobody looked for any.
        eyes_closed: faces of which no eye is open and one is closed; None as `faces`.
        eyes_open: faces of which an eye is open; of the others nothing is visible. None as `faces`.
        face_sharpness: median over the faces, see `sharpness.sharpness`; None without faces.
    """

    tiles: tuple[Number, ...]
    noise: float
    tones: float
    blown: float
    blocked: float
    faces: int | None = None
    eyes_closed: int | None = None
    eyes_open: int | None = None
    face_sharpness: Number = None

    def to_json(self) -> Json:
        """Plain values, from which `from_json` makes the same measure."""
        return {
            "tiles": [None if tile is None else round(tile, 5) for tile in self.tiles],
            "noise": round(self.noise, 4),
            "tones": round(self.tones, 4),
            "blown": round(self.blown, 6),
            "blocked": round(self.blocked, 6),
            "faces": self.faces,
            "eyes_closed": self.eyes_closed,
            "eyes_open": self.eyes_open,
            "face_sharpness": None if self.face_sharpness is None else round(self.face_sharpness, 4),
        }

    @classmethod
    def from_json(cls, document: Any) -> "ShotMeasure":
        """A measure from outside.

        Raises:
            ValueError: it is none.
        """
        if not isinstance(document, dict) or not isinstance(document.get("tiles"), list):
            raise ValueError("a measure of a shot has a list of tiles")
        if len(document["tiles"]) > _MOST_TILES:
            raise ValueError(f"a measure of a shot has {_MOST_TILES} tiles at most")
        faces, closed, opened = (_count(document.get(name)) for name in ("faces", "eyes_closed", "eyes_open"))
        if len({faces is None, closed is None, opened is None}) > 1 or (closed or 0) + (opened or 0) > (faces or 0):
            raise ValueError("more faces have their eyes open or closed than there are")
        return cls(
            tiles=tuple(None if tile is None else _number(tile, 100) for tile in document["tiles"]),
            noise=_number(document.get("noise"), 255),
            tones=_number(document.get("tones"), 8),
            blown=_number(document.get("blown"), 1),
            blocked=_number(document.get("blocked"), 1),
            faces=faces,
            eyes_closed=closed,
            eyes_open=opened,
            face_sharpness=None
            if document.get("face_sharpness") is None
            else _number(document["face_sharpness"], 10_000),
        )


def measure_shot(photo: NamedPhoto, limits: ImageLimits, *, side: int | None, people: bool) -> ShotMeasure:
    """Read a photo once more, larger than its score needs, and measure it.

    Args:
        photo: path, bytes or PIL image.
        limits: bytes and pixels to accept.
        side: longer side, in pixels, that all shots of the group are brought to: a smaller copy looks sharper pixel by
            pixel. None for a photo without a group: then only faces are looked for, at the photo's own size.
        people: look for faces too.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ModelRefused, ScoringFailed: a network for faces cannot be used.
    """
    if side is None:
        plain = ShotMeasure(tiles=(), noise=0, tones=0, blown=0, blocked=0)
        return _with_people(plain, photo, limits) if people else plain
    read = read_photo(photo, at_least=(side, side), limits=limits)
    return measured(_sized(read.pixels, side), people=people)


def measured(pixels: Image.Image, *, people: bool) -> ShotMeasure:
    """Measure pixels of mode RGB. Arguments and errors as `measure_shot`."""
    found = details(pixels)
    measure = ShotMeasure(
        tiles=found.tiles, noise=found.noise, tones=found.tones, blown=found.blown, blocked=found.blocked
    )
    return _with_people(measure, NamedPhoto(pixels, "the shot"), None) if people else measure


def _with_people(measure: ShotMeasure, photo: NamedPhoto, limits: ImageLimits | None) -> ShotMeasure:
    # Loaded only when asked for.
    from popscore.people.find import find_faces

    found = find_faces(photo, limits=limits)
    return replace(
        measure,
        faces=len(found.faces),
        eyes_closed=found.eyes_closed,
        eyes_open=sum(any(eye.state == "open" for eye in face.eyes.values()) for face in found.faces),
        face_sharpness=float(np.median([face.sharpness for face in found.faces])) if found.faces else None,
    )


def shot_json(photo: NamedPhoto, limits: ImageLimits, side: int | None, people: bool) -> Json:
    """As `measure_shot`, in plain values: a task for `Scorer.look`."""
    return measure_shot(photo, limits, side=side, people=people).to_json()


def _sized(pixels: Image.Image, side: int) -> Image.Image:
    if max(pixels.size) == side:
        return pixels
    scale = side / max(pixels.size)
    size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
    return pixels.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC, reducing_gap=3)


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("a measure of a shot is made of numbers")
    if not 0 <= value <= most:
        raise ValueError(f"a measure of a shot is out of range: {value}")
    return float(value)


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_FACES:
        raise ValueError("a number of faces is a whole number")
    return value
