"""From an upright RGB photo to a model's input: a pure function of pixels and ModelSpec."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.models.spec import ModelSpec

Input = npt.NDArray[np.float32]


def to_input(photo: Image.Image, spec: ModelSpec) -> Input:
    """Make the model's input from one photo.

    Resizing is bilinear with antialiasing, as torchvision does on PIL images.

    Args:
        photo: upright, mode RGB, any size.

    Returns:
        (1, 3, H, W) float32, channels R, G, B.

    Raises:
        ValueError: the photo is not RGB.
    """
    if photo.mode != "RGB":
        raise ValueError(f"the photo must be RGB, not {photo.mode}")
    height, width = spec.input_size
    resized = photo.resize((width, height), Image.Resampling.BILINEAR, box=_source_box(photo.size, spec))
    pixels = np.asarray(resized, dtype=np.float32)  # (H, W, 3), 0-255
    pixels /= np.float32(255)
    pixels -= np.asarray(spec.mean, dtype=np.float32)
    pixels /= np.asarray(spec.std, dtype=np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])


def _source_box(size: tuple[int, int], spec: ModelSpec) -> tuple[float, float, float, float]:
    """The part of the photo that becomes the input: left, top, right, bottom in pixels."""
    width, height = size
    if spec.resize == "squash":
        return 0, 0, width, height
    # Cutting the centre before the resize gives the same picture as after it, with less work.
    target_height, target_width = spec.input_size
    scale = min(width / target_width, height / target_height)
    cut_width, cut_height = target_width * scale, target_height * scale
    left, top = (width - cut_width) / 2, (height - cut_height) / 2
    return left, top, left + cut_width, top + cut_height
