"""The networks that see a person's pose and outline, read from the package when they are first needed.

Where they come from, under which licence: `popscore/personal/models/NOTICE`. `popscore/training/personal/` makes them.
"""

from __future__ import annotations

import threading
from importlib.resources import files
from typing import Literal

from popscore.models.network import Network

Name = Literal["pose", "person_mask"]

_open: dict[Name, Network] = {}
_lock = threading.Lock()


def network(name: Name) -> Network:
    """The network of this name; threads that come while it is loaded wait for it.

    Raises:
        ModelRefused: the file of the installation is damaged.
    """
    found = _open.get(name)
    if found is None:
        with _lock:
            found = _open.get(name)
            if found is None:
                content = (files("popscore.personal") / "models" / f"{name}.onnx").read_bytes()
                found = _open[name] = Network(content, file=f"{name}.onnx")
    return found
