"""Selfies as inputs of the network, read once and kept in the folder of the run.

What training sees is made as scoring makes it, by the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from popscore.errors import PopscoreError
from popscore.models.loader import load_model
from popscore.models.preprocess import Box, Input, seen_pixels, to_input
from popscore.models.session import ScoringSession
from popscore.models.spec import ModelSpec
from popscore.people.find import faces_in
from popscore.people.selfie import face_square
from popscore.photos.decode import read_photo
from popscore.photos.similarity import SIGNATURE_BYTES, signature
from popscore.settings import Settings
from popscore.training.shards import Shards, Told, in_threads
from popscore.training.shards import prepare as prepare_shards

STATES = ("used", "missing", "unreadable", "no face")
_USED, _MISSING, _UNREADABLE, _NO_FACE = range(len(STATES))


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a photo becomes an input.

    Attributes:
        spec: size and view.
        backbone: a scorer whose embedding is the input, and which then makes its own input from the pixels; None
            where the pixels themselves are the input.
    """

    spec: ModelSpec
    backbone: ScoringSession | None = None

    @property
    def kind(self) -> np.dtype[Any]:
        """Of one record of a shard."""
        given: tuple[str, tuple[int, ...]] = ("u1", (*self.spec.input_size, 3))
        if self.backbone is not None:
            given = "f4", (embedding_length(self.backbone),)
        return np.dtype([("state", "u1"), ("signature", "u1", (SIGNATURE_BYTES,)), ("input", *given)])


def embedded_backbone() -> ScoringSession:
    """The model that ships with popscore, whatever the environment asks for."""
    return load_model(Settings()).session


def embedding_length(session: ScoringSession) -> int:
    """Numbers of its embedding."""
    grey = np.zeros((1, 3, *session.spec.input_size), np.float32)
    embedding = session.predict(grey, embedding=True).embedding
    return 0 if embedding is None else len(embedding)


class Pictures:
    """The inputs of all selfies, on the disk.

    Attributes:
        states: (N,) index into STATES.
        signatures: of the photos; zeros where there is none.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self.states = shards.all("state")
        self.signatures = [bytes(row) for row in shards.all("signature")]

    def inputs(self, chosen: NDArray[np.intp]) -> NDArray[Any]:
        """(n, ...) the inputs of some of them: uint8 RGB pixels (H, W, 3), or float32 embeddings (C,)."""
        return self._shards.some("input", chosen)


def prepare(files: Sequence[Path | None], folder: Path, look: Look, *, told: Told | None = None) -> Pictures:
    """Read all photos, but for those whose shards are there from an earlier run.

    Args:
        files: of the selfies; None where one is missing.
        folder: for the shards; made where it is missing.

    Raises:
        ExportFailed: a shard cannot be written.
        ScoringFailed: a network stopped.
    """

    def record(file: Path | None) -> NDArray[Any]:
        return _record(file, look)

    with in_threads(record) as make:
        return Pictures(prepare_shards(files, folder, look.kind, make, told=told))


def _record(file: Path | None, look: Look) -> NDArray[Any]:
    record = np.zeros((), look.kind)
    if file is None:
        record["state"] = _MISSING
        return record
    try:
        pixels = read_photo(file).pixels
    except PopscoreError:
        record["state"] = _UNREADABLE
        return record
    record["signature"] = np.frombuffer(signature(pixels), np.uint8)
    try:
        box = _box(pixels, look)
    except _NoFace:
        record["state"] = _NO_FACE
        return record
    if look.backbone is None:
        record["input"] = np.asarray(seen_pixels(pixels, look.spec, box=box))
    else:
        found = look.backbone.predict(to_input(pixels, look.spec, box=box), embedding=True)
        record["input"] = found.embedding
    return record


class _NoFace(Exception):
    """A face is to be looked at, and none was found."""


def _box(pixels: Image.Image, look: Look) -> Box | None:
    if look.spec.view == "photo":
        return None
    faces = faces_in(pixels)
    if not faces:
        raise _NoFace
    return face_square(pixels.size, faces[0].box)


def input_of(file: Path, look: Look) -> Input:
    """(1, 3, H, W) what a model that was trained so is given for a photo that can be used."""
    pixels = read_photo(file).pixels
    return to_input(pixels, look.spec, box=_box(pixels, look))
