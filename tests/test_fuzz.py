"""Damaged files of every format are read, or refused in words; the same ones in each run. More of them: tests/fuzz/."""

import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment


@pytest.mark.parametrize(("group", "seeds"), [("photos", 800), ("videos", 600)])
@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path, group: str, seeds: int) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.readers",
        group,
        "--seeds",
        str(seeds),
        "--save",
        str(tmp_path / "found"),
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{seeds} files in" in done.stdout and "0 findings" in done.stdout
