"""ruff and mypy find nothing."""

import subprocess
import sys

import pytest
from commands import ROOT

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."])


# A minute of one CPU on a machine that has not seen the code before.
@pytest.mark.parametrize("check", [*CHECKS, pytest.param(["mypy"], marks=pytest.mark.slow)], ids=" ".join)
def test_check_is_clean(check: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_test_depends_on_which_ran_before() -> None:
    """A browser leaves a running event loop in the thread of the tests: `own_loop` has a thread of its own."""
    calls = ("asyncio" + ".run(", "anyio" + ".run(")
    files = [file for file in (ROOT / "tests").rglob("*.py") if file.name not in {"own_loop.py", "test_code_style.py"}]
    assert [file.name for file in files if any(call in file.read_text(encoding="utf-8") for call in calls)] == []
