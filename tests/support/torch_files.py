"""A ResNet-50 with random weights in torch, the stand-in for weights that cannot be had here. Needs torch."""

import torch
from torch import nn

from popscore.training.conversion.resnet50 import ResNet50
from popscore.training.conversion.resnet50_shape import CHANNELS


def random_resnet50(seed: int = 0) -> ResNet50:
    """A network with random weights whose scores differ from photo to photo: a stand-in for the authors' weights.

    He initialisation with the last normalisation of each block at 0.3 keeps the sum of 16 blocks in range; running
    statistics that are not 0 and 1 make a mistake in the handling of batch normalisation show.
    """
    generator = torch.Generator().manual_seed(seed)
    net = ResNet50()
    with torch.no_grad():
        for name, module in net.named_modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                gain = 0.3 if name.endswith("bn3") else 1.0
                module.weight.uniform_(0.8 * gain, 1.2 * gain, generator=generator)
                module.bias.normal_(0, 0.05, generator=generator)
                module.running_mean.normal_(0, 0.05, generator=generator)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
        net.fc.weight.normal_(0, (1 / CHANNELS) ** 0.5, generator=generator)
        net.fc.bias.fill_(2.5)
    return net.eval()
