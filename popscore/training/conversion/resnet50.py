"""ResNet-50 with one output, written so that torchvision's state dicts fit by name and shape.

Source: He et al. 2016, with the stride of a stage on its first 3x3 convolution, as in torchvision ("v1.5"). The last
layer is 2048 -> 1, as in Ding, Ma & Wang 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from popscore.training.conversion.resnet50_shape import CHANNELS, EXPANSION, STAGES, STEM


class Bottleneck(nn.Module):  # type: ignore[misc, unused-ignore]
    """1x1, 3x3 and 1x1 convolution around a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, S, S) -> (N, 4 * width, S / stride, S / stride)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):  # type: ignore[misc, unused-ignore]
    """Score of a photo: (N, 3, 224, 224) -> (N, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        inputs = STEM
        for number, (width, blocks, stride) in enumerate(STAGES, start=1):
            first = Bottleneck(inputs, width, stride)
            inputs = EXPANSION * width
            others = [Bottleneck(inputs, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *others))
        self.fc = nn.Linear(CHANNELS, 1)

    def features(self, x: Tensor) -> Tensor:  # (N, 3, 224, 224) -> (N, 2048, 7, 7)
        """The last feature map."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> (N, 1)."""
        y: Tensor = self.fc(self.features(x).mean((2, 3)))
        return y
