"""A scorer: a network that gives one number per photo, and what else it tells about the photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.errors import ModelRefused, ScoringFailed
from popscore.models.map_output import with_map_output
from popscore.models.metadata import spec_from_metadata
from popscore.models.network import FLOATS, Network, Tensor
from popscore.models.patience import TooLong
from popscore.models.preprocess import Input, to_input
from popscore.models.spec import I2PA_SPEC, ModelSpec

SCORE_OUTPUT, MAP_OUTPUT, EMBEDDING_OUTPUT, FEATURES_OUTPUT = "output", "activation_map", "embedding", "features"
"""What outputs of a scorer are called. A file with one output may call it as it likes."""

# Of 64 numbers of 32 bits and a score that was summed up in another order. A wrong weight, or another end of the graph,
# gives a difference of the size of the map itself.
_MAP_TOLERANCE = 1e-3

_WANTED = "popscore needs one float32 input [N or 1, 3, height, width] and one number per image as output"

_WANTED_MAP = (
    "It must be float32 [N, rows, columns], and its mean the score. Leave it out, and popscore finds its own way."
)
_GRADIENT = Image.linear_gradient("L")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model says about one picture, from one run.

    Attributes:
        score: finite.
        activation_map: (rows, columns) what each part of the picture adds to the score; their mean is the score.
            None where it was not asked for, or the model has none.
        embedding: (C,) what the model sees in the picture; None likewise.
        features: (C, rows, columns) what the model sees in each part of the picture; None likewise.
    """

    score: float
    activation_map: Floats | None = None
    embedding: Floats | None = None
    features: Floats | None = None


@dataclass(frozen=True)
class ScoringSession:
    """A network and how it is used as a scorer. Threads may share it.

    Attributes:
        score_output, map_output: names of outputs; `map_output` is None where the model has no activation map.
        map_added: popscore added the map, and nobody looked yet whether it is true.
    """

    spec: ModelSpec
    network: Network
    input_name: str
    score_output: str
    map_output: str | None = None
    map_added: bool = False

    @cached_property
    def has_map(self) -> bool:
        """The model can say where in a picture its score comes from.

        A map that popscore added is tried out when it is first asked for: one run, which loading does not wait for.
        """
        return self.map_output is not None and not (self.map_added and _fault_of_map(self))

    @property
    def has_embedding(self) -> bool:
        """The model can say what it sees in a picture."""
        return self.network.output(EMBEDDING_OUTPUT) is not None

    def predict(
        self, photo: Input, *, activation_map: bool = False, embedding: bool = False, features: bool = False
    ) -> Prediction:
        """Score one photo.

        One photo at a time, always: a fixed batch of 1 must work, and on a CPU a larger batch is not faster.

        Args:
            photo: (1, 3, H, W) float32, see `preprocess.to_input`.
            activation_map, embedding, features: give these too, where the model has them.

        Raises:
            ScoringFailed: the model stopped, or its answer is not what it must be.
        """
        return self._run(
            photo,
            self.map_output if activation_map and self.has_map else None,
            embedding=embedding,
            features=features,
        )

    def _run(
        self, photo: Input, map_output: str | None, *, embedding: bool = False, features: bool = False
    ) -> Prediction:
        wanted = [self.score_output]
        wanted += [map_output] if map_output is not None else []
        wanted += [EMBEDDING_OUTPUT] if embedding and self.has_embedding else []
        wanted += [FEATURES_OUTPUT] if features and self.network.output(FEATURES_OUTPUT) is not None else []
        try:
            found = self.network.run({self.input_name: photo}, wanted)
        except ScoringFailed as error:
            raise ScoringFailed(f"The model {self.spec.name} stopped: {error}") from error
        score = np.asarray(found[self.score_output], dtype=np.float32).reshape(-1)
        if score.shape != (1,) or not np.isfinite(score[0]):
            raise ScoringFailed(f"The model {self.spec.name} gave no usable score for this photo.")
        return Prediction(
            float(score[0]),
            self._one(None if map_output is None else found[map_output], 2, "activation map"),
            self._one(found.get(EMBEDDING_OUTPUT), 1, "embedding"),
            self._one(found.get(FEATURES_OUTPUT), 3, "features"),
        )

    def scores(self, photos: Input, *, at_once: int = 1) -> npt.NDArray[np.float64]:
        """(N,) scores of (N, 3, H, W) photos, `at_once` of them in a run.

        Raises:
            ScoringFailed: the model stopped, or gave another number of scores.
        """
        found = self.network.run_batch({self.input_name: photos}, [self.score_output], at_once=at_once)
        scores = np.asarray(found[self.score_output], dtype=np.float64).reshape(-1)
        if scores.shape != (len(photos),):
            raise ScoringFailed(f"The model {self.spec.name} gave {len(scores)} scores for {len(photos)} photos.")
        return scores

    def _one(self, found: Floats | None, dimensions: int, what: str) -> Floats | None:
        """What belongs to the one photo, without its batch of 1."""
        if found is None:
            return None
        if found.shape[:1] != (1,) or found.ndim != dimensions + 1 or not np.isfinite(found).all():
            raise ScoringFailed(f"The model {self.spec.name} gave no usable {what} for this photo.")
        return np.asarray(found[0], dtype=np.float32)


def open_session(content: bytes, *, file: str, checked: bool = False) -> ScoringSession:
    """Make a scorer from the bytes of an ONNX file.

    A model without an activation map gets one where its graph ends in a way that allows it, see `map_output`.

    Args:
        content: the whole file.
        file: its name, for messages.
        checked: an activation map in the file is known to be true, and not tried out.

    Raises:
        ModelRefused: not an ONNX file, or not an image scorer; the message gives the reason.
    """
    extended = with_map_output(content, score=SCORE_OUTPUT, wish=MAP_OUTPUT)
    if extended is not None:
        try:
            opened = _opened(extended.content, file=file, added=extended.map_output)
        except ModelRefused as error:
            if isinstance(error.__cause__, TooLong):
                raise
        else:
            if _is_safe(opened):
                return opened
    opened = _opened(content, file=file)
    if opened.map_output is not None and not checked:
        fault = _fault_of_map(opened)
        if fault is not None:
            raise ModelRefused(f"{file} was refused: its output {MAP_OUTPUT} {fault}. {_WANTED_MAP}")
    return opened


def _is_safe(opened: ScoringSession) -> bool:
    """An added map cannot stop the scoring. Every run computes all outputs, those too that nobody asked for.

    Where onnxruntime knows the rows and the columns, features have four dimensions, and a linear layer that takes
    what was pooled from them fits their channels.
    """
    declared = opened.network.output(opened.map_output or "")
    return declared is not None and len(declared.shape) == 3 and all(declared.shape[1:])


def _opened(content: bytes, *, file: str, added: str | None = None) -> ScoringSession:
    """A scorer whose map was not tried out yet.

    Args:
        content, file: as in `open_session`.
        added: name of an output that popscore added.
    """
    network = Network(content, file=file)
    spec = spec_from_metadata(network.metadata, file=file)
    _check_input(network, spec or I2PA_SPEC, file=file, bare=spec is None)
    outputs = [output for output in network.outputs if output.name != added]
    own_map = MAP_OUTPUT if any(output.name == MAP_OUTPUT for output in outputs) else None
    opened = ScoringSession(
        spec=spec or I2PA_SPEC,
        network=network,
        input_name=network.inputs[0].name,
        score_output=_score_output(outputs, file=file),
        map_output=added or own_map,
        map_added=added is not None,
    )
    _probe(opened, file=file)
    return opened


def _fault_of_map(opened: ScoringSession) -> str | None:
    """What is wrong with the activation map for one picture, in words that go on from its name; None if nothing is."""
    declared = opened.network.output(opened.map_output or "")
    if declared is None or declared.kind != FLOATS or len(declared.shape) not in (0, 3):
        return f"is {declared}"
    picture = Image.merge("RGB", (_GRADIENT, _GRADIENT.rotate(90), Image.radial_gradient("L")))
    try:
        found = opened._run(to_input(picture, opened.spec), opened.map_output)
    except (ScoringFailed, TypeError, ValueError) as error:
        return f"could not be had for a picture ({str(error).rstrip('.')})"
    values = np.asarray(found.activation_map, dtype=np.float64)
    if not values.size:
        return f"has no numbers ({values.shape[0]} x {values.shape[1]})"
    size = max(abs(found.score), float(np.abs(values).mean()))
    if abs(values.mean() - found.score) > _MAP_TOLERANCE * size:
        return f"has a mean of {values.mean():.4g} for a picture that scores {found.score:.4g}"
    return None


def _check_input(network: Network, spec: ModelSpec, *, file: str, bare: bool) -> None:
    if len(network.inputs) != 1:
        names = ", ".join(item.name for item in network.inputs) or "none"
        raise ModelRefused(f"{file} was refused: it has {len(network.inputs)} inputs ({names}); {_WANTED}.")
    (found,) = network.inputs
    if found.kind != FLOATS or len(found.shape) != 4:
        raise ModelRefused(f"{file} was refused: its input is {found}; {_WANTED}.")
    height, width = spec.input_size
    fits = all(length in (None, wanted) for length, wanted in zip(found.shape, (1, 3, height, width), strict=True))
    if bare:
        fits = fits and found.shape[1:] == (3, height, width)
    if not fits:
        reason = "without metadata it must be a PopScore / I2PA file" if bare else "its metadata say otherwise"
        raise ModelRefused(
            f"{file} was refused: its input is {found}, and {reason}: float32 [N or 1, 3, {height}, {width}]."
        )


def _score_output(outputs: Sequence[Tensor], *, file: str) -> str:
    if len(outputs) == 1:
        return outputs[0].name
    if any(output.name == SCORE_OUTPUT for output in outputs):
        return SCORE_OUTPUT
    names = ", ".join(item.name for item in outputs) or "none"
    raise ModelRefused(f"{file} was refused: it has {len(outputs)} outputs ({names}) and none is called 'output'.")


def _probe(opened: ScoringSession, *, file: str) -> None:
    """Run one grey picture, unless the declared shape already promises one number per image."""
    declared = opened.network.output(opened.score_output)
    if declared is None:  # never: the name was taken from the outputs
        return
    first, *rest = declared.shape or ("scalar", 0)
    if declared.kind == FLOATS and (first == 1 or not isinstance(first, int)) and set(rest) <= {1}:
        return
    height, width = opened.spec.input_size
    try:
        opened.predict(np.full((1, 3, height, width), 0.5, dtype=np.float32))
    except (ScoringFailed, TypeError, ValueError) as error:
        if isinstance(error, ScoringFailed) and error.__cause__ is not None:  # it did not even get to an answer
            raise ModelRefused(f"{file} was refused: it was run once, on a grey picture. {error}.") from error
        raise ModelRefused(f"{file} was refused: its output is {declared}; {_WANTED}.") from error
