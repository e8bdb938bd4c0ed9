"""Where in a photo its score comes from."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from popscore.errors import InvalidSetting
from popscore.insight.occlusion import SIDE, Grid, occlusion_grid, rows_of
from popscore.models.preprocess import seen_part, seen_pixels
from popscore.models.spec import Json, ModelSpec
from popscore.photos import decode
from popscore.photos.faults import fault
from popscore.photos.sources import NamedPhoto, PhotoSource, named
from popscore.results import ScoredPhoto, scored_photo
from popscore.scoring.scorer import Scorer, load_scorer

Method = Literal["activation_map", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)
Covers = tuple[float, float, float, float]
# No endpoint holds a worker for longer.
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Contributions:
    """What each part of a picture adds to its score, or takes from it.

    Attributes:
        score: of the whole picture.
        grid: rows of contributions, in score units. Each is what the whole picture would gain if all of its cells
            were like this one: their mean plus `base` is the score.
        base: the score that nothing was added to yet: of an average photo for the model's own map, of the picture
            with each cell hidden, in sum, for an occlusion map.
        method: `activation_map`, the model's own account; or `occlusion`, each cell hidden in turn.
        covers: left, top, right, bottom of what the grid lies on, as shares of the upright photo, 0 to 1; a model
            that cuts out the centre has not seen the rest.
        complete: False where the time was not enough for the usual number of cells, and these are larger.
    """

    score: float
    grid: Grid
    base: float
    method: Method
    covers: Covers
    complete: bool = True

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return len(self.grid)

    @property
    def columns(self) -> int:
        """Cells from left to right."""
        return len(self.grid[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreMap(ScoredPhoto):
    """A photo with its score, and where in the photo it comes from.

    Attributes:
        contributions: of the parts of the photo.
        image: path of the picture that was written of it; None where there is none.
    """

    contributions: Contributions
    image: str | None = None

    @property
    def grid(self) -> Grid:
        """Rows of contributions in score units; their mean plus `base` is the score."""
        return self.contributions.grid

    @property
    def base(self) -> float:
        """See `Contributions`."""
        return self.contributions.base

    @property
    def method(self) -> Method:
        """See `Contributions`."""
        return self.contributions.method

    @property
    def covers(self) -> Covers:
        """See `Contributions`."""
        return self.contributions.covers

    @property
    def complete(self) -> bool:
        """See `Contributions`."""
        return self.contributions.complete

    def to_json(self) -> Json:
        """The result object of every door that explains."""
        # Not super(): a class with slots is made twice, and super() knows the first one.
        return {
            **ScoredPhoto.to_json(self),
            "grid": [[round(value, 4) for value in row] for row in self.grid],
            "base": round(self.base, 4),
            "method": self.method,
            "complete": self.complete,
            "covers": [round(edge, 4) for edge in self.covers],
            "image": self.image,
        }


def explain(
    photo: PhotoSource | NamedPhoto,
    *,
    scorer: Scorer | None = None,
    method: Method | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    seconds: float = _SECONDS,
) -> ScoreMap:
    """Say where in a photo its score comes from.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        scorer: by default the one that the environment asks for.
        method: by default the model's own map, and occlusion for a model that has none.
        on_progress: called with how many masks of an occlusion map are done, of how many.
        cancelled: asked after each mask; once it answers True the work stops as if the time had run out.
        seconds: time for an occlusion map. A slow model then gets a map with larger cells, and `complete` is False.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ScoringFailed: the model gave no usable score or map, or is too slow for one.
        InvalidSetting: the model has no map of its own, or there is no such method.
        ModelUnavailable, ModelRefused: there is no model.
    """
    scorer = scorer or load_scorer()
    method = _method(method, scorer)
    photo = named(photo)
    decoded = decode.read_photo(photo, at_least=scorer.at_least, limits=scorer.limits)
    found = explain_pixels(
        decoded.pixels, scorer, method=method, on_progress=on_progress, cancelled=cancelled, seconds=seconds
    )
    size = decoded.width, decoded.height
    scored = scored_photo(photo.name, found.score, size, scorer.model.spec, fault(decoded.pixels))
    return ScoreMap.of(scored, contributions=found)


def explain_pixels(
    pixels: Image.Image,
    scorer: Scorer,
    *,
    method: Method | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    seconds: float = _SECONDS,
) -> Contributions:
    """Say where in pixels that are decoded already their score comes from.

    Args:
        pixels: upright, mode RGB, any size.
        scorer: gives the scores.
        method, on_progress, cancelled, seconds: as in `explain`.

    Raises:
        ScoringFailed, InvalidSetting: as `explain`.
        ValueError: the pixels are not RGB.
    """
    spec = scorer.model.spec
    covers = _covers(pixels.size, spec)
    if _method(method, scorer) == "activation_map":
        own = scorer.predict(pixels, activation_map=True)
        values = np.asarray(own.activation_map, dtype=np.float64) - spec.reference_mean
        return Contributions(
            score=own.score,
            grid=rows_of(values),
            base=spec.reference_mean,
            method="activation_map",
            covers=covers,
        )
    seen = seen_pixels(pixels, spec)
    start_s = time.monotonic()
    score = scorer.predict(seen).score
    run_s = time.monotonic() - start_s
    grid = occlusion_grid(
        seen, score, scorer, run_s=run_s, seconds=seconds - run_s, on_progress=on_progress, cancelled=cancelled
    )
    return Contributions(
        score=score,
        grid=grid,
        base=score - float(np.mean(grid)),
        method="occlusion",
        covers=covers,
        complete=len(grid) == SIDE,
    )


def _method(method: Method | None, scorer: Scorer) -> Method:
    if method is None:
        return "activation_map" if scorer.has_map else "occlusion"
    if method not in METHODS:
        raise InvalidSetting(f"There is no map of the kind {str(method)[:40]!r}. Ask for {' or '.join(METHODS)}.")
    if method == "activation_map" and not scorer.has_map:
        raise InvalidSetting(
            f"The model {scorer.model.spec.name} has no map of its own. Ask for occlusion, or for no kind of map."
        )
    return method


def _covers(size: tuple[int, int], spec: ModelSpec) -> Covers:
    left, top, right, bottom = seen_part(size, spec)
    width, height = size
    return left / width, top / height, right / width, bottom / height
