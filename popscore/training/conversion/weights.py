"""Reads the weights of a ResNet-50 from a PyTorch file, without running code from it."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from popscore.models.network import MAX_MODEL_BYTES
from popscore.training.conversion.pickles import MAX_PICKLE_BYTES, Foreign, TooMuch, look_through
from popscore.training.conversion.resnet50 import ResNet50
from popscore.training.errors import ConversionRefused

Weights = dict[str, NDArray[np.float32]]

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_COUNTER = "num_batches_tracked"  # files of PyTorch before 0.4.1 have none, and no score depends on it
_MAX_WRAPPED = 4  # a name may say `module.` a million times
_SHOWN = 3  # layers to name per kind of difference
_GLOBAL = re.compile(r"(?:GLOBAL|Unsupported (?:global|class)[: ]+(?:GLOBAL )?)\s*`?([\w.]+)")


def read_weights(content: bytes, *, file: str) -> Weights:
    """The weights of a ResNet-50 with one output.

    The state dict may be wrapped (`state_dict`, `model`), its names may begin with `module.`, and its numbers may be
    16, 32 or 64 bits wide. Only tensors and plain containers are read (`weights_only`); a pickle that asks for
    anything else is refused before it does anything.

    Args:
        content: the whole file.
        file: its name, for messages.

    Returns:
        float32 arrays by torchvision's names, without the batch counters.

    Raises:
        ConversionRefused: the file is damaged, wants to run code, or is another network; the message names the layers.
    """
    tensors = _state_dict(_load(content, file), file)
    _compare_layers(tensors, file)
    return {name: _as_array(tensor, name, file) for name, tensor in tensors.items() if not name.endswith(_COUNTER)}


def torch_network(weights: Weights) -> ResNet50:
    """The network in torch, which is what the converted file is compared with."""
    net = ResNet50()
    counters = {name: value for name, value in net.state_dict().items() if name.endswith(_COUNTER)}
    net.load_state_dict({**counters, **{name: torch.from_numpy(value) for name, value in weights.items()}})
    net.eval()
    return net


def _load(content: bytes, file: str) -> Any:
    _look_through(content, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch thinks of odd files is said in one sentence below
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # Whatever a hostile or damaged file makes torch's reader stumble over, the file is refused.
    except Exception as error:
        wanted = _GLOBAL.search(str(error))
        if wanted or "weights_only" in str(error).lower() or "Weights only load failed" in str(error):
            raise _more_than_weights(file, wanted[1] if wanted else "") from error
        raise _damaged(file) from error


def _look_through(content: bytes, file: str) -> None:
    """Refuse what would keep torch busy for ever, see `pickles`."""
    try:
        if content[:4] == b"PK\x03\x04":
            pickle, unpacked = _check_archive(content, file)
            look_through(pickle, data_bytes=unpacked)
        else:  # a magic number, a version, a system, the weights, and the names of the storages that follow
            look_through(content, data_bytes=len(content), pickles=5)
    except ConversionRefused:
        raise
    except TooMuch as error:
        raise ConversionRefused(
            f"{file} was refused: it holds {error}, which no weights need. Download or copy it again, or "
            "have its author save the weights alone: torch.save(model.state_dict(), file)."
        ) from error
    except Foreign as error:
        raise _more_than_weights(file, str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(file) from error


def _more_than_weights(file: str, wanted: str) -> ConversionRefused:
    what = f" ({_short(wanted)})" if wanted else ""
    return ConversionRefused(
        f"{file} was refused: it is more than weights, reading it would run code{what}. Nothing was run. "
        "Have its author save the weights alone: torch.save(model.state_dict(), file)."
    )


# Beside BadZipFile, zipfile raises these for what it does not know, what is locked, and what runs out of the file.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
    struct.error,
)


def _check_archive(content: bytes, file: str) -> tuple[bytes, int]:
    """Refuse archives that unpack to more than the limit, and programs.

    Returns:
        The pickle, and bytes of all members.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except _ARCHIVE_ERRORS as error:
        raise _damaged(file) from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_MODEL_BYTES:
        raise ConversionRefused(
            f"{file} was refused: it unpacks to {unpacked / 1e6:.0f} MB, more than {MAX_MODEL_BYTES / 1e6:.0f} MB. "
            "Save the weights alone: torch.save(model.state_dict(), file)."
        )
    if any("/code/" in member.filename or member.filename.endswith("/constants.pkl") for member in members):
        raise ConversionRefused(
            f"{file} was refused: it is a TorchScript program, not weights. "
            "Save the weights alone: torch.save(model.state_dict(), file)."
        )
    # torch reads archives with another program, which must not find another pickle than the one that was looked at.
    names = [member.filename.lower() for member in members]
    if len(set(names)) != len(names) or min((member.header_offset for member in members), default=1) != 0:
        raise _damaged(file)
    wanted = f"{members[0].filename.partition('/')[0]}/data.pkl"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(wanted) as member:
            found = member.read(MAX_PICKLE_BYTES + 1)
    except (KeyError, *_ARCHIVE_ERRORS) as error:
        raise _damaged(file) from error
    if len(found) > MAX_PICKLE_BYTES:
        raise TooMuch(f"more than {MAX_PICKLE_BYTES / 1e6:.0f} MB of names")
    return found, unpacked


def _damaged(file: str) -> ConversionRefused:
    return ConversionRefused(
        f"{file} was refused: it is damaged or not complete; PyTorch cannot read it. Download or copy it again."
    )


def _state_dict(loaded: object, file: str) -> dict[str, torch.Tensor]:
    for _ in range(len(_WRAPPERS)):
        if isinstance(loaded, Mapping):
            inner = next((loaded[key] for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
            loaded = loaded if inner is None else inner
    if not isinstance(loaded, Mapping) or not loaded:
        raise ConversionRefused(
            f"{file} was refused: it holds no weights by name (it is a {type(loaded).__name__}). "
            "Save them with torch.save(model.state_dict(), file)."
        )
    tensors = {str(name): value for name, value in loaded.items()}
    for _ in range(_MAX_WRAPPED):
        if all(name.startswith("module.") for name in tensors):  # left by DataParallel
            tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def _compare_layers(tensors: Mapping[str, object], file: str) -> None:
    """Refuse another network, and say where it differs."""
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in ResNet50().state_dict().items()}
    found = {name: tuple(value.shape) if isinstance(value, torch.Tensor) else None for name, value in tensors.items()}
    missing = [name for name in wanted if name not in found and not name.endswith(_COUNTER)]
    unknown = [name for name in found if name not in wanted]
    other = [
        f"{_short(name)} is {_shape(found[name])}, not {_shape(wanted[name])}"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    parts = [
        f"{kind} ({len(names)}): {', '.join(map(_short, names[:_SHOWN]))}{', …' if len(names) > _SHOWN else ''}"
        for kind, names in (("missing", missing), ("unknown", unknown), ("of another shape", other))
        if names
    ]
    if parts:
        raise ConversionRefused(
            f"{file} was refused: its layers are not those of a ResNet-50 with one output. {'; '.join(parts)}. "
            "Use the I2PA authors' weights, or a ResNet-50 whose last layer is fc, 2048 to 1."
        )


def _as_array(tensor: torch.Tensor, name: str, file: str) -> NDArray[np.float32]:
    if tensor.layout != torch.strided or tensor.is_quantized or not tensor.is_floating_point():
        raise ConversionRefused(
            f"{file} was refused: {name} holds {tensor.dtype} and not plain floating point numbers."
        )
    array: NDArray[np.float32] = tensor.detach().to(torch.float32).contiguous().numpy()
    usable = bool(np.isfinite(array).all()) and not (name.endswith("running_var") and float(array.min()) < 0)
    if not usable:
        raise ConversionRefused(
            f"{file} was refused: {name} holds values that are no weights (not a number, infinite or, "
            "for a variance, below 0). The file is damaged, or its training failed."
        )
    return array


def _short(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= 80 else f"{printable[:79]}…"


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "no tensor"
    return " x ".join(map(str, shape)) or "one number"


def torch_scores(weights: Weights, photos: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """(P,) scores that torch gives to inputs (1, 3, 224, 224)."""
    net = torch_network(weights)
    with torch.inference_mode():
        return np.array([float(net(torch.from_numpy(photo))[0, 0]) for photo in photos])
