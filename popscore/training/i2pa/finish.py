"""The figures of a trained ranker, and its model file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper
from PIL import Image

from popscore.errors import PopscoreError, UnreadableImage
from popscore.foreign_text import shortened
from popscore.metrics import fit_win_scale
from popscore.models.metadata import as_metadata, values_from_spec
from popscore.models.preprocess import to_input
from popscore.models.session import ScoringSession, open_session
from popscore.models.spec import ModelSpec
from popscore.photos.decode import read_photo
from popscore.posts.evaluation import Evaluation, evaluate_pairs
from popscore.results import FailedPhoto
from popscore.training.conversion.records import OWN
from popscore.training.i2pa.dataset import Indices, PairedPhotos
from popscore.training.i2pa.export import graph_of
from popscore.training.i2pa.figures import RankerRun, Words
from popscore.training.i2pa.photos import STATES, Photos
from popscore.training.model_file import write_model
from popscore.training.noise import measured_noise

Floats = NDArray[np.float64]
_CHECKED = 16  # photos on which torch and ONNX are compared
_NOISE_PHOTOS = 100
# Ends of the win scale, in standard deviations of the scores. A model that is right on all of a small validation set
# would be given boundless confidence.
_SCALES = (0.2, 5.0)


def finish(
    ranker: Any,
    spec: ModelSpec,
    words: Words,
    paired: PairedPhotos,
    parts: Mapping[str, Indices],
    scores: Floats,
    photos: Photos,
    path: Path,
    *,
    origin: str,
    before: float,
    epochs: int,
    best: int,
) -> RankerRun:
    """Measure the ranker, describe it, and write it.

    Args:
        spec: how a photo becomes an input.
        parts: indices of pairs, by the name of the part.
        scores: (N,) of all photos by torch; not a number for those that are not used.
        path: of the model file.
        origin: of the backbone.
        before, epochs, best: see `RankerRun`.

    Raises:
        RunRefused: torch cannot write this network as ONNX.
        ConversionRefused: the model file does not say what torch says.
        ExportFailed: it cannot be written.
    """
    held = _photos_of(paired, parts["validation"])  # (n,)
    deviation = max(float(scores[held].std()), 1e-3)
    gaps = scores[paired.winners] - scores[paired.losers]  # (P,)
    fitted = fit_win_scale(gaps[parts["validation"]] / deviation, np.ones(len(parts["validation"])))
    win_scale = float(np.clip(fitted, *_SCALES)) * deviation
    validation, test = (_figures(paired, parts[part], scores, win_scale) for part in ("validation", "test"))
    spec = replace(
        spec,
        name=words.name,
        version="1",
        kind=words.kind,
        description=f"A ranker trained on {len(parts['train'])} pairs of photos, of which people liked one more.",
        reference_mean=_short(float(scores[held].mean())),
        reference_std=_short(deviation),
        reference_population="photos that it was validated on",
        win_scale=_short(win_scale),
        licence=words.licence,
        training_data=words.training_data or f"{len(parts['train'])} pairs of photos",
        accuracy={
            "pairwise accuracy": round(test.accuracy, 4),
            "pairwise accuracy at least": round((test.interval_by_user or test.interval)[0], 4),
            "pairwise accuracy at most": round((test.interval_by_user or test.interval)[1], 4),
            "test pairs": test.pairs,
            "win probability ece": round(test.ece, 4),
        },
    )
    model = graph_of(ranker, side=spec.input_size[0])
    noise = measured_noise(_opened(model, spec), _read_again(paired, held))
    spec = replace(spec, noise=_short(noise) if noise else None)
    checked = _photos_of(paired, parts["test"])[:_CHECKED]
    inputs = [to_input(Image.fromarray(pixels), spec) for pixels in photos.pixels(checked)]
    write_model(
        model, spec, path, inputs=np.concatenate(inputs), wanted=scores[checked],
        more={"origins": origin, "weights": OWN},
    )  # fmt: skip
    return RankerRun(
        model=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name=words.name,
        kind=words.kind,
        photos={state: int((photos.states == number).sum()) for number, state in enumerate(STATES)},
        errors=[
            _failed(paired.names[place], STATES[photos.states[place]])
            for place in np.flatnonzero(photos.states).tolist()
        ],
        rows_failed=paired.failed,
        shared=paired.shared,
        parts={name: len(indices) for name, indices in parts.items()},
        epochs=epochs,
        best_epoch=best,
        before=before,
        validation=validation,
        test=test,
        win_scale=win_scale,
        noise=spec.noise,
    )


def _short(value: float) -> float:
    """Four digits, wherever they stand: scores may be small."""
    return float(f"{value:.4g}")


def _photos_of(paired: PairedPhotos, pairs: Indices) -> Indices:
    return np.unique(np.concatenate([paired.winners[pairs], paired.losers[pairs]]))


def _figures(paired: PairedPhotos, pairs: Indices, scores: Floats, win_scale: float) -> Evaluation:
    some = [paired.pairs[place] for place in pairs.tolist()]
    return evaluate_pairs(some, scores[paired.winners[pairs]], scores[paired.losers[pairs]], win_scale=win_scale)


def _opened(model: ModelProto, spec: ModelSpec) -> ScoringSession:
    copy = ModelProto()
    copy.CopyFrom(model)
    helper.set_model_props(copy, as_metadata(values_from_spec(spec)))
    return open_session(copy.SerializeToString(), file="the trained model")


def _read_again(paired: PairedPhotos, held: Indices) -> Iterator[Image.Image]:
    """Some photos in full, evenly spread; those that cannot be read any more are left out."""
    for place in held[:: max(1, len(held) // _NOISE_PHOTOS)][:_NOISE_PHOTOS].tolist():
        file = paired.files[place]
        try:
            if file is not None:
                yield read_photo(file).pixels
        except PopscoreError:
            continue


def _failed(name: str, state: str) -> FailedPhoto:
    reasons = {
        "missing": "is not in the folder, or more than one file has this name. Check --images.",
        "unreadable": "could not be read as a photo. Copy it again from where it came from.",
    }
    return FailedPhoto(file=name, error=UnreadableImage(f"{shortened(name)} {reasons[state]}"))
