"""ruff and mypy find nothing, and imports point down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CHECKS = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])


@pytest.mark.parametrize("check", CHECKS, ids=" ".join)
def test_check_is_clean(check: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


# Who may import whom: each room may import those after it, never those before it.
ROOMS = ("ui", "cli", "words", "scoring", "results", "models", "images", "scale", "settings", "errors")


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return found


def room(file: Path) -> str:
    return file.relative_to(ROOT / "popscore").parts[0].removesuffix(".py")


@pytest.mark.parametrize("name", ROOMS)
def test_imports_point_down(name: str) -> None:
    above = ROOMS[: ROOMS.index(name)]
    # The command line opens the app on request; nothing else looks up.
    allowed = {("cli", "ui")}
    for file in (ROOT / "popscore").rglob("*.py"):
        if room(file) == name:
            for module in imports(file):
                reached = module.split(".")[1] if module.startswith("popscore.") else ""
                assert reached not in above or (name, reached) in allowed, f"{file} imports {module}"


def test_heavy_libraries_stay_in_their_rooms() -> None:
    homes = {"gradio": "ui", "torch": "training", "huggingface_hub": "models"}
    for file in (ROOT / "popscore").rglob("*.py"):
        for library, home in homes.items():
            used = any(module.split(".")[0] == library for module in imports(file))
            assert not used or room(file) in (home, "training"), f"{file} imports {library}"
