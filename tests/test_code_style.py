"""ruff and mypy find nothing, and imports point down."""

import ast
import graphlib
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


def rooms() -> dict[str, set[str]]:
    """Each room of the package, and the rooms it imports. A room is a file or a folder."""
    graph: dict[str, set[str]] = {}
    for file in (ROOT / "popscore").rglob("*.py"):
        reached = {module.split(".")[1] for module in imports(file) if module.startswith("popscore.")}
        graph.setdefault(room(file), set()).update(reached)
    names = set(graph)
    return {name: (reached & names) - {name} for name, reached in graph.items()}


def test_imports_go_round_in_no_circle() -> None:
    graphlib.TopologicalSorter(rooms()).prepare()  # raises CycleError and names the circle


def test_the_doors_are_imported_by_nobody_below() -> None:
    for name, reached in rooms().items():
        if not name.startswith(("cli", "__main__")):
            assert not {door for door in reached if door.startswith(("cli", "ui"))} or name == "ui", name
            assert "training" not in reached or name == "training", name


def test_the_ground_floor_stands_on_nothing() -> None:
    graph = rooms()
    assert graph["errors"] == graph["scale"] == set()
    assert graph["settings"] <= {"errors"}
    assert graph["models"] <= {"errors", "scale", "settings"}


def test_heavy_libraries_stay_in_their_rooms() -> None:
    homes = {"gradio": "ui", "torch": "training", "huggingface_hub": "models", "av": "video"}
    for file in (ROOT / "popscore").rglob("*.py"):
        for library, home in homes.items():
            used = any(module.split(".")[0] == library for module in imports(file))
            assert not used or room(file) in (home, "training"), f"{file} imports {library}"
