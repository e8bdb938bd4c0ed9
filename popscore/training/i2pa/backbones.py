"""Networks by name, without their last layer: those of torchvision and timm, and the ones that popscore rebuilds.

torchvision, timm and the packages with popscore's weights are imported only when one of their networks is asked for.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from popscore.foreign_text import shortened
from popscore.models.spec import Triple
from popscore.training.appeal.backbones import LITE2, NIMA, Backbone, Block, Conv, load_lite2, load_nima
from popscore.training.errors import ToolMissing
from popscore.training.run_folder import RunRefused

_IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
FROZEN = ("lite2", "nima", "lite2+nima")
"""Networks that popscore rebuilds from the weight files of registry packages, see `appeal.backbones`."""
_SMALL = (16, 32, 64, 128)  # channels
_SIDE_PX = 240  # of these: the embedded model's, see LOG.md; both grids end as 8 x 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Trunk:
    """A backbone.

    Attributes:
        network: (N, 3, H, W) -> (N, C) features.
        channels: C.
        mean, std: of its input, per channel.
        origin: what it is and where its weights come from, for the model's metadata.
    """

    network: Any
    channels: int
    mean: Triple
    std: Triple
    origin: str


def build(name: str, *, weights: str | Path, side: int) -> Trunk:
    """A backbone by name, with weights.

    Args:
        name: `small` for four convolutions from nothing; `lite2`, `nima` or `lite2+nima`; `torchvision:NAME`,
            `timm:NAME`, or a NAME that is looked for in torchvision, then in timm. `resnet50` needs neither, unless
            its weights are `imagenet`.
        weights: `imagenet` for what the library brings, `none` for random ones, or a file of a state dict.
        side: of the input, with which the network is tried once.

    Raises:
        ToolMissing: the library is not installed; the message has the line that installs it.
        BackboneUnavailable: the package with the weights is not installed, or has other ones.
        RunRefused: there is no such network, its weights do not fit, or it does not end in a linear layer.
    """
    if name == "small":
        return _small(weights)
    if name in FROZEN:
        if weights != "imagenet":
            raise RunRefused(f"{name} has its own weights. Leave out --weights.")
        return _rebuilt(name)
    library, _, short = name.rpartition(":")
    short = short or name
    wanted = weights == "imagenet"
    if library not in ("", "torchvision", "timm"):
        raise RunRefused(f"There is no library {shortened(library)}. Write torchvision:NAME or timm:NAME.")
    if name == "resnet50" and not wanted:
        from popscore.training.conversion.resnet50 import ResNet50

        network, origin, (mean, std) = ResNet50(), "ResNet-50", _IMAGENET
    elif library != "timm" and (library or not _installed("timm") or _in_torchvision(short)):
        network, origin, (mean, std) = _from_torchvision(short, pretrained=wanted), f"torchvision {short}", _IMAGENET
    else:
        network, mean, std = _from_timm(short, pretrained=wanted)
        origin = f"timm {short}"
    if isinstance(weights, Path):
        _load(network, weights)
        origin += f", weights of {shortened(weights.name)}"
    _without_last(network, name)
    network.eval()
    with torch.inference_mode():
        found = network(torch.zeros(1, 3, side, side))
    if not isinstance(found, Tensor) or found.ndim != 2:
        raise RunRefused(
            f"{shortened(name)} does not end in a linear layer on one row of numbers. Choose another --backbone."
        )
    return Trunk(
        network=network,
        channels=found.shape[1],
        mean=mean,
        std=std,
        origin=f"{origin} ({weights if wanted else 'own weights'})",
    )


# --- libraries ----------------------------------------------------------------------------------------


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _library(package: str, name: str) -> Any:
    if not _installed(package):
        raise ToolMissing(
            f"The backbone {shortened(name)} needs {package}, which is not installed. Run: pip install {package}"
        )
    return importlib.import_module(package)


def _in_torchvision(name: str) -> bool:
    return _installed("torchvision") and name in _library("torchvision.models", name).list_models()


def _from_torchvision(name: str, *, pretrained: bool) -> Any:
    models = _library("torchvision", name).models
    if name not in models.list_models(module=models):
        raise RunRefused(
            f"torchvision has no network {shortened(name)}. Some that it has: "
            f"{', '.join(models.list_models(module=models)[:8])}"
        )
    chosen = None
    if pretrained:
        there = models.get_model_weights(name)
        # The first ones, as the paper had them; later recipes of training are called _V2.
        chosen = getattr(there, "IMAGENET1K_V1", None) or there.DEFAULT
    return _fetched(lambda: models.get_model(name, weights=chosen), name)


def _from_timm(name: str, *, pretrained: bool) -> tuple[Any, Triple, Triple]:
    timm = _library("timm", name)
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name[:12]}*")[:8]) or "see timm.list_models()"
        raise RunRefused(f"timm has no network {shortened(name)}. Near it: {near}")
    network = _fetched(lambda: timm.create_model(name, pretrained=pretrained), name)
    config = network.pretrained_cfg
    return network, tuple(config["mean"]), tuple(config["std"])


def _fetched(make: Callable[[], Any], name: str) -> Any:
    try:
        return make()
    except (OSError, RuntimeError, ValueError) as error:  # the library downloads its weights
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunRefused(
            f"The weights of {shortened(name)} could not be had: {shortened(reason)}. Check the connection, or name a "
            "file with them: --weights FILE.pth"
        ) from error


def _load(network: Any, path: Path) -> None:
    """Load a state dict, without its last layer if that has another size."""
    import pickle

    file = shortened(path.name)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        own = network.state_dict()
        fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
        network.load_state_dict(fitting, strict=False)
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise RunRefused(
            f"{file} holds no weights that can be read. Save them with torch.save(model.state_dict(), file)."
        ) from error
    missing = [key for key in own if key not in fitting and not key.endswith("num_batches_tracked")]
    if len(missing) > 2:  # weight and bias of the last layer, which is replaced
        raise RunRefused(
            f"{file} has not the weights of this network: {len(missing)} of {len(own)} are missing or of another "
            f"shape, such as {shortened(missing[0])}. Name the network that they belong to: --backbone NAME"
        )


def _without_last(network: Any, name: str) -> None:
    """Take the last linear layer away."""
    linear = [key for key, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise RunRefused(f"{shortened(name)} has no linear layer at its end. Choose another --backbone.")
    above, _, last = linear[-1].rpartition(".")
    setattr(network.get_submodule(above), last, nn.Identity())


# --- popscore's own -----------------------------------------------------------------------------------


class Convolution(nn.Module):  # type: ignore[misc, unused-ignore]
    """A convolution of `appeal.backbones` in torch."""

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(conv.weight.copy()))  # (C', C / groups, k, k)
        self.bias = nn.Parameter(torch.from_numpy(conv.bias.copy()))  # (C',)
        self._conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        before, after = self._conv.pads(int(x.shape[-1]))
        if before != after:
            x = nn.functional.pad(x, (before, after, before, after))
            before = 0
        x = nn.functional.conv2d(x, self.weight, self.bias, self._conv.stride, padding=before, groups=self._conv.groups)
        return nn.functional.relu6(x) if self._conv.relu else x


class Chain(nn.Module):  # type: ignore[misc, unused-ignore]
    """Blocks one after the other; the answer holds what some of them say, side by side.

    Args:
        kept: numbers of these blocks, whose maps are of one size.
    """

    def __init__(self, blocks: Sequence[Block], kept: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(*map(Convolution, block.convolutions)) for block in blocks)
        self._residual = [block.residual for block in blocks]
        self._kept = set(kept)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, H / 32, W / 32)."""
        found = []
        for number, (block, residual) in enumerate(zip(self.blocks, self._residual, strict=True)):
            x = x + block(x) if residual else block(x)
            if number in self._kept:
                found.append(x)
        return torch.cat(found, 1)


class Pooled(nn.Module):  # type: ignore[misc, unused-ignore]
    """Several chains on one input, and the means of their maps over all positions."""

    def __init__(self, chains: Sequence[tuple[Chain, Backbone]]) -> None:
        super().__init__()
        self.chains = nn.ModuleList(chain for chain, _ in chains)
        first = chains[0][1]
        # Each network has its own mean and deviation; the input has those of the first.
        self._scales = [(first.std / own.std, (first.mean - own.mean) / own.std) for _, own in chains]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C)."""
        maps = [
            chain(x if scale == (1.0, 0.0) else x * scale[0] + scale[1])
            for chain, scale in zip(self.chains, self._scales, strict=True)
        ]
        return torch.flatten(nn.functional.adaptive_avg_pool2d(torch.cat(maps, 1), 1), 1)


def _rebuilt(name: str) -> Trunk:
    known = {"lite2": (LITE2, load_lite2, (20, 21, 22)), "nima": (NIMA, load_nima, (24, 26))}
    chains, origins = [], []
    for part in name.split("+"):
        backbone, load, kept = known[part]
        chains.append((Chain(load(), kept), backbone))
        origins.append(f"{backbone.name} ({backbone.requirement}; weights: {backbone.licence})")
    network = Pooled(chains).eval()
    with torch.inference_mode():
        channels = network(torch.zeros(1, 3, _SIDE_PX, _SIDE_PX)).shape[1]
    first = chains[0][1]
    return Trunk(
        network=network, channels=channels, mean=(first.mean,) * 3, std=(first.std,) * 3, origin=" and ".join(origins)
    )


def _small(weights: str | Path) -> Trunk:
    """To try things out: learns colours and simple shapes within seconds."""
    if isinstance(weights, Path):
        raise RunRefused("The small network begins with random weights. Leave out --weights.")
    layers: list[nn.Module] = []
    for inputs, outputs in zip((3, *_SMALL), _SMALL, strict=False):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    mean, std = _IMAGENET
    return Trunk(network=network, channels=_SMALL[-1], mean=mean, std=std, origin="four convolutions, from nothing")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file of weights.

    Raises:
        RunRefused: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunRefused(f"{shortened(path.name or str(path))} cannot be read: {reason}. Check --weights.") from error
