"""What the ranker is given: photos as tensors, and what a frozen backbone says of them, computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from popscore.models.spec import ModelSpec
from popscore.training.i2pa.photos import Photos
from popscore.training.shards import Shards, Told, prepare

Indices = NDArray[np.intp]
_AT_ONCE = 32


class Inputs:
    """The photos of a run on the device that computes."""

    def __init__(self, photos: Photos, spec: ModelSpec, device: torch.device) -> None:
        self._photos, self._device = photos, device
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=device).reshape(1, 3, 1, 1)
            for values in (spec.mean, spec.std)
        )
        self._features: Shards | None = None

    def pixels(
        self,
        chosen: Indices,
        *,
        mirrored: NDArray[np.bool_] | None = None,
        corners: NDArray[np.float64] | None = None,
    ) -> Tensor:
        """(n, 3, H, W) normalised, as `preprocess.to_input` does it.

        Args:
            chosen: (n,) indices of photos.
            mirrored: (n,) which are mirrored.
            corners: (n, 2) where the part of 7/8 lies that is seen; None for all of each photo.
        """
        pixels = self._photos.pixels(chosen) if corners is None else self._photos.parts(chosen, corners)
        if mirrored is not None:
            pixels = np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)  # (n, H, W, 3) uint8
        return (x.permute(0, 3, 1, 2).float() / 255 - self._mean) / self._std

    def keep_features(self, trunk: Any, channels: int, folder: Path, *, mirror: bool, told: Told | None = None) -> None:
        """Compute what the backbone says of all photos, but for what an earlier run has computed.

        Args:
            trunk: (n, 3, H, W) -> (n, C); it is left in the state for scoring.
            channels: C.
            folder: for the shards.
            mirror: of mirrored photos too.

        Raises:
            ExportFailed: the shards cannot be written.
        """
        views = ("plain", "mirrored") if mirror else ("plain",)
        kind = np.dtype([(view, "f4", (channels,)) for view in views])
        trunk.eval()

        def make(part: Sequence[int]) -> Iterator[NDArray[Any]]:
            for start in range(0, len(part), _AT_ONCE):
                chosen = np.array(part[start : start + _AT_ONCE], np.intp)
                records = np.zeros(len(chosen), kind)
                with torch.inference_mode():
                    for view in views:
                        mirrored = np.full(len(chosen), view == "mirrored")
                        records[view] = trunk(self.pixels(chosen, mirrored=mirrored)).cpu().numpy()
                yield from (records[place] for place in range(len(records)))

        self._features = prepare(range(len(self._photos.states)), folder, kind, make, told=told)

    def features(self, chosen: Indices, *, mirrored: NDArray[np.bool_] | None = None) -> Tensor:
        """(n, C) what the frozen backbone says of photos; `keep_features` comes first."""
        if self._features is None:
            raise RuntimeError("keep_features was not called")
        found = self._features.some("plain", chosen)
        if mirrored is not None:
            found = np.where(mirrored[:, None], self._features.some("mirrored", chosen), found)
        return torch.from_numpy(np.ascontiguousarray(found)).to(self._device)
