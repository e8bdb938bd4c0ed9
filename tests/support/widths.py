"""At which widths a test of the page runs: by default at both, and where the width hardly matters at one of them."""

import pytest

DESKTOP_FIRST = pytest.mark.parametrize("size", ["desktop", pytest.param("phone", marks=pytest.mark.slow)])
"""At 1400 pixels; with the slow tests at 390 too."""

PHONE_FIRST = pytest.mark.parametrize("size", ["phone", pytest.param("desktop", marks=pytest.mark.slow)])
"""At 390 pixels; with the slow tests at 1400 too."""
