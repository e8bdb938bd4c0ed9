"""The five depth-masked features: what the model sees in a photo of which only what is near, or far, is left.

Source: Ji, Park, Rao & Chen 2023 (ACM MM): depth d in [0, 1]; the masks are lo < d < hi for thirds and halves, and each
masked picture goes through a network of its own, here the embedded model. No depth network can be had from the package
registries, so none ships: a file is named by POPSCORE_DEPTH_MODEL or `--depth`, and without one the features are left
out. Any ONNX network will do that takes float32 (N or 1, 3, rows, columns) and gives one number per pixel: MiDaS, DPT
and Depth Anything are exported like that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from popscore.errors import ModelRefused
from popscore.models import LoadedModel
from popscore.models.network import FLOATS, MAX_MODEL_BYTES, Network
from popscore.models.preprocess import to_input

Floats = NDArray[np.float32]
SETTING = "POPSCORE_DEPTH_MODEL"
RANGES = ((0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0), (0.0, 1 / 2), (1 / 2, 1.0))
MASKS = len(RANGES)
_SIDE = 384  # rows and columns where the network leaves them free; a multiple of 32, as in MiDaS and DPT
_MOST_SIDE = 2048
# Of ImageNet, as the published depth networks were trained with.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class DepthNetwork:
    """A depth network out of an ONNX file.

    Args:
        file: its path.

    Raises:
        ModelRefused: there is no such file, or it is none that takes a photo and gives a number per pixel.
    """

    def __init__(self, file: Path) -> None:
        wanted = "popscore needs float32 [N or 1, 3, rows, columns] in and one number per pixel out"
        try:
            if file.stat().st_size > MAX_MODEL_BYTES:
                raise ModelRefused(f"{file} was refused: it is larger than a model can be. Name another file.")
            content = file.read_bytes()
        except OSError as error:
            raise ModelRefused(f"{file} cannot be read ({error.strerror}). Check {SETTING} or --depth.") from error
        self._network = Network(content, file=file.name)
        if len(self._network.inputs) != 1:
            raise ModelRefused(f"{file.name} was refused: it has {len(self._network.inputs)} inputs; {wanted}.")
        given = self._network.inputs[0]
        if given.kind != FLOATS or len(given.shape) != 4 or given.shape[1] not in (3, None):
            raise ModelRefused(f"{file.name} was refused: its input is {given}; {wanted}.")
        rows, columns = (side or _SIDE for side in given.shape[2:])
        if max(rows, columns) > _MOST_SIDE:
            raise ModelRefused(f"{file.name} was refused: its input is {given}; at most {_MOST_SIDE} to a side.")
        self.file, self._size, self._input = file.name, (columns, rows), given.name

    def depth(self, photo: Image.Image) -> Floats:
        """(rows, columns) from 0 to 1 within the photo; which end is near is the network's own. All 0 where it is flat.

        Raises:
            ModelRefused: it does not give one finite number per pixel.
        """
        pixels = np.asarray(photo.convert("RGB").resize(self._size, Image.Resampling.BICUBIC), np.float32) / 255
        given = np.ascontiguousarray(((pixels - _MEAN) / _STD).transpose(2, 0, 1)[None])  # (1, 3, rows, columns)
        wanted = self._network.outputs[0].name
        found = np.squeeze(np.asarray(self._network.run({self._input: given}, [wanted])[wanted], np.float32))
        if found.ndim != 2 or max(found.shape) > _MOST_SIDE or not np.isfinite(found).all():
            raise ModelRefused(f"{self.file} was refused: it gives {found.shape} for a photo, not a number per pixel.")
        span = float(found.max() - found.min())
        return np.asarray((found - found.min()) / span if span > 0 else np.zeros_like(found), np.float32)


def depth_masks(depth: Floats) -> NDArray[np.bool_]:
    """(5, rows, columns) where depth (rows, columns) lies in each range; 0 and 1 belong to the first and last ones."""
    found = []
    for low, high in RANGES:
        from_low = depth >= low if low == 0 else depth > low
        to_high = depth <= high if high == 1 else depth < high
        found.append(from_low & to_high)
    return np.stack(found)


def depth_features(photo: Image.Image, network: DepthNetwork, model: LoadedModel) -> Floats:
    """(5, C) embeddings of the photo with all but one range of depth painted black.

    Raises:
        ModelRefused: see `DepthNetwork.depth`; or the model has no embedding.
    """
    pixels = np.asarray(photo.convert("RGB"))
    rows = []
    for mask in depth_masks(network.depth(photo)):
        shape = Image.fromarray(mask).resize(photo.size, Image.Resampling.NEAREST)
        masked = Image.fromarray(np.where(np.asarray(shape)[..., None], pixels, 0).astype(np.uint8))
        embedding = model.session.predict(to_input(masked, model.info.spec), embedding=True).embedding
        if embedding is None:
            raise ModelRefused("The model has no output called embedding. Use the embedded one.")
        rows.append(embedding)
    return np.stack(rows).astype(np.float32)
