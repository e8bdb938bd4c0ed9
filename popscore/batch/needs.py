"""What this room needs besides popscore, and the errors of its own."""

import os
from importlib.util import find_spec

from popscore.errors import PopscoreError

INSTALL = 'pip install "popscore[batch]"'


class BatchMissing(PopscoreError, ImportError):
    """Ray or pyarrow, which only batches need, is not installed."""


class BatchRefused(PopscoreError, ValueError):
    """A batch cannot begin: its source, its destination or the two together are not as they must be."""


class StoreFailed(PopscoreError, OSError):
    """A store did not give or take what it was asked for, however often it was asked."""


class ClusterFailed(PopscoreError, OSError):
    """The cluster does not answer, or has stopped in the middle of a run."""


def check_installed() -> None:
    """Look whether everything is installed, without importing it, and keep Ray from telling anybody of its use.

    Raises:
        BatchMissing: something is not.
    """
    missing = [name for name in ("ray", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise BatchMissing(f"Batches need {' and '.join(missing)}, which is not installed. Install with: {INSTALL}")
    # Ray reads these when it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's workers step back 15 of 19 behind everybody by default: on a busy machine a batch would not come to an end.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
