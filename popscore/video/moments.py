"""Which frames are worth showing, and which of them are different moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from popscore.photos import similarity
from popscore.scoring.scorer import Candidate

# Brightness, 0 to 255. Black and white leave 2 % of the pixels out, a logo perhaps; a flat picture has nothing
# at all in it: a title in small letters covers 1 %.
_TAIL, _FLAT_TAIL = 0.02, 0.001
_BLACK_BELOW, _WHITE_ABOVE, _FLAT_WITHIN = 48, 225, 12
# Sharp photos have a blur of .2 to .5; smoothed with a sigma of 2 pixels .6 to .7, moved by 9 pixels .55 to .7
# (448 pixels high). A portrait before a blurred background is as high, but one of its tiles stays below .4.
_BLURRED, _TILE_BLURRED = 0.55, 0.42
# Against the sharper frames of the same video: what is soft throughout is the camera's way.
_SHARP_SHARE, _BLUR_STEP = 0.25, 0.10
_BLUR_RADIUS = 4
_TILES = 5
# Mean difference of neighbouring pixels; a tile with less is a wall or the sky, and says nothing.
_TEXTURE = 1.0
# Frames closer than this are one moment, whatever moved in between: a car that passes makes no other scene.
MOMENT_S = 1.5
# Frames compared with the best of the moments found so far. All of a long still video at once would take 4 KB for
# each pair of them, and only the first few moments are wanted.
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """What a score does not say.

    Attributes:
        darkest, brightest: without the 2 % darkest and the 2 % brightest pixels, 0 to 255.
        spread: from the darkest to the brightest, without .1 % at each end.
        blur: of the whole picture, 0 sharp to 1 blurred, see `blur`.
        tile_blur: of its second-sharpest tile of 5 x 5.
    """

    darkest: int
    brightest: int
    spread: int
    blur: float
    tile_blur: float


@dataclass(frozen=True, slots=True)
class ScoredFrame:
    """A frame with its score and everything that choosing needs.

    Attributes:
        index, time_s, width, height, damaged: as in `popscore.video.decoding.frames.Frame`.
        candidate: score and signature; None until it was scored.
    """

    index: int
    time_s: float
    width: int
    height: int
    damaged: bool
    quality: FrameQuality
    candidate: Candidate | None = None

    @property
    def scored(self) -> Candidate:
        """The candidate of a frame that was scored.

        Raises:
            ValueError: it was not scored yet.
        """
        if self.candidate is None:
            raise ValueError(f"frame {self.index} was not scored")
        return self.candidate

    @property
    def score(self) -> float:
        """The model's output."""
        return self.scored.photo.score


def quality(picture: Image.Image) -> FrameQuality:
    """Judge a picture of mode RGB, some hundred pixels on each side."""
    grey = picture.convert("L")
    shares = np.cumsum(grey.histogram()) / (grey.width * grey.height)
    tails = (_TAIL, 1 - _TAIL, _FLAT_TAIL, 1 - _FLAT_TAIL)
    darkest, brightest, lowest, highest = (int(np.searchsorted(shares, share)) for share in tails)
    return FrameQuality(darkest, brightest, highest - lowest, *blur(grey))


def blur(grey: Image.Image) -> tuple[float, float]:
    """How little a picture loses when it is blurred, 0 sharp to 1 blurred; the worse of both directions.

    Args:
        grey: mode L.

    Returns:
        Of the whole picture, and of its second-sharpest tile.

    Source: Crete, Dolmiere, Ladet & Nicolas 2007, "The blur effect: perception and estimation with a new
    no-reference perceptual blur metric".
    """
    whole, tiles = 0.0, np.zeros((_TILES, _TILES))
    for radii, step in (((_BLUR_RADIUS, 0), (1, 0)), ((0, _BLUR_RADIUS), (0, 1))):
        before = _steps(grey, step)
        lost = _tile_means(ImageChops.subtract(before, _steps(grey.filter(ImageFilter.BoxBlur(radii)), step)))
        there = _tile_means(before)
        whole = max(whole, 1 - lost.sum() / there.sum() if there.any() else 1.0)
        tiles = np.maximum(tiles, np.where(there >= _TEXTURE, 1 - lost / np.maximum(there, _TEXTURE), 1.0))
    return float(whole), float(np.sort(tiles, axis=None)[1])


def faults(frames: Sequence[ScoredFrame]) -> list[str | None]:
    """Why a frame must not be shown, in two words, for each frame of one video; None where it may."""
    blurs = [frame.quality.blur for frame in frames if _plain_fault(frame) is None]
    limit = max(_BLURRED, float(np.quantile(blurs, _SHARP_SHARE)) + _BLUR_STEP) if blurs else 1.0
    return [_plain_fault(frame) or ("blurred" if _is_blurred(frame.quality, limit) else None) for frame in frames]


def moments(frames: Sequence[ScoredFrame], top: int) -> list[ScoredFrame]:
    """The best frame of each of the best moments, best first.

    Near-identical frames, and frames less than one and a half seconds apart, are one moment.

    Args:
        frames: those that may be shown.
        top: how many at most.
    """
    best_first = sorted(frames, key=lambda frame: (-frame.score, frame.index))
    founders: list[ScoredFrame] = []
    chosen: list[ScoredFrame] = []
    for start in range(0, len(best_first), _AT_ONCE):
        compared = [*founders, *best_first[start : start + _AT_ONCE]]
        groups = similarity.groups([frame.scored.signature for frame in compared], [frame.time_s for frame in compared])
        for place in range(len(founders), len(compared)):
            frame = compared[place]
            if groups[place] != place:
                continue
            founders.append(frame)
            if all(abs(frame.time_s - other.time_s) >= MOMENT_S for other in chosen):
                chosen.append(frame)
            if len(chosen) == top:
                return chosen
    return chosen


def _plain_fault(frame: ScoredFrame) -> str | None:
    found = frame.quality
    if frame.damaged:
        return "damaged"
    if found.brightest < _BLACK_BELOW:
        return "almost black"
    if found.darkest > _WHITE_ABOVE:
        return "almost white"
    return "one colour" if found.spread < _FLAT_WITHIN else None


def _is_blurred(found: FrameQuality, limit: float) -> bool:
    return found.blur > limit and found.tile_blur > _TILE_BLURRED


def _steps(grey: Image.Image, by: tuple[int, int]) -> Image.Image:
    """Difference of each pixel to its neighbour, without those that have none."""
    moved = grey.crop((by[0], by[1], grey.width, grey.height))
    return ImageChops.difference(moved, grey.crop((0, 0, *moved.size)))


def _tile_means(grey: Image.Image) -> npt.NDArray[np.float64]:
    """(tiles, tiles) mean of each tile; what does not fill a tile at the right and at the bottom is left out."""
    across, down = max(1, grey.width // _TILES), max(1, grey.height // _TILES)
    pixels = np.asarray(grey)[: down * _TILES, : across * _TILES]
    if pixels.shape != (down * _TILES, across * _TILES):  # fewer pixels than tiles
        return np.full((_TILES, _TILES), float(pixels.mean()) if pixels.size else 0.0)
    # In two steps, which is 4 times faster than in one.
    columns = pixels.reshape(_TILES, down, _TILES * across).sum(axis=1, dtype=np.uint32)
    sums = columns.reshape(_TILES, _TILES, across).sum(axis=2)
    return np.asarray(sums / (across * down), np.float64)
