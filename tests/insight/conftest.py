"""The embedded model, loaded once."""

import pytest

import popscore
from popscore.settings import Settings


@pytest.fixture(scope="session")
def scorer() -> popscore.Scorer:
    return popscore.load_scorer(Settings())
