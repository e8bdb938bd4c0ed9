"""One ONNX file in memory: checked once, run by any number of threads."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from popscore.errors import ModelRefused, ScoringFailed
from popscore.models.metadata import spec_from_metadata
from popscore.models.preprocess import Input
from popscore.models.spec import I2PA_SPEC, ModelSpec

# onnxruntime's errors share no base class but Exception, so they are collected by name.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    *(item for item in vars(ort_errors).values() if isinstance(item, type) and issubclass(item, Exception)),
)
_ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_ORT_SOURCE = re.compile(r"\.(cc|h):\d+ ")
_SCORE_OUTPUT = "output"
_WANTED = "popscore needs one float32 input [N or 1, 3, height, width] and one number per image as output"


@dataclass(frozen=True)
class ScoringSession:
    """A session and what is needed to use it. Threads may share it."""

    spec: ModelSpec
    session: ort.InferenceSession
    input_name: str
    score_output: str

    def run(self, batch: Input) -> npt.NDArray[np.float32]:
        """Score one photo.

        One photo at a time, always: a fixed batch of 1 must work, and on a CPU a larger batch is not
        faster (33-35 ms per photo for a ResNet-50 at any batch size).

        Args:
            batch: (1, 3, H, W) float32, see `preprocess.to_input`.

        Returns:
            (1,) float32, finite.

        Raises:
            ScoringFailed: the model stopped, or its answer is not one finite number.
        """
        try:
            (scores,) = self.session.run([self.score_output], {self.input_name: batch})
        except _ORT_ERRORS as error:
            raise ScoringFailed(f"The model {self.spec.name} stopped: {_first_line(error)}") from error
        flat = np.asarray(scores, dtype=np.float32).reshape(-1)
        if flat.shape != (1,) or not np.isfinite(flat[0]):
            raise ScoringFailed(f"The model {self.spec.name} gave no usable score for this photo.")
        return flat


def open_session(content: bytes, *, file: str) -> ScoringSession:
    """Make a session from the bytes of an ONNX file.

    The file is read into memory first, so that what was hashed is what runs. A file that keeps its
    weights in other files is refused.

    Args:
        content: the whole file.
        file: its name, for messages.

    Raises:
        ModelRefused: not an ONNX file, or not an image scorer; the message gives the reason.
    """
    options = ort.SessionOptions()
    # One thread per run: photos run beside each other, which uses the cores better than one photo on
    # all of them, and threads that spin while they wait would slow the decoding beside them.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # From memory, onnxruntime would look for a model's other files in the working directory.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
    except _ORT_ERRORS as error:
        if "xternal data" in str(error):
            raise ModelRefused(f"{file} was refused: its weights lie in another file. Save it as one file.") from error
        reason = _first_line(error)
        raise ModelRefused(
            f"{file} was refused: it is not an ONNX model that runs here ({reason}). "
            "Download it again, or export it anew."
        ) from error
    spec = spec_from_metadata(metadata, file=file)
    _check_input(session, spec or I2PA_SPEC, file=file, bare=spec is None)
    opened = ScoringSession(
        spec=spec or I2PA_SPEC,
        session=session,
        input_name=session.get_inputs()[0].name,
        score_output=_score_output(session, file=file),
    )
    _probe(opened, file=file)
    return opened


def _check_input(session: ort.InferenceSession, spec: ModelSpec, *, file: str, bare: bool) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(item.name for item in inputs) or "none"
        raise ModelRefused(f"{file} was refused: it has {len(inputs)} inputs ({names}); {_WANTED}.")
    shape, kind = inputs[0].shape, inputs[0].type
    found = f"{kind} {_shape_text(shape)}"
    if kind != "tensor(float)" or len(shape) != 4:
        raise ModelRefused(f"{file} was refused: its input is {found}; {_WANTED}.")
    height, width = spec.input_size
    lengths = [length if isinstance(length, int) else None for length in shape]
    fits = all(length in (None, wanted) for length, wanted in zip(lengths, (1, 3, height, width), strict=True))
    if bare:
        fits = fits and lengths[1:] == [3, height, width]
    if not fits:
        reason = "without metadata it must be a PopScore / I2PA file" if bare else "its metadata say otherwise"
        raise ModelRefused(
            f"{file} was refused: its input is {found}, and {reason}: float32 [N or 1, 3, {height}, {width}]."
        )


def _score_output(session: ort.InferenceSession, *, file: str) -> str:
    outputs = session.get_outputs()
    if len(outputs) == 1:
        return str(outputs[0].name)
    if any(item.name == _SCORE_OUTPUT for item in outputs):
        return _SCORE_OUTPUT
    names = ", ".join(item.name for item in outputs) or "none"
    raise ModelRefused(f"{file} was refused: it has {len(outputs)} outputs ({names}) and none is called 'output'.")


def _probe(opened: ScoringSession, *, file: str) -> None:
    """Run one grey picture, unless the declared shape already promises one number per image."""
    declared = next(item for item in opened.session.get_outputs() if item.name == opened.score_output)
    first, *rest = declared.shape or ["scalar", 0]
    if declared.type == "tensor(float)" and (first == 1 or not isinstance(first, int)) and set(rest) <= {1}:
        return
    height, width = opened.spec.input_size
    try:
        opened.run(np.full((1, 3, height, width), 0.5, dtype=np.float32))
    except (ScoringFailed, TypeError, ValueError) as error:
        raise ModelRefused(
            f"{file} was refused: its output is {declared.type} {_shape_text(declared.shape)}; {_WANTED}."
        ) from error


def _shape_text(shape: Sequence[Any]) -> str:
    return "[" + ", ".join(str(length) if isinstance(length, int) else "N" for length in shape) + "]"


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # onnxruntime puts codes and its own source lines in front; they say nothing to a user.
    text = _ORT_PREFIX.sub("", text)
    if _ORT_SOURCE.search(text):
        text = text.rpartition(") ")[2]
    return text.rstrip(".")[:200]
