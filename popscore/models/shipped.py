"""Small networks that the package ships: each is read when it is first needed, and shared by all threads."""

import threading
from importlib.resources import files
from typing import Generic, TypeVar

from popscore.models.network import Network

Name = TypeVar("Name", bound=str)


class ShippedNetworks(Generic[Name]):
    """The networks of one package, by name: `NAME.onnx` in its folder `models`.

    Args:
        package: whose folder it is, such as `popscore.people`.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._open: dict[Name, Network] = {}
        self._lock = threading.Lock()

    def __call__(self, name: Name) -> Network:
        """The network of this name; threads that come while it is loaded wait for it.

        Raises:
            ModelRefused: the file of the installation is damaged.
        """
        found = self._open.get(name)
        if found is None:
            with self._lock:
                found = self._open.get(name)
                if found is None:
                    content = (files(self._package) / "models" / f"{name}.onnx").read_bytes()
                    found = self._open[name] = Network(content, file=f"{name}.onnx")
        return found
