"""Networks that the package ships are read once, however many threads ask for them at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from popscore.errors import ModelRefused
from popscore.models.shipped import ShippedNetworks


def test_threads_that_ask_together_get_the_same_network() -> None:
    shipped: ShippedNetworks[str] = ShippedNetworks("popscore.people")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(shipped, ["iris"] * 8))
    assert len(set(map(id, found))) == 1
    assert found[0] is not shipped("expression")


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "damaged_installation"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "iris.onnx").write_bytes(b"not a network")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelRefused, match=r"iris\.onnx was refused"):
        ShippedNetworks[str](package.name)("iris")
