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
# Frames looked at together: only the first few moments are wanted.
_AT_ONCE = 64
# When moments have to move: the frames that they may move to, the pictures that are compared, and the moments that
# may move for one. It takes a few seconds at most, whatever the video is.
_MOST_REARRANGED, _MOST_WORK, _MOST_MOVED = 2000, 20_000, 100


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
        """The model's output; the personal score where there is one."""
        return self.scored.photo.order_score


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
    """The best moments of a video, best first: frames that look different and are `MOMENT_S` apart.

    A frame that may not be shown beside a better one leaves its scene to the next best frame of it. If moments are
    still wanting, those that were chosen, except the very best, move within their scenes and make room for others.

    Args:
        frames: those that may be shown.
        top: how many at most.
    """
    best_first = sorted(frames, key=_best_first)
    chosen = one_by_one(best_first, top)
    if 0 < len(chosen) < min(top, len(frames)):
        chosen = sorted(_Rearranging(best_first, chosen).moments(top), key=_best_first)
    return chosen


def one_by_one(frames: Sequence[ScoredFrame], top: int) -> list[ScoredFrame]:
    """As `moments`, but what was chosen once stays chosen."""
    best_first = sorted(frames, key=_best_first)
    chosen: list[ScoredFrame] = []
    for start in range(0, len(best_first), _AT_ONCE):
        left = _unlike(chosen, _apart(chosen, best_first[start : start + _AT_ONCE]))
        while left and len(chosen) < top:
            best, *others = left
            chosen.append(best)
            left = _unlike([best], _apart([best], others))
        if len(chosen) == top:
            break
    return chosen


def _best_first(frame: ScoredFrame) -> tuple[float, int]:
    return -frame.score, frame.index


class _Rearranging:
    """Moves chosen frames within their scenes, so that scenes whose frames all lie near them can be shown too.

    Args:
        best_first: all frames that may be shown.
        chosen: those that were chosen so far, best first.
    """

    def __init__(self, best_first: Sequence[ScoredFrame], chosen: Sequence[ScoredFrame]) -> None:
        self._frames = best_first[:_MOST_REARRANGED]
        # A scene is named by the frame that it was found by, and is what looks like it. Of each, one frame is shown.
        self._shown = {frame.index: frame for frame in chosen}
        self._scenes: dict[int, list[ScoredFrame]] = {}
        self._founders = dict(self._shown)
        self._very_best = chosen[0].index
        self._work_left = _MOST_WORK

    def moments(self, top: int) -> list[ScoredFrame]:
        """As many as there can be, up to `top`, in any order."""
        waiting = _unlike(list(self._shown.values()), self._frames)
        while waiting and len(self._shown) < top and self._work_left > 0:
            frame, *waiting = waiting
            self._founders[frame.index] = frame
            shown = self._placed(frame, frame.index, self._shown, frozenset([self._very_best]))
            if shown:
                self._shown = shown
                waiting = _unlike([frame], waiting)
        return list(self._shown.values())

    def _placed(
        self, frame: ScoredFrame, scene: int, shown: dict[int, ScoredFrame], settled: frozenset[int]
    ) -> dict[int, ScoredFrame] | None:
        """What is shown once this frame is, of each scene one frame; None if no room can be made for it.

        Args:
            settled: scenes whose frames stay where they are.
        """
        self._work_left -= 1
        near = [other for other, known in shown.items() if not _is_apart(frame, known)]
        if self._work_left < 0 or len(settled) > _MOST_MOVED or settled.intersection(near):
            return None
        found = {other: known for other, known in shown.items() if other not in near}
        self._work_left -= len(found)
        if not _unlike(list(found.values()), [frame]):
            return None
        found[scene] = frame
        settled |= {scene}
        for other in near:
            tried = (self._placed(instead, other, found, settled) for instead in self._scene(other))
            moved = next(filter(None, tried), None)
            if moved is None:
                return None
            found = moved
            settled |= {other}
        return found

    def _scene(self, name: int) -> list[ScoredFrame]:
        """The frames of a scene, best first."""
        if name not in self._scenes:
            self._work_left -= len(self._frames) // 4
            founder = self._founders[name]
            unlike = {frame.index for frame in _unlike([founder], self._frames)}
            self._scenes[name] = [frame for frame in self._frames if frame.index not in unlike]
        return self._scenes[name]


def _is_apart(frame: ScoredFrame, other: ScoredFrame) -> bool:
    return abs(frame.time_s - other.time_s) >= MOMENT_S


def _apart(known: Sequence[ScoredFrame], frames: Sequence[ScoredFrame]) -> list[ScoredFrame]:
    """Those of the frames that are far enough from all that are known."""
    return [frame for frame in frames if all(_is_apart(frame, other) for other in known)]


def _unlike(known: Sequence[ScoredFrame], frames: Sequence[ScoredFrame]) -> list[ScoredFrame]:
    """Those of the frames that look different from all that are known."""
    both = [*known, *frames]
    like = similarity.resembling(
        [frame.scored.signature for frame in both], [frame.time_s for frame in both], len(known)
    )
    return [frame for frame, alike in zip(frames, like, strict=True) if not alike]


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
