"""Real photos as model inputs: the examples that ship with popscore, or a folder of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.files.kinds import PHOTO_SUFFIXES
from popscore.models.preprocess import Input, enough_pixels, to_input
from popscore.models.spec import ModelSpec
from popscore.photos import decode


def example_photos() -> list[Path]:
    """The photos that ship with the app; see the NOTICE beside them. They are read without importing the app."""
    folder = Path(str(files("popscore"))) / "ui" / "assets" / "examples"
    return sorted(path for path in folder.iterdir() if path.suffix in PHOTO_SUFFIXES)


def inputs_of(photos: Iterable[str | Path], spec: ModelSpec) -> tuple[list[Input], int]:
    """Inputs (1, 3, H, W) float32 of the photos that can be read, made as scoring makes them, and how many cannot."""
    inputs, failed = [], 0
    for photo in photos:
        try:
            inputs.append(to_input(decode.read_photo(photo, at_least=enough_pixels(spec)).pixels, spec))
        except PopscoreError:
            failed += 1
    return inputs, failed
