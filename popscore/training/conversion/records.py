"""What a converted file says about itself: the `popscore.*` metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from popscore.models.metadata import values_from_spec
from popscore.models.spec import I2PA_SPEC, ModelSpec

# Of model-resnet50.pth, as another project recorded it; see docs/popularity-model.md.
AUTHORS_SHA256 = "2b43c375ff8e75856aba1d4bbe713aa6b7f4d8fcce83c0f30e6558cb6d1d783f"
PAPER = "Ding, Ma & Wang, Intrinsic Image Popularity Assessment, ACM MM 2019, arXiv 1907.01985"
AUTHORS, OWN = "the authors' weights", "weights of your own"

AUTHORS_SPEC = replace(
    I2PA_SPEC,
    name="I2PA ResNet-50",
    version="2019",
    description="Predicts how popular a photo is for what it shows, whoever posts it. The I2PA authors' weights.",
    licence="MIT",
    training_data=f"pairs of Instagram photos, 2.5 million in the paper's database ({PAPER})",
    # The paper's figure, on 50,000 pairs of its test set. Nobody measured it on this file.
    accuracy={"pairwise accuracy in the paper": 0.7665},
)
OWN_SPEC = replace(
    I2PA_SPEC,
    name="I2PA-style model",
    description="Weights in the form of the I2PA model, but not its authors'. Nobody measured how good they are.",
    # A percentile of these weights is a place on a scale, and no claim about photos that they never saw.
    reference_population="photos on the scale of the I2PA paper",
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the person who converts weights of their own says about them; None where they say nothing."""

    name: str | None = None
    licence: str | None = None
    training_data: str | None = None

    def __bool__(self) -> bool:
        return any((self.name, self.licence, self.training_data))


def own_spec(words: Words) -> ModelSpec:
    """The record of weights that are not the authors'."""
    return replace(OWN_SPEC, name=words.name or OWN_SPEC.name, licence=words.licence, training_data=words.training_data)


def values_of(spec: ModelSpec, *, weights: str, source_sha256: str) -> dict[str, str]:
    """What a converted file says about itself, by name.

    Args:
        spec: what the model is.
        weights: `AUTHORS` or `OWN`.
        source_sha256: of the file that was converted.
    """
    return values_from_spec(spec, weights=weights, source_sha256=source_sha256, precision="float32")


def after_int8(values: Mapping[str, str], check: Mapping[str, float]) -> dict[str, str]:
    """The values of the file with 8-bit numbers, made from a file with these.

    Figures that were measured before are no longer figures of this file, so their names say so.

    Args:
        check: what was measured on the photos held back, by name.
    """
    changed = {**values, "precision": "int8", "int8_check": json.dumps(dict(check))}
    accuracy = json.loads(values.get("accuracy", "{}"))
    if accuracy:
        changed["accuracy"] = json.dumps({f"{name}, before int8": value for name, value in accuracy.items()})
    return changed
