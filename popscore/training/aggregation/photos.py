"""What the transformer is given of a photo: the embedded model's map, and depth-masked features if there are any.

The map (C, 8, 8) is pooled to 4 x 4 positions. Its 2480 channels are brought to few by principal components that are
fitted to the photos that are learnt from, with no rating: with 594 photos, a linear layer on all of them learns the
photos by heart.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popscore.errors import ModelRefused
from popscore.files.atomic import replacing
from popscore.models import LoadedModel
from popscore.models.preprocess import to_input
from popscore.photos.decode import read_photo
from popscore.training.aggregation.depth import DepthNetwork, depth_features
from popscore.training.appeal.features import PARTS
from popscore.training.appeal.head import Standardiser, fit_standardiser

Indices = NDArray[np.intp]
Narrow = NDArray[np.float32]
GRID = 4
POSITIONS = GRID * GRID


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenPhotos:
    """N photos.

    Attributes:
        maps: (N, 16, C) the pooled maps, a row per position.
        depth: (N, 5, C) depth-masked features; None without a depth network.
    """

    maps: NDArray[np.float16]
    depth: NDArray[np.float16] | None


def look(
    files: Sequence[Path], model: LoadedModel, *, depth: DepthNetwork | None = None, kept: Path | None = None
) -> SeenPhotos:
    """Run the embedded model on each photo, and on its five masked copies if there is a depth network.

    Args:
        files: the photos.
        model: that gives the maps.
        depth: a depth network.
        kept: an .npz file that keeps what was seen for the next run, for the same photos, model and depth network.

    Raises:
        ModelRefused: the model has no map whose sides are multiples of 4, or the kept file is of other photos.
        UnreadableImage: a photo cannot be read.
    """
    if kept is not None and kept.is_file():
        return _read(kept, len(files), with_depth=depth is not None)
    maps, masked = [], []
    for file in files:
        photo = read_photo(file).pixels
        found = model.session.predict(to_input(photo, model.info.spec), features=True).features
        if found is None:
            raise ModelRefused("The model has no output called features. Use the embedded one.")
        maps.append(pooled(found))
        if depth is not None:
            masked.append(depth_features(photo, depth, model).astype(np.float16))
    seen = SeenPhotos(maps=np.stack(maps), depth=np.stack(masked) if masked else None)
    if kept is not None:
        with replacing(kept) as stream:
            if seen.depth is None:
                np.savez(stream, maps=seen.maps)
            else:
                np.savez(stream, maps=seen.maps, depth=seen.depth)
    return seen


def _read(file: Path, count: int, *, with_depth: bool) -> SeenPhotos:
    try:
        with np.load(file, allow_pickle=False) as kept:
            maps = np.asarray(kept["maps"], np.float16)
            depth = np.asarray(kept["depth"], np.float16) if with_depth else None
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelRefused(f"{file} does not hold what is asked for ({error}). Name a new file.") from error
    if len(maps) != count or (depth is not None and len(depth) != count):
        raise ModelRefused(f"{file} is of {len(maps)} photos, and there are {count}. Name a new file.")
    return SeenPhotos(maps=maps, depth=depth)


def pooled(features: NDArray[np.float32]) -> NDArray[np.float16]:
    """(C, rows, columns) -> (16, C): the mean of each sixteenth of the photo.

    Raises:
        ModelRefused: rows or columns are no multiple of 4.
    """
    channels, rows, columns = features.shape
    if rows % GRID or columns % GRID:
        raise ModelRefused(f"The model's map has {rows} x {columns} positions; multiples of {GRID} are needed.")
    parts = features.reshape(channels, GRID, rows // GRID, GRID, columns // GRID).mean(axis=(2, 4))
    return np.asarray(parts.reshape(channels, POSITIONS).T, np.float16)


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """From the model's channels to the transformer's: (…, C) -> (…, d), of variance 1 over the photos learnt from."""

    standardiser: Standardiser
    axes: NDArray[np.float64]  # (C, d)

    def __call__(self, values: NDArray[np.float16]) -> Narrow:
        """Bring maps or depth-masked features to few channels."""
        flat = self.standardiser(values.reshape(-1, values.shape[-1]).astype(np.float32)) @ self.axes
        return np.asarray(flat.reshape(*values.shape[:-1], -1), np.float32)

    def tensors(self) -> dict[str, Any]:
        """What a file has to keep of it."""
        import torch

        parts = {"axes": self.axes, **vars(self.standardiser)}
        return {f"projection.{name}": torch.from_numpy(np.asarray(values)) for name, values in parts.items()}


def fit_projection(seen: SeenPhotos, photos: Indices, directions: int) -> Projection:
    """Principal components of the whole photos' features; the positions' own would be those of what lies where.

    Args:
        seen: all photos.
        photos: places of those that are learnt from.
        directions: how many.
    """
    means = seen.maps[photos].astype(np.float32).mean(axis=1)
    parts = PARTS if sum(part[0] for part in PARTS) == means.shape[1] else ((means.shape[1], 1.0, False),)
    standardiser = fit_standardiser(means, parts)
    points = standardiser(means)
    _, sizes, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    count = min(directions, int((sizes > 1e-6 * sizes[0]).sum()))
    # One scale for all, so that the first stay larger than the last ones.
    scale = (len(photos) * count / float((sizes[:count] ** 2).sum())) ** 0.5
    return Projection(standardiser=standardiser, axes=axes[:count].T * scale)
