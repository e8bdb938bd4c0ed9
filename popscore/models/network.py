"""Any ONNX file: its bytes become a network with named inputs and outputs, run by any number of threads.

What the numbers mean is not known here; a scorer is one use of a network, see `popscore.models.session`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from popscore.errors import ModelRefused, ScoringFailed
from popscore.models import memory
from popscore.models.folding import max_result_bytes
from popscore.models.legible import legible
from popscore.models.patience import TooLong, within

# What popscore reads as a model, and converts; a ResNet-50 has 94 MB.
MAX_MODEL_BYTES = 1_000_000_000
FLOATS = "tensor(float)"
# Loading a ResNet-50 takes 0.7 s and one run 0.05 to 0.2 s; a network 100 times its size is still in time.
LIMIT_S = 60.0
# For the runs after one that took too long, until one is done: a gallery of 500 photos is not 500 times 60 seconds.
_NEXT_LIMIT_S = 5.0

Array = npt.NDArray[Any]

# onnxruntime's errors share no base class but Exception, so they are collected by name.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    ValueError,
    MemoryError,
    *(item for item in vars(ort_errors).values() if isinstance(item, type) and issubclass(item, Exception)),
)
_ORT_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_ORT_SOURCE = re.compile(r"\.(cc|h):\d+ ")


@dataclass(frozen=True)
class Tensor:
    """An input or an output as the file declares it.

    Attributes:
        name: by which it is given or asked for.
        kind: onnxruntime's word for the type of its numbers, such as `tensor(float)`.
        shape: lengths; None where a length is free.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.shape_text}"

    @property
    def shape_text(self) -> str:
        """The lengths in brackets, N for a free one."""
        return "[" + ", ".join("N" if length is None else str(length) for length in self.shape) + "]"


class Network:
    """An ONNX file in memory. Threads may share it.

    Args:
        content: the whole file, so that what was hashed is what runs.
        file: its name, for messages.

    Attributes:
        inputs, outputs: as declared, in order.
        metadata: the file's metadata_props.

    Raises:
        ModelRefused: not an ONNX file that runs here, one that keeps its weights in other files, or one that is not
            loaded within `LIMIT_S`.
    """

    def __init__(self, content: bytes, *, file: str) -> None:
        self._limit_s = LIMIT_S
        memory.bound()
        try:
            try:
                self._open(content)
            except UnicodeDecodeError:
                self._open(legible(content))
        except TooLong as error:
            raise ModelRefused(
                f"{file} was refused: loading it took more than {LIMIT_S:g} seconds. Use a smaller model."
            ) from error
        except _ORT_ERRORS as error:
            if "xternal data" in str(error):
                raise ModelRefused(
                    f"{file} was refused: its weights lie in another file. Save it as one file."
                ) from error
            raise ModelRefused(
                f"{file} was refused: it is not an ONNX model that runs here ({_first_line(error)}). "
                "Download it again, or export it anew."
            ) from error

    def _open(self, content: bytes) -> None:
        options = ort.SessionOptions()
        # One thread per run: photos run beside each other, which uses the cores better than one photo on
        # all of them, and threads that spin while they wait would slow the decoding beside them.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        for name, value in {
            # From memory, onnxruntime would look for a model's other files in the working directory.
            "session.model_external_initializers_file_folder_path": os.devnull,
            "session.use_env_allocators": "1",
            "session.use_device_allocator_for_initializers": "1",
            "optimization.constant_folding_max_output_size_in_bytes": str(max_result_bytes(content)),
        }.items():
            options.add_session_config_entry(name, value)
        self._session = within(
            LIMIT_S,
            # Its fall-back is to the same provider, and says so on standard output, where JSON may be.
            lambda: ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0),
            stop=lambda: options.set_load_cancellation_flag(True),
        )
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs = tuple(map(_tensor, self._session.get_inputs()))
        self.outputs = tuple(map(_tensor, self._session.get_outputs()))

    def output(self, name: str) -> Tensor | None:
        """The output of this name, None if there is none."""
        return next((output for output in self.outputs if output.name == name), None)

    def run(self, given: Mapping[str, Array], wanted: Sequence[str] | None = None) -> dict[str, Array]:
        """Run once, and compute what is asked for.

        Args:
            given: an array for each input, by name.
            wanted: names of outputs; all of them by default.

        Returns:
            The outputs by name.

        Raises:
            ScoringFailed: the network stopped, or took longer than `LIMIT_S`; the message is the reason alone.
        """
        names = [output.name for output in self.outputs] if wanted is None else list(wanted)
        options = ort.RunOptions()
        limit_s = self._limit_s
        try:
            found = within(
                limit_s,
                lambda: self._session.run(names, dict(given), options),
                stop=lambda: setattr(options, "terminate", True),
            )
        except TooLong as error:
            self._limit_s = min(LIMIT_S, _NEXT_LIMIT_S)
            raise ScoringFailed(f"the model took more than {limit_s:g} seconds") from error
        except _ORT_ERRORS as error:
            raise ScoringFailed(_first_line(error)) from error
        self._limit_s = LIMIT_S
        return dict(zip(names, found, strict=True))

    def run_batch(
        self, given: Mapping[str, Array], wanted: Sequence[str] | None = None, *, at_once: int = 1
    ) -> dict[str, Array]:
        """Run on N items, in as many runs as it takes.

        On a CPU a larger batch is not faster (33 to 35 ms per photo for a ResNet-50 at any batch size), and a
        file may have a fixed batch of 1: so one item at a time by default.

        Args:
            given: an array (N, ...) for each input, by name, N at least 1.
            wanted: names of outputs whose first length is that of the input; all of them by default.
            at_once: items per run. A file with a fixed batch gets just as many, the last run filled up with
                its last item.

        Returns:
            The outputs (N, ...) by name.

        Raises:
            ScoringFailed: the network stopped, or gave another number of items.
        """
        count = len(next(iter(given.values())))
        fixed = next((item.shape[0] for item in self.inputs if item.shape and item.shape[0] is not None), None)
        step = fixed or at_once
        runs = []
        for start in range(0, count, step):
            part = {name: values[start : start + step] for name, values in given.items()}
            length = min(step, count - start)
            if fixed and length < fixed:
                part = {
                    name: np.concatenate([values, np.repeat(values[-1:], fixed - length, axis=0)])
                    for name, values in part.items()
                }
            found = self.run(part, wanted)
            if any(not values.ndim or len(values) != (fixed or length) for values in found.values()):
                raise ScoringFailed("it gave another number of answers than it was given items")
            runs.append({name: values[:length] for name, values in found.items()})
        return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def _tensor(declared: Any) -> Tensor:
    shape = tuple(length if isinstance(length, int) else None for length in declared.shape)
    return Tensor(str(declared.name), str(declared.type), shape)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # onnxruntime puts codes and its own source lines in front; they say nothing to a user.
    text = _ORT_PREFIX.sub("", text)
    if _ORT_SOURCE.search(text):
        text = text.rpartition(") ")[2]
    return text.rstrip(".")[:200]
