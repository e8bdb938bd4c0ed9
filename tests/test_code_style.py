"""ruff and mypy find nothing."""

import subprocess
import sys

import pytest
from commands import ROOT

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])


@pytest.mark.parametrize("check", CHECKS, ids=" ".join)
def test_check_is_clean(check: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
