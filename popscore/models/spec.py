"""What a model is: how its input is made, what its score means, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from popscore import scale
from popscore.scale import I2PA_REFERENCE_MEAN, I2PA_REFERENCE_STD

Kind = Literal["popularity", "appeal", "selfie"]
ResizeRule = Literal["squash", "short_side_crop"]
View = Literal["photo", "face"]
Triple = tuple[float, float, float]

Source = Literal["hub", "file", "embedded"]
Json = dict[str, Any]


# Noise in standard deviations of the reference population, for a model that does not state its own: that of
# the embedded model.
_USUAL_NOISE = 0.35


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A record of one model: everything about it but its weights and where it came from.

    Attributes:
        input_size: (height, width) of the input in pixels.
        resize: `squash` resizes to `input_size` and gives up the aspect ratio; `short_side_crop` resizes
            until the photo covers `input_size` and cuts out the centre.
        view: what of a photo becomes the input; `face` is a square round the largest face, see `people.selfie`.
        mean, std: per channel, for RGB values in [0, 1]: input = (rgb - mean) / std.
        reference_mean, reference_std: score distribution of the reference population.
        reference_population: words that finish "more appealing than 72 of 100 …".
        win_scale: score difference worth one unit of log odds.
        noise: score difference up to which the order of two photos is not to be trusted, as measured by
            tests/benchmarks/score_noise.py: 95 of 100 photos move by no more when they are saved again,
            made smaller, cut by 2 % or mirrored. None where it was not measured; see `likely_noise`.
        accuracy: measured figures by name.
    """

    name: str
    version: str | None = None
    kind: Kind
    description: str | None = None
    input_size: tuple[int, int]
    resize: ResizeRule = "squash"
    view: View = "photo"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    reference_mean: float = I2PA_REFERENCE_MEAN
    reference_std: float = I2PA_REFERENCE_STD
    reference_population: str = "reference photos"
    win_scale: float = 1.0
    noise: float | None = None
    licence: str | None = None
    training_data: str | None = None
    accuracy: Mapping[str, float] = field(default_factory=dict)

    @property
    def likely_noise(self) -> float:
        """The model's noise, or what it is likely to be where the file does not say."""
        return _USUAL_NOISE * self.reference_std if self.noise is None else self.noise


# A PopScore / I2PA file carries no metadata. Input and scale are those of the authors' released test
# script: squash to 224x224, divide by 255, no mean and standard deviation.
I2PA_SPEC = ModelSpec(
    name="I2PA-style popularity model",
    kind="popularity",
    description="A bare ONNX file in the form of the I2PA and PopScore models; it says nothing about itself.",
    input_size=(224, 224),
    reference_population="Instagram photos of the I2PA test set",
)


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model's record and where this copy of it came from.

    Attributes:
        origin: Hub repository or file name; None for the embedded model.
        revision: Hub commit; None for the other sources.
        notice: why this is not the model that was asked for; None when it is.
    """

    spec: ModelSpec
    source: Source
    origin: str | None = None
    revision: str | None = None
    sha256: str
    notice: str | None = None

    @property
    def adjective(self) -> str:
        """The word for what a higher score means; an appeal model never speaks of popularity."""
        return "appealing" if self.spec.kind == "appeal" else "popular"

    def to_json(self) -> Json:
        """The short form that goes with every result."""
        return {
            "name": self.spec.name,
            "kind": self.spec.kind,
            "source": self.source,
            "revision": self.revision,
            "sha256": self.sha256,
            "notice": self.notice,
        }

    def to_full_json(self) -> Json:
        """Everything that is known about the model."""
        spec = self.spec
        return {
            **self.to_json(),
            "version": spec.version,
            "description": spec.description,
            "origin": self.origin,
            "input": {
                "size": list(spec.input_size),
                "resize": spec.resize,
                "view": spec.view,
                "mean": list(spec.mean),
                "std": list(spec.std),
            },
            "scale": {
                "reference_mean": spec.reference_mean,
                "reference_std": spec.reference_std,
                "reference_population": spec.reference_population,
                "win_scale": spec.win_scale,
                "noise": spec.noise,
                "bands": [
                    {"label": band.label, "color": band.color, "from": None if band is scale.BANDS[-1] else band.lower}
                    for band in scale.BANDS
                ],
            },
            "accuracy": dict(spec.accuracy),
            "licence": spec.licence,
            "training_data": spec.training_data,
        }
