"""What would a change of the photo do to its score? Each edit is tried by the model on the photo itself."""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from popscore.cpus import usable_cpus
from popscore.insight.edits import STRENGTHS, Edit, apply, clipped, is_overdone
from popscore.insight.tilt import tilt
from popscore.models.preprocess import enough_pixels
from popscore.models.spec import Json, ModelInfo
from popscore.photos.decode import read_photo
from popscore.photos.faults import fault
from popscore.photos.sources import NamedPhoto, PhotoSource, named
from popscore.results import Fault
from popscore.scoring.scorer import Scorer, load_scorer

OnProgress = Callable[[int, int], None]

TASTE = "This is the model's taste, measured on this photo: it is no rule, and yours may differ."
"""What every door says beside the gains."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One edit as the model sees it.

    Attributes:
        edit: what was tried.
        score: of the photo with the edit.
        gain: its score less the photo's own.
    """

    edit: Edit
    score: float
    gain: float

    @property
    def sentence(self) -> str:
        """`+0.61 with a little more light`."""
        return f"{self.gain:+.2f} {self.edit.words}"

    def to_json(self) -> Json:
        """The object of every door."""
        return {
            "edit": self.edit.name,
            "strength": round(self.edit.strength, 4),
            "score": round(self.score, 4),
            "gain": round(self.gain, 4),
            "words": self.edit.words,
        }


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What the model says about edits of one photo.

    Attributes:
        file: what the photo was called.
        model: the model whose taste this is.
        score_before: of the photo as it is, from the pixels that the edits were tried on.
        trials: everything that was tried, in the order of `STRENGTHS`.
        better: the best trial of each edit that gains more than the model's noise, best first. Empty for a picture
            with a warning, whose score means nothing.
        complete: all edits were tried; else there was no time left, or it was cancelled.
        warning: as in `ScoredPhoto`.
    """

    file: str
    model: ModelInfo
    score_before: float
    trials: Sequence[Trial]
    better: Sequence[Trial]
    complete: bool
    warning: Fault | None

    @property
    def sentence(self) -> str:
        """What came out, for a person."""
        if self.warning:
            return "The score of this picture means nothing, so no edit can be measured on it."
        found = "; ".join(trial.sentence for trial in self.better) or self._nothing()
        return f"{found}." if self.complete else f"{found}. There was no time to try all edits."

    def _nothing(self) -> str:
        """That no edit gains enough, and which one gains most."""
        found = f"no more than the model's noise of {self.model.spec.likely_noise:.2f}"
        best = max(self.trials, key=lambda trial: trial.gain, default=None)
        if best is None:
            return "No edit was tried"
        if best.gain <= 0:
            return f"None of the {len(self.trials)} edits that were tried gains anything"
        return f"None of the {len(self.trials)} edits that were tried helps: the best is {best.sentence}, {found}"

    def to_json(self) -> Json:
        """The document of every door: the edits that gain are the results."""
        return {
            "model": self.model.to_json(),
            "results": [
                {
                    "file": self.file,
                    **trial.to_json(),
                    "score_before": round(self.score_before, 4),
                    "image": None,
                }
                for trial in self.better
            ],
            "errors": [],
            "file": self.file,
            "score_before": round(self.score_before, 4),
            "noise": round(self.model.spec.likely_noise, 4),
            "trials": [trial.to_json() for trial in self.trials],
            "complete": self.complete,
            "warning": self.warning,
            "sentence": self.sentence,
            "note": TASTE,
        }


def what_if(
    photo: PhotoSource | NamedPhoto,
    *,
    scorer: Scorer | None = None,
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    seconds: float = 20.0,
) -> WhatIf:
    """Try some twenty edits on a photo and say which ones the model likes better than the photo as it is.

    Args:
        photo: path, bytes, binary file object or PIL image, with or without a name.
        scorer: by default the one that the environment asks for.
        on_progress: told how many trials are done, and of how many.
        cancelled: asked before each trial; True stops.
        seconds: when to stop and answer with what there is; the photo itself is always scored.

    Raises:
        UnreadableImage, ImageTooLarge: the photo cannot be read.
        ScoringFailed: the model gave no usable score.
        ModelUnavailable, ModelRefused: there is no model.
    """
    until = time.monotonic() + seconds
    scorer = scorer or load_scorer()
    photo = named(photo)
    pixels = read_photo(photo, at_least=scorer.at_least, limits=scorer.limits).pixels
    return what_if_pixels(
        pixels,
        scorer,
        file=photo.name,
        on_progress=on_progress,
        cancelled=cancelled,
        seconds=until - time.monotonic(),
    )


def what_if_pixels(
    pixels: Image.Image,
    scorer: Scorer,
    *,
    file: str = "the photo",
    on_progress: OnProgress | None = None,
    cancelled: Callable[[], bool] | None = None,
    seconds: float = 20.0,
) -> WhatIf:
    """As `what_if`, of pixels that are decoded already: upright, mode RGB, any size."""
    until = time.monotonic() + seconds
    small = tried_pixels(pixels, scorer)
    before = scorer.predict(small).score
    warning = fault(pixels)
    edits = [] if warning else edits_for(small)
    clipped_before = clipped(small)
    trials: list[Trial] = []
    tried = 0

    def one(edit: Edit) -> Trial | bool | None:
        if time.monotonic() > until or (cancelled and cancelled()):
            return False
        edited = apply(small, edit)
        if is_overdone(edited, clipped_before):
            return None
        score = scorer.predict(edited).score
        return Trial(edit=edit, score=score, gain=score - before)

    with ThreadPoolExecutor(usable_cpus(), thread_name_prefix="popscore") as pool:
        for found in pool.map(one, edits):
            tried += found is not False
            if isinstance(found, Trial):
                trials.append(found)
            if on_progress and found is not False:
                on_progress(tried, len(edits))
    return WhatIf(
        file=file,
        model=scorer.model,
        score_before=before,
        trials=trials,
        better=_better(trials, scorer.model.spec.likely_noise),
        complete=tried == len(edits),
        warning=warning,
    )


def tried_pixels(pixels: Image.Image, scorer: Scorer) -> Image.Image:
    """The pixels that edits are tried on, for `apply` to show what was scored.

    They are those given where these are no more than the model needs, as of a JPEG that was decoded at reduced size;
    else averages of squares of them, twice as long on both sides as the model's input or more.
    """
    width, height = scorer.at_least or enough_pixels(scorer.model.spec)
    factor = math.floor(min(pixels.width / width, pixels.height / height))
    return pixels.reduce(factor) if factor > 1 else pixels


def edits_for(picture: Image.Image) -> list[Edit]:
    """What is tried on this picture; levelling only where its lines hang to one side."""
    edits = [Edit(name=name, strength=strength) for name, strengths in STRENGTHS.items() for strength in strengths]
    angle = tilt(picture)
    return [*edits, Edit(name="straighten", strength=round(angle, 2))] if angle is not None else edits


def _better(trials: Sequence[Trial], noise: float) -> list[Trial]:
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.gain > noise and (trial.edit.name not in best or trial.gain > best[trial.edit.name].gain):
            best[trial.edit.name] = trial
    return sorted(best.values(), key=lambda trial: -trial.gain)
