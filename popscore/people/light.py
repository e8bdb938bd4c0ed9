"""Sharpness and light of a photo at its own resolution: for comparing shots of one moment.

None of these numbers says much alone. Between shots of the same subject they tell the shaken or badly lit one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

Blur = Literal["none", "shake", "focus", "part"]
"""`part`: something is in focus and the rest is not, as with a lens wide open."""

TILES = 8
"""Rows and columns of tiles, fewer where a tile would have less than `_SMALLEST` pixels."""
BLOWN_FROM, BLOCKED_TO = 253, 2
"""Brightness, 0 to 255, from which on a pixel shows no detail in the lights, and up to which none in the shadows."""

_SMALLEST, _LARGEST = 32, 128  # pixels of a tile's side that are looked at, in its middle
_LEAST_CONTRAST = 4.0  # standard deviation of brightness below which a tile shows nothing to be sharp
_UNCHANGED = 0.8  # share of the detail in each direction that counts as all of it
_PART_SHARP, _PART_EVEN = 0.7, 0.62
_ACROSS, _SHAKE_RATIO = 0.72, 1.35
_DARKEST, _BRIGHTEST = 12, 243  # mean brightness of a tile, beyond which its noise is clipped
_LEAST_ENERGY = 1.0  # of coarse detail, in squared steps of brightness
# Directions of second differences: rows, columns, both diagonals.
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Variance of the fine and the coarse difference for white noise of variance 1, after the mean of 2 x 2 pixels.
_NOISE = ((0.5, 1.5), (0.5, 1.5), (1.0, 1.5), (1.0, 1.5))


@dataclass(frozen=True, kw_only=True)
class Light:
    """What the pixels say about focus and exposure.

    Attributes:
        sharpness: of the sharpest tenth of the tiles, 0 to some 1: fine detail against detail twice as coarse.
        evenness: sharpness of the middle tile in the order of sharpness, as a share of `sharpness`: near 1 where all is
            equally sharp or equally blurred, small where only a part is in focus.
        subject: sharpness of the given boxes, the median of those that show any detail; None without.
        directions: (4) sharpness along rows, columns and both diagonals, over all tiles; what `blur` compares.
        blown, blocked: shares of pixels without detail in the lights and the shadows.
        noise: standard deviation of the noise in steps of brightness, from the plainest tiles.
    """

    sharpness: float
    evenness: float
    subject: float | None
    directions: tuple[float, float, float, float]
    blown: float
    blocked: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Details:
    """Of the parts of a photo, for comparing each with the same part of another shot.

    Attributes:
        tiles: sharpness of each tile, row by row; None where it is plain.
        noise: as in `Light`, but fine texture does not count.
        tones: bits of information in the brightness of a part of 4 x 4 pixels, 0 to 8; noise adds none.
        blown, blocked: as in `Light`.
    """

    tiles: tuple[float | None, ...]
    noise: float
    tones: float
    blown: float
    blocked: float


def details(pixels: Image.Image) -> Details:
    """Measure the tiles of a photo, mode RGB, each for itself."""
    grey = pixels.convert("L")
    noise = _noise(grey, texture=False)
    found = [_detail(_cut(grey, tile), noise) for tile in _tiles(grey.size)]
    histogram = grey.histogram()
    shares = np.array(grey.reduce(4).histogram(), np.float64)
    shares = shares[shares > 0] / shares.sum()
    return Details(
        tiles=tuple(None if tile is None else float(tile.mean()) for tile in found),
        noise=noise,
        tones=abs(float((shares * np.log2(shares)).sum())),
        blown=sum(histogram[BLOWN_FROM:]) / (grey.width * grey.height),
        blocked=sum(histogram[: BLOCKED_TO + 1]) / (grey.width * grey.height),
    )


def light(pixels: Image.Image, *, subject: Sequence[Box] = ()) -> Light:
    """Measure a photo.

    Args:
        pixels: of the photo in full, mode RGB.
        subject: boxes left, top, right, bottom, such as those of faces, that count for `subject`.
    """
    grey = pixels.convert("L")
    noise = _noise(grey)
    measured = [found for tile in _tiles(grey.size) if (found := _detail(_cut(grey, tile), noise)) is not None]
    sharp = np.sort([float(detail.mean()) for detail in measured])
    best = float(np.percentile(sharp, 90)) if len(sharp) else 0.0
    along = np.median(measured, axis=0) if measured else np.zeros(len(_DIRECTIONS))
    subjects = [_detail(_cut(grey, _middle(box)), noise) for box in subject]
    of_subject = [float(found.mean()) for found in subjects if found is not None]
    histogram = np.asarray(grey.histogram(), np.float64) / (grey.width * grey.height)
    return Light(
        sharpness=best,
        evenness=float(np.median(sharp)) / best if best > 0 else 1.0,
        subject=float(np.median(of_subject)) if of_subject else None,
        directions=(float(along[0]), float(along[1]), float(along[2]), float(along[3])),
        blown=float(histogram[BLOWN_FROM:].sum()),
        blocked=float(histogram[: BLOCKED_TO + 1].sum()),
        noise=noise,
    )


def blur(shot: Light, sharper: Light) -> Blur:
    """How a shot is blurred against a sharper one of the same subject; between other photos it means nothing.

    Set on seven photos of scikit-image with blur made by program: of 21 shaken ones (6 and 12 pixels, three directions)
    18 are called shake, of 14 out of focus all are called focus, of 7 with a sharp middle 5 part; brighter, darker and
    noisy shots are called none.

    Args:
        shot: the one in question.
        sharper: the sharpest shot of the same subject.
    """
    before = np.array(sharper.directions)
    kept = np.divide(shot.directions, before, out=np.ones(len(before)), where=before > 0)
    if kept.min() > _UNCHANGED:
        return "none"
    if shot.sharpness > _PART_SHARP * sharper.sharpness and shot.evenness < _PART_EVEN * sharper.evenness:
        return "part"
    # A camera that moves takes detail along its way and leaves most of it across; defocus takes it all around.
    return "shake" if kept.max() >= _ACROSS and kept.max() >= _SHAKE_RATIO * kept.min() else "focus"


def _tiles(size: tuple[int, int]) -> Iterator[Box]:
    """The middles of a grid of tiles."""
    counts = [max(1, min(TILES, length // _SMALLEST)) for length in size]
    for row in range(counts[1]):
        for column in range(counts[0]):
            yield _middle((
                column * size[0] // counts[0],
                row * size[1] // counts[1],
                (column + 1) * size[0] // counts[0],
                (row + 1) * size[1] // counts[1],
            ))  # fmt: skip


def _middle(box: Box) -> Box:
    """At most `_LARGEST` pixels in both directions, around the middle of a box."""
    left, top, right, bottom = box
    width, height = min(right - left, _LARGEST), min(bottom - top, _LARGEST)
    x, y = (left + right - width) // 2, (top + bottom - height) // 2
    return x, y, x + width, y + height


def _cut(grey: Image.Image, box: Box) -> Grey:
    return np.asarray(grey.crop(box), np.float32)


def _detail(grey: Grey, noise: float) -> npt.NDArray[np.float64] | None:
    """(4,) energy of second differences over one pixel against those over two, by direction; None where all is plain.

    The ratio does not know how much contrast there is. Blur wider than a pixel takes the fine part away before the
    coarse one. What noise of the given standard deviation adds to either is taken off.
    """
    if min(grey.shape) < 12 or float(grey.std()) < _LEAST_CONTRAST:
        return None
    smooth = np.asarray((grey[:-1, :-1] + grey[1:, :-1] + grey[:-1, 1:] + grey[1:, 1:]) / 4, np.float32)
    found = []
    for (down, right), of_noise in zip(_DIRECTIONS, _NOISE, strict=True):
        fine, coarse = (
            float((_second_difference(smooth, down * step, right * step) ** 2).mean()) - share * noise**2
            for step, share in zip((1, 2), of_noise, strict=True)
        )
        if coarse < noise**2 + _LEAST_ENERGY:  # mostly noise, or steps of brightness
            return None
        found.append(max(fine, 0.0) / coarse)
    return np.array(found)


def _second_difference(grey: Grey, down: int, right: int) -> Grey:
    if right < 0:
        return _second_difference(grey[:, ::-1], down, -right)
    rows, columns = grey.shape
    before = grey[: rows - 2 * down, : columns - 2 * right]
    middle = grey[down : rows - down, right : columns - right]
    after = grey[2 * down :, 2 * right :]
    return np.asarray(before - 2 * middle + after, np.float32)


def _noise(grey: Image.Image, *, texture: bool = True) -> float:
    """Median of the noise of the plainest quarter of the tiles.

    Args:
        grey: brightness.
        texture: fine texture counts too. Without, nearly the least of all tiles: noise is everywhere, texture is not.

    Source: Immerkaer 1996, "Fast noise variance estimation": the mean absolute answer of a mask that edges of one
    direction leave at 0, scaled to a standard deviation.
    """
    found = []
    for tile in _tiles(grey.size):
        part = _cut(grey, tile)
        if min(part.shape) < 8:
            continue
        laplacian = (
            part[:-2, :-2] + part[2:, :-2] + part[:-2, 2:] + part[2:, 2:]
            - 2 * (part[:-2, 1:-1] + part[2:, 1:-1] + part[1:-1, :-2] + part[1:-1, 2:])
            + 4 * part[1:-1, 1:-1]
        )  # fmt: skip
        deviation = float(np.sqrt(np.pi / 2) / 6 * np.abs(laplacian).mean())
        if texture or _DARKEST < float(part.mean()) < _BRIGHTEST:
            found.append(deviation)
    if not texture:
        return float(np.percentile(found, 4)) if found else 0.0
    return float(np.median(np.sort(found)[: max(1, len(found) // 4)])) if found else 0.0
