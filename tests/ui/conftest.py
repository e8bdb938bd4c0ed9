"""What the tests of the app share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from popscore.settings import Settings
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_folder import OwnFolder
from popscore.ui.kit.visits import Visits


@pytest.fixture(scope="module")
def door() -> Iterator[ModelDoor]:
    """The embedded model, loaded, with its workers."""
    door = ModelDoor(Settings())
    door.scorer()
    yield door
    door.readers.close()


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visits]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    visits = Visits(OwnFolder())
    yield visits
    visits.close()
