"""What docs say about the best of a batch: each command and each line of Python runs."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest
from commands import ROOT
from destinations import Line, write
from pages import DocumentationPage, add_python, execute, type_in

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")
pytestmark = pytest.mark.batch

PAGE = DocumentationPage.read("docs", "batch.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page has made before: scores of photos, and of posts with their users."""
    write(tmp_path / "scores", [Line(f"{number:03}.jpg", number / 50) for number in range(150)])
    posts = [Line(str(number), number / 50, f"user {number % 5}") for number in range(50)]
    write(tmp_path / "post_scores", posts, signature=None)
    add_python(tmp_path)
    return tmp_path


def test_the_commands_run(folder: Path) -> None:
    one, per_user = (type_in(folder, text) for text in PAGE.commands() if "batch-top" in text)
    assert one == "" and len(list(csv.reader((folder / "best.csv").open(encoding="utf-8")))) == 101
    assert len(json.loads(per_user)["results"]) == 15


def test_the_python_runs(folder: Path) -> None:
    code = PAGE.snippet("python", "batch_top")
    assert execute(folder, sys.executable, "-c", code).splitlines()[0] == "1 149.jpg 2.98"


def test_every_option_is_on_the_page() -> None:
    options = set(
        re.findall(r'"(--[a-z-]+)"', (ROOT / "popscore" / "cli" / "batch_top.py").read_text(encoding="utf-8"))
    )
    assert {option for option in options if option not in PAGE} <= {"--fold"}  # what is usual needs no words
