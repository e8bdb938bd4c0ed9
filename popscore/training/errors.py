"""What can go wrong when a model is converted or published. Imports neither torch nor onnx."""

from __future__ import annotations

import importlib.util

from popscore.errors import PopscoreError

INSTALL = 'pip install "popscore[train]"'


class ConversionRefused(PopscoreError, ValueError):
    """The weights are not those of a network that popscore converts, or the result is not good enough."""


class ToolMissing(PopscoreError, ImportError):
    """A package that only converting and training need is not installed."""


def require(*packages: str, purpose: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        ToolMissing: one is not; the message gives the line that installs them.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ToolMissing(
            f"{purpose} needs {' and '.join(missing)}, which {verb} not installed. Scoring does not need it. "
            f'Run: {INSTALL} (in a checkout: pip install ".[train]"), then the command again.'
        )
