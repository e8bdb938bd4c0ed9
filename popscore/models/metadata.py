"""A ModelSpec as the `popscore.*` metadata of an ONNX file: written, and read again with every value checked."""

import json
import math
from collections.abc import Mapping
from typing import cast, get_args

from popscore.errors import ModelRefused
from popscore.models.spec import Kind, ModelSpec, ResizeRule, Triple, View
from popscore.scale import I2PA_REFERENCE_MEAN, I2PA_REFERENCE_STD

_PREFIX = "popscore."
_FORMAT = "1"
_MAX_TEXT = 4000
_SIDE_RANGE = (16, 2048)


def own_values(metadata: Mapping[str, str]) -> dict[str, str]:
    """The `popscore.*` values of a file, by name without the prefix; all others left out.

    Args:
        metadata: the file's metadata_props.
    """
    return {key.removeprefix(_PREFIX): value for key, value in metadata.items() if key.startswith(_PREFIX)}


def as_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """The values as the metadata of a file, with the prefix: what `own_values` takes apart."""
    return {f"{_PREFIX}{name}": value for name, value in values.items()}


def values_from_spec(spec: ModelSpec, **more: object) -> dict[str, str]:
    """What a file of this spec says about itself; `spec_from_metadata` reads it back as the same spec.

    Args:
        spec: what the model is.
        more: what else the file should say, by name.

    Returns:
        Texts by name, without the prefix; lists, objects and numbers as JSON, what is None left out.
    """
    values: dict[str, object] = {
        "format": _FORMAT,
        "name": spec.name,
        "version": spec.version,
        "kind": spec.kind,
        "description": spec.description,
        "input_size": list(spec.input_size),
        "resize": spec.resize,
        "view": None if spec.view == "photo" else spec.view,  # what all files without the key mean
        "mean": list(spec.mean),
        "std": list(spec.std),
        "reference_mean": spec.reference_mean,
        "reference_std": spec.reference_std,
        "reference_population": spec.reference_population,
        "win_scale": spec.win_scale,
        "noise": spec.noise,
        "license": spec.licence,
        "training_data": spec.training_data,
        "accuracy": dict(spec.accuracy),
        **more,
    }
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def spec_from_metadata(metadata: Mapping[str, str], *, file: str) -> ModelSpec | None:
    """Read the `popscore.*` keys of an ONNX file.

    Args:
        metadata: the file's metadata_props.
        file: name of the file, for messages.

    Returns:
        The spec, or None when the file has no `popscore.*` key at all.

    Raises:
        ModelRefused: a key is missing or its value cannot be used; the message names the key.
    """
    values = own_values(metadata)
    if not values:
        return None
    read = _Reader(values, file)
    height, width = read.numbers("input_size", 2)
    if any(side != int(side) or not _SIDE_RANGE[0] <= side <= _SIDE_RANGE[1] for side in (height, width)):
        raise read.refusal("input_size", f"two whole numbers from {_SIDE_RANGE[0]} to {_SIDE_RANGE[1]}")
    std = read.triple("std", (1.0, 1.0, 1.0))
    if min(std) <= 0:
        raise read.refusal("std", "three numbers above 0")
    return ModelSpec(
        name=read.text("name"),
        version=read.optional_text("version"),
        kind=cast(Kind, read.one_of("kind", get_args(Kind))),
        description=read.optional_text("description"),
        input_size=(int(height), int(width)),
        resize=cast(ResizeRule, read.one_of("resize", get_args(ResizeRule))),
        view=cast(View, read.one_of("view", get_args(View), default="photo")),
        mean=read.triple("mean", (0.0, 0.0, 0.0)),
        std=std,
        reference_mean=read.number("reference_mean", I2PA_REFERENCE_MEAN),
        reference_std=read.positive("reference_std", I2PA_REFERENCE_STD),
        reference_population=read.optional_text("reference_population") or "reference photos",
        win_scale=read.positive("win_scale", 1.0),
        noise=read.optional_positive("noise"),
        licence=read.optional_text("license") or read.optional_text("licence"),
        training_data=read.optional_text("training_data"),
        accuracy=read.figures("accuracy"),
    )


class _Reader:
    """Reads metadata values, which are all strings, and refuses those that cannot be used."""

    def __init__(self, values: Mapping[str, str], file: str) -> None:
        self._values, self._file = values, file

    def refusal(self, key: str, wanted: str) -> ModelRefused:
        found = self._values.get(key)
        what = "is missing" if found is None else f"is {found[:60]!r}"
        return ModelRefused(f"{self._file} was refused: its metadata {_PREFIX}{key} {what}; it must be {wanted}.")

    def optional_text(self, key: str) -> str | None:
        value = self._values.get(key, "").strip()
        if len(value) > _MAX_TEXT:
            raise self.refusal(key, f"at most {_MAX_TEXT} characters")
        return value or None

    def text(self, key: str) -> str:
        value = self.optional_text(key)
        if value is None:
            raise self.refusal(key, "a text")
        return value

    def one_of(self, key: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        value = (self.optional_text(key) or default) if default else self.text(key)
        if value not in choices:
            raise self.refusal(key, " or ".join(choices))
        return value

    def json(self, key: str, wanted: str) -> object:
        try:
            return json.loads(self._values[key])
        except (KeyError, ValueError, RecursionError):
            raise self.refusal(key, wanted) from None

    def numbers(self, key: str, count: int) -> list[float]:
        wanted = f"a JSON list of {count} numbers"
        value = self.json(key, wanted)
        if not isinstance(value, list) or len(value) != count or not all(_is_number(item) for item in value):
            raise self.refusal(key, wanted)
        return [float(item) for item in value]

    def triple(self, key: str, default: Triple) -> Triple:
        if key not in self._values:
            return default
        red, green, blue = self.numbers(key, 3)
        return red, green, blue

    def number(self, key: str, default: float) -> float:
        if key not in self._values:
            return default
        value = self.json(key, "a number")
        if not isinstance(value, (int, float)) or not _is_number(value):
            raise self.refusal(key, "a number")
        return float(value)

    def positive(self, key: str, default: float) -> float:
        value = self.number(key, default)
        if value <= 0:
            raise self.refusal(key, "a number above 0")
        return value

    def optional_positive(self, key: str) -> float | None:
        return self.positive(key, 1.0) if key in self._values else None

    def figures(self, key: str) -> dict[str, float]:
        wanted = "a JSON object of numbers"
        value = self.json(key, wanted) if key in self._values else {}
        if not isinstance(value, dict) or not all(_is_number(item) for item in value.values()):
            raise self.refusal(key, wanted)
        # JSON may hold halves of letters, which no output takes.
        return {str(name).encode(errors="replace").decode(): float(item) for name, item in value.items()}


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False
