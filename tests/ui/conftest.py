"""What the tests of the app share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from popscore.ui.kit.own_folder import OwnFolder
from popscore.ui.kit.visits import Visits


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visits]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    visits = Visits(OwnFolder())
    yield visits
    visits.close()
