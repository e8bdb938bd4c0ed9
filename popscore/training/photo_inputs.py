"""Real photos as model inputs: the examples that ship with popscore, or a folder of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.models.preprocess import Input, to_input
from popscore.models.spec import ModelSpec
from popscore.photos import decode
from popscore.photos.find import PHOTO_SUFFIXES


def example_photos() -> list[Path]:
    """The photos that ship with the app; see the NOTICE beside them. They are read without importing the app."""
    folder = Path(str(files("popscore"))) / "ui" / "assets" / "examples"
    return sorted(path for path in folder.iterdir() if path.suffix in PHOTO_SUFFIXES)


def inputs_of(photos: Iterable[str | Path], spec: ModelSpec) -> tuple[list[Input], int]:
    """Inputs (1, 3, H, W) float32 of the photos that can be read, made as scoring makes them, and how many cannot."""
    height, width = spec.input_size
    inputs, failed = [], 0
    for photo in photos:
        try:
            # The same reduced decoding as when scoring, at least twice the model's input.
            inputs.append(to_input(decode.read_photo(photo, at_least=(2 * width, 2 * height)).pixels, spec))
        except PopscoreError:
            failed += 1
    return inputs, failed
