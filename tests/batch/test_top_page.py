"""What docs say about the best of a batch: each command and each line of Python runs."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from destinations import Line, write

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
pytestmark = pytest.mark.batch

PAGES = [ROOT / "docs" / name for name in ("batch-top.part.md", "batch.md")]
TEXT = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.is_file())
SNIPPETS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page has made before: scores of photos, and of posts with their users."""
    write(tmp_path / "scores", [Line(f"{number:03}.jpg", number / 50) for number in range(150)])
    posts = [Line(str(number), number / 50, f"user {number % 5}") for number in range(50)]
    write(tmp_path / "post_scores", posts, signature=None)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def execute(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_run(folder: Path) -> None:
    commands = [text for kind, text in SNIPPETS if kind == "bash" and "batch-top" in text]
    one, per_user = (execute(folder, "sh", "-e", "-c", text) for text in commands)
    assert one == "" and len(list(csv.reader((folder / "best.csv").open(encoding="utf-8")))) == 101
    assert len(json.loads(per_user)["results"]) == 15


def test_the_python_runs(folder: Path) -> None:
    (code,) = [text for kind, text in SNIPPETS if kind == "python" and "batch_top" in text]
    assert execute(folder, sys.executable, "-c", code).splitlines()[0] == "1 149.jpg 2.98"


def test_every_option_is_on_the_page() -> None:
    options = set(
        re.findall(r'"(--[a-z-]+)"', (ROOT / "popscore" / "cli" / "batch_top.py").read_text(encoding="utf-8"))
    )
    assert {option for option in options if option not in TEXT} <= {"--fold"}  # what is usual needs no words
