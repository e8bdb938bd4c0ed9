"""The state of a training run in one file, written whole or not at all."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from popscore.files.atomic import replacing
from popscore.training.run_folder import RunRefused

CHECKPOINT = "checkpoint.pt"


def keep(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain containers; on a full disk the file that was there before stays.

    Raises:
        ExportFailed: the file cannot be written.
    """
    content = io.BytesIO()
    torch.save(state, content)
    with replacing(path) as file:
        file.write(content.getbuffer())


@contextmanager
def kept(path: Path) -> Iterator[Any]:
    """What `keep` wrote, on the CPU. Whoever takes something from it that is not there does so inside the `with`.

    Raises:
        RunRefused: the file is damaged, or of another run.
    """
    try:
        yield torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise RunRefused(
            f"The checkpoint {path} cannot be used: it is damaged or of another run. Remove it to begin anew."
        ) from error
