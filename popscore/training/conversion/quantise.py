"""Makes an 8-bit copy of a scorer, and measures what that changes on photos that it was not calibrated on.

Static quantisation of onnxruntime: activations become uint8 with one range per tensor, taken from calibration photos;
weights become int8 with one scale per output channel. What comes after the feature map, a linear layer of 2049 numbers,
stays float32.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from popscore.metrics import swapped_pairs
from popscore.models.preprocess import Input
from popscore.models.session import ScoringSession, open_session
from popscore.photos.find import find_photos
from popscore.training.conversion.graphs import FEATURES
from popscore.training.errors import ConversionRefused
from popscore.training.photo_inputs import inputs_of

MIN_PHOTOS = 20  # then 10 are held back: 45 pairs, where one swapped pair is 2.2 %
MAX_PER_PART = 200  # more calibration photos hardly move a range; each costs some 50 ms
MAX_SWAPPED = 0.02


@dataclass(frozen=True, kw_only=True)
class Int8Check:
    """What the photos held back say about the 8-bit copy.

    Attributes:
        calibrated_on, held_back: number of photos.
        float_ms, int8_ms: median time per photo on one thread, without decoding.
        drift_mean, drift_max: absolute difference of the scores, and the largest.
        spread: standard deviation of the float32 scores, to compare the drift with.
        swapped: share of the pairs of held-back photos that the copy puts in the other order, 0 to 1.
    """

    calibrated_on: int
    held_back: int
    float_ms: float
    int8_ms: float
    drift_mean: float
    drift_max: float
    spread: float
    swapped: float

    def to_json(self) -> dict[str, float]:
        """The figures by name, rounded to what they are worth."""
        return {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in vars(self).items()}


def split_photos(folder: str | Path, session: ScoringSession) -> tuple[list[Input], list[Input], int]:
    """Photos to calibrate on, other photos to check with, and how many could not be read.

    The first half by name calibrates, the second half checks: neighbours by name are often shots of one scene, and a
    scene on both sides would flatter the copy.

    Raises:
        ConversionRefused: there are fewer than `MIN_PHOTOS` photos that can be read.
        PopscoreError: the folder is not there.
    """
    found = find_photos([folder])
    for failed in found.errors:
        raise failed.error
    inputs, unread = inputs_of(_spread(found.photos, 2 * MAX_PER_PART), session.spec)
    if len(inputs) < MIN_PHOTOS:
        raise ConversionRefused(
            f"--int8 needs at least {MIN_PHOTOS} photos to calibrate and to check with; {len(inputs)} can be read in "
            f"{Path(folder).name or folder}. Name a folder with photos like those that will be scored."
        )
    middle = len(inputs) // 2
    return inputs[:middle], inputs[middle:], unread


def _spread(photos: list[str], count: int) -> list[str]:
    """At most `count` of the photos, evenly spread over all of them."""
    if len(photos) <= count:
        return photos
    return [photos[round(place)] for place in np.linspace(0, len(photos) - 1, count)]


def quantise(content: bytes, session: ScoringSession, calibration: list[Input]) -> bytes:
    """The model with 8-bit numbers, as an ONNX file without metadata.

    Raises:
        ConversionRefused: onnxruntime cannot quantise this graph.
    """
    # Imported here: it says on import what it misses, and only this function needs it.
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands the calibration photos over, one at a time."""

        def __init__(self) -> None:
            self._photos: Iterator[Input] = iter(calibration)

        def get_next(self) -> dict[str, Input] | None:
            photo = next(self._photos, None)
            return None if photo is None else {session.input_name: photo}

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # its advice is for programmers
    with tempfile.TemporaryDirectory(prefix="popscore-int8-") as folder:
        plain, prepared, done = (Path(folder) / name for name in ("plain.onnx", "prepared.onnx", "int8.onnx"))
        plain.write_bytes(content)
        try:
            # Without symbolic shapes, which need sympy: every size but the batch is known here.
            quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
            model = _with_node_names(onnx.load(prepared))
            onnx.save(model, prepared)
            quantize_static(
                str(prepared),
                str(done),
                Reader(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                nodes_to_exclude=_after_features(model),
            )
        except (
            ImportError,
            ValueError,
            RuntimeError,
            KeyError,
            AttributeError,
            TypeError,
            NotImplementedError,
        ) as error:
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ConversionRefused(
                f"onnxruntime could not make an 8-bit copy of this model ({reason}). Leave out --int8."
            ) from error
        finally:
            logger.setLevel(level)
        copy = done.read_bytes()
    if not any(node.op_type == "DequantizeLinear" for node in onnx.ModelProto.FromString(copy).graph.node):
        raise ConversionRefused("onnxruntime found nothing in this model to make 8-bit. Leave out --int8.")
    return copy


def _with_node_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """Nodes may have no name, but what is left out of the quantisation is named."""
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}.{node.op_type}"
    return model


def _after_features(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that the feature map goes into, and of those after them."""
    reached, names = {FEATURES}, []
    for node in model.graph.node:  # in topological order
        if reached & set(node.input):
            reached.update(node.output)
            names.append(node.name)
    return names


def check(before: ScoringSession, content: bytes, held_back: list[Input], *, calibrated_on: int) -> Int8Check:
    """Compare the 8-bit copy with the model that it was made from."""
    after = open_session(content, file="the 8-bit copy")
    old, float_ms = _timed_scores(before, held_back)
    new, int8_ms = _timed_scores(after, held_back)
    drift = np.abs(old - new)
    return Int8Check(
        calibrated_on=calibrated_on,
        held_back=len(held_back),
        float_ms=float_ms,
        int8_ms=int8_ms,
        drift_mean=float(drift.mean()),
        drift_max=float(drift.max()),
        spread=float(old.std()),
        swapped=swapped_pairs(old, new),
    )


def _timed_scores(session: ScoringSession, photos: list[Input]) -> tuple[NDArray[np.float64], float]:
    session.predict(photos[0])  # the first run allocates
    scores, times_s = [], []
    for photo in photos:
        start_s = time.perf_counter()
        scores.append(session.predict(photo).score)
        times_s.append(time.perf_counter() - start_s)
    return np.array(scores), 1000 * float(np.median(times_s))
