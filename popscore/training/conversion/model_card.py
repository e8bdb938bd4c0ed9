"""The model card of a published model, written from the file's own metadata and from nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from popscore import scale, words
from popscore.foreign_text import markdown
from popscore.models.spec import ModelInfo, ModelSpec
from popscore.training.conversion.records import AUTHORS, OWN, PAPER

# Licences that the Hub knows by these names, from their SPDX names.
_HUB_LICENCES = {
    name.lower(): name.lower()
    for name in (
        "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0",
        "CC-BY-NC-SA-4.0", "GPL-3.0", "LGPL-3.0", "AGPL-3.0", "MPL-2.0", "ISC", "Unlicense",
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A checked model file.

    Attributes:
        metadata: all of its `popscore.*` values, by name without the prefix.
        outputs: (name, shape) of each output; letters stand for free lengths.
    """

    content: bytes
    sha256: str
    spec: ModelSpec
    metadata: Mapping[str, str]
    outputs: Sequence[tuple[str, str]]


def model_card(model: ModelFile, repo: str) -> str:
    """README.md of the Hub repository: front matter and text."""
    spec = model.spec
    info = ModelInfo(spec=spec, source="hub", origin=repo, sha256=model.sha256)
    return "\n".join(
        [
            _front_matter(spec),
            f"# {markdown(spec.name)}",
            "",
            *([markdown(spec.description), ""] if spec.description else []),
            f"This is an ONNX image scorer for popscore. Higher scores are more {info.adjective}. {words.LIMITS}",
            "",
            "## Use it",
            "",
            "```bash",
            f"POPSCORE_MODEL_REPO={repo} POPSCORE_MODEL_SHA256={model.sha256} python -m popscore score photo.jpg",
            "```",
            "",
            "Set `POPSCORE_MODEL_REVISION` to the commit of this file, so that nobody can exchange it.",
            "",
            "## What it is",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in _facts(model)),
            "",
            "## Measured",
            "",
            *_measured(model),
            "",
            "## Limits and bias",
            "",
            "The model repeats the taste, and the bias, of the people and the platform that its data come from. "
            "A score is no judgement of the people in a photo. Do not use it to decide about people.",
            "",
            "## Licence and source",
            "",
            *_licence(model),
            "",
        ]
    )


def _front_matter(spec: ModelSpec) -> str:
    """What the Hub reads; the licence only where the file states one."""
    # Here and not above: it reads HF_* variables, and whoever calls has seen to it that they can be used.
    from huggingface_hub import ModelCardData

    known = slug = None
    if spec.licence:
        known = _HUB_LICENCES.get(spec.licence.strip().lower(), "other")
        slug = re.sub(r"[^a-z0-9]+", "-", spec.licence.lower()).strip("-")[:60] or "unnamed"
    data = ModelCardData(
        license=known,
        license_name=slug if known == "other" else None,
        library_name="onnx",
        tags=["popscore", "onnx", "image-aesthetics" if spec.kind == "appeal" else "image-popularity"],
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _facts(model: ModelFile) -> list[tuple[str, str]]:
    spec = model.spec
    height, width = spec.input_size
    resize = {"squash": "squashed to", "short_side_crop": "resized until it covers, then its centre cut out:"}
    normalised = "divided by 255"
    if (spec.mean, spec.std) != ((0, 0, 0), (1, 1, 1)):
        normalised += f", minus {list(spec.mean)}, divided by {list(spec.std)}"
    bands = ", ".join(f"{band.label} from {band.lower:g}" for band in scale.BANDS[:-1])
    rows = [
        ("predicts", spec.kind),
        ("version", spec.version),
        ("weights", {AUTHORS: AUTHORS, OWN: "not those of the I2PA authors"}.get(model.metadata.get("weights", ""))),
        ("numbers", model.metadata.get("precision")),
        ("input", f"RGB photo, upright, {resize[spec.resize]} {width} x {height} pixels, {normalised}"),
        ("outputs", ", ".join(f"`{name}` {shape}" for name, shape in model.outputs)),
        (
            "scale",
            f"mean {spec.reference_mean:g}, standard deviation {spec.reference_std:g}: {spec.reference_population}",
        ),
        ("bands", f"{bands}, {scale.BANDS[-1].label} below"),
        ("win probability", f"1 / (1 + exp(-(A - B) / {spec.win_scale:g}))"),
        ("trained on", spec.training_data),
        ("model.onnx", f"{len(model.content) / 1e6:.1f} MB, SHA-256 `{model.sha256}`"),
        (
            "converted from",
            f"a file with SHA-256 `{source}`" if (source := model.metadata.get("source_sha256")) else None,
        ),
    ]
    return [(name, markdown(value, keep="`")) for name, value in rows if value]


def _measured(model: ModelFile) -> list[str]:
    lines = [f"- {markdown(name)}: {value:g}" for name, value in model.spec.accuracy.items()]
    if model.metadata.get("weights") == AUTHORS:
        lines += ["", f"The figure is the paper's ({PAPER}). It was not measured again on this file."]
    if not lines:
        lines = ["Nobody measured how well these scores agree with people. Do so before you rely on them."]
    try:
        int8 = json.loads(model.metadata["int8_check"])
        lines += [
            "",
            f"Rounding to 8 bits, on {int8['held_back']} photos that it was not calibrated on: "
            f"{100 * int8['swapped']:.1f} % of the pairs change order, scores move by {int8['drift_mean']:.3f} on "
            f"average (their standard deviation is {int8['spread']:.2f}).",
        ]
    except (KeyError, TypeError, ValueError):
        pass  # not an 8-bit copy, or one that popscore did not make
    return lines


def _licence(model: ModelFile) -> list[str]:
    licence = model.spec.licence
    lines = [f"{markdown(licence)}." if licence else "No licence is stated: without one, others may not use the model."]
    weights = model.metadata.get("weights")
    if weights == AUTHORS:
        lines += ["", f"The weights are the authors' own, recognised by the SHA-256 of their file: {PAPER}."]
    elif weights == OWN:
        lines += [
            "",
            "The weights are not those of the I2PA authors; the figures of their paper say nothing about them.",
        ]
    return lines
