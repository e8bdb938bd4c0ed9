"""Photos as pixels of the input's size, read once and kept in the folder of the run. Imports no torch.

A photo is made as scoring makes it, by the same functions. 100,000 photos of 224 x 224 take 15 GB.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popscore.errors import PopscoreError
from popscore.files.atomic import failure, replacing
from popscore.files.opening import limited_bytes
from popscore.foreign_text import cell, shortened
from popscore.models.preprocess import enough_pixels, seen_pixels
from popscore.models.spec import ModelSpec
from popscore.photos.decode import read_photo
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.training.run_folder import RunRefused
from popscore.training.shards import Shards, Told, in_threads, prepare

STATES = ("used", "missing", "unreadable")
_USED, _MISSING, _UNREADABLE = range(len(STATES))
_FROM_LARGE = 8 / 7  # 256 for 224: what parts of 7/8 are cut from


class Photos:
    """The photos of a run, on the disk.

    Attributes:
        states: (N,) index into STATES.
        sha256: of all of them: of the names and the files' own.
    """

    def __init__(self, shards: Shards, names: Sequence[str]) -> None:
        self._shards = shards
        self.states = shards.all("state")
        self.sizes = shards.all("size_bytes")
        whole = hashlib.sha256()
        for name, digest in zip(names, shards.all("sha256"), strict=True):
            whole.update(name.encode(errors="surrogateescape") + b"\0" + digest.tobytes())
        self.sha256 = whole.hexdigest()

    def pixels(self, chosen: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(n, H, W, 3) as scoring sees them."""
        return np.asarray(self._shards.some("pixels", chosen), np.uint8)

    def parts(self, chosen: NDArray[np.intp], corners: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(n, H, W, 3) a part of 7/8 of the sides of each.

        Args:
            corners: (n, 2) where each lies, from 0 (top, left) to 1 (bottom, right).
        """
        large = self._shards.some("large", chosen)
        height, width = self._shards.some("pixels", chosen[:1]).shape[1:3]
        room = np.array(large.shape[1:3]) - (height, width)
        places = np.round(corners * room).astype(int).tolist()
        return np.stack(
            [one[top : top + height, left : left + width] for one, (top, left) in zip(large, places, strict=True)]
        )


def read(
    names: Sequence[str],
    files: Sequence[Path | None],
    folder: Path,
    spec: ModelSpec,
    *,
    crop: bool,
    begun: bool,
    told: Told | None = None,
) -> Photos:
    """Read all photos, but for those that an earlier run has read.

    Args:
        names: what the pairs call them.
        folder: for the shards.
        spec: of the input.
        crop: keep them somewhat larger too, see `Photos.parts`.
        begun: something was learned from them already; else photos that have changed are read again.

    Raises:
        RunRefused: a photo is not the one that was learned from, or the disk has no room for them.
        ExportFailed: they cannot be written.
    """
    kind = _kind(spec, crop=crop)
    _check_room(folder, len(files) * kind.itemsize)

    def record(file: Path | None) -> NDArray[Any]:
        return _record(file, spec, kind, crop=crop)

    with in_threads(record) as make:
        photos = Photos(prepare(files, folder, kind, make, told=told), names)
        changed = _first_change(photos, files)
        if changed is not None and not begun:
            for shard in folder.glob("*.npy"):
                shard.unlink()
            return Photos(prepare(files, folder, kind, make, told=told), names)
    if changed is not None:
        raise RunRefused(
            f"{shortened(names[changed])} has changed since this run began. Put it back, or name a new folder: --out"
        )
    return photos


def _first_change(photos: Photos, files: Sequence[Path | None]) -> int | None:
    for place, (file, state, size) in enumerate(zip(files, photos.states, photos.sizes.tolist(), strict=True)):
        if (file is None) != (state == _MISSING) or (file is not None and state == _USED and _size(file) != size):
            return place
    return None


def write_left_out(path: Path, names: Sequence[str], states: NDArray[Any]) -> None:
    """Name every photo that is not used, and why.

    Raises:
        ExportFailed: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", "reason"])
    table.writerows([cell(names[index]), STATES[states[index]]] for index in np.flatnonzero(states).tolist())
    with replacing(path) as file:
        file.write(text.getvalue().encode(errors="surrogateescape"))


def _kind(spec: ModelSpec, *, crop: bool) -> np.dtype[Any]:
    fields: list[Any] = [("state", "u1"), ("size_bytes", "u8"), ("sha256", "u1", (32,))]
    fields.append(("pixels", "u1", (*spec.input_size, 3)))
    if crop:
        fields.append(("large", "u1", (*_larger(spec).input_size, 3)))
    return np.dtype(fields)


def _larger(spec: ModelSpec) -> ModelSpec:
    height, width = (round(side * _FROM_LARGE) for side in spec.input_size)
    return replace(spec, input_size=(height, width))


def _check_room(folder: Path, needed: int) -> None:
    """Refuse at once what would fail after hours."""
    try:
        free = shutil.disk_usage(folder.parent).free
        there = sum(file.stat().st_size for file in folder.glob("*.npy"))
    except OSError as error:
        raise failure(folder.name, error) from error
    if needed - there > free:
        raise RunRefused(
            f"The photos need {needed / 1e9:.1f} GB as pixels, and {shortened(str(folder.parent))} has only "
            f"{free / 1e9:.1f} GB left. "
            "Name a folder on a larger disk (--out RUN), or make the input smaller: --side 160"
        )


def _record(file: Path | None, spec: ModelSpec, kind: np.dtype[Any], *, crop: bool) -> NDArray[Any]:
    record = np.zeros((), kind)
    if file is None:
        record["state"] = _MISSING
        return record
    try:
        content = limited_bytes(file, ImageLimits().max_bytes)
        if isinstance(content, int):
            record["state"] = _UNREADABLE
            return record
        record["size_bytes"] = len(content)
        record["sha256"] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
        pixels = read_photo(NamedPhoto(content, file.name), at_least=enough_pixels(spec)).pixels
    except (PopscoreError, OSError):
        record["state"] = _UNREADABLE
        return record
    record["pixels"] = np.asarray(seen_pixels(pixels, spec))
    if crop:
        record["large"] = np.asarray(seen_pixels(pixels, _larger(spec)))
    return record


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
