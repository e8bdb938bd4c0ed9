"""The networks that see people: each is read from the package when it is first needed, and shared by all threads.

Where they come from, under which licence: `popscore/people/models/NOTICE`. `popscore/training/people/` makes them.
"""

import threading
from importlib.resources import files
from typing import Literal

from popscore.models.network import Network

Name = Literal["face_detector", "small_face_detector", "face_mesh", "iris"]

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
                content = (files("popscore.people") / "models" / f"{name}.onnx").read_bytes()
                found = _open[name] = Network(content, file=f"{name}.onnx")
    return found
