"""The map in the README is true: every file has its place in it, imports point down, nothing goes in a circle."""

import ast
import graphlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from commands import ROOT

PACKAGE = ROOT / "popscore"
# Libraries, and the only rooms that import them.
HOMES = {
    "gradio": "popscore/ui",
    "torch": "popscore/training",
    "onnx": "popscore/training",
    "huggingface_hub": "popscore/models/hub",
    "onnxruntime": "popscore/models",
    "av": "popscore/video/decoding",
    "pyarrow": "popscore/posts popscore/batch",
    "ray": "popscore/batch",
    "duckdb": "popscore/batch",
    "rustworkx": "popscore/posts",
    "sqlite3": "popscore/files popscore/scoring popscore/study popscore/personal",
}
MOST_ROOT_FILES = 12


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def imports(file: Path) -> frozenset[str]:
    """Modules that a file imports anywhere, also inside functions and for types only."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    return frozenset(found)


def file_of(module: str) -> Path | None:
    """The file of a module of popscore, or of the module that a name is imported from."""
    parts = module.split(".")
    for length in (len(parts), len(parts) - 1):
        path = ROOT.joinpath(*parts[:length])
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if parts[0] == "popscore" and candidate.is_file():
                return candidate
    return None


def inner_imports(file: Path) -> set[Path]:
    return {found for module in imports(file) if (found := file_of(module)) is not None} - {file}


def floors() -> list[list[str]]:
    """The rooms of the README's map, from the top down; rooms of one row stand beside each other."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| room |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in table.splitlines()[2:] if line.startswith("|")]
    return [row for row in rows if row]


def room_of(file: Path) -> str:
    """The room of the map that a file belongs to: the longest one that it lies in."""
    rooms = [room for row in floors() for room in row]
    name = name_of(file)
    inside = [room for room in rooms if name == room or (room.endswith("/") and name.startswith(room))]
    assert inside, f"{name} has no place in the README's map"
    return max(inside, key=len)


def floor_of(room: str) -> int:
    return next(number for number, row in enumerate(floors()) if room in row)


def all_files() -> Iterator[Path]:
    yield ROOT / "app.py"
    yield from files()


def test_every_file_has_its_place_and_every_place_its_file() -> None:
    found = {room_of(file) for file in all_files()}
    assert found == {room for row in floors() for room in row}


def test_imports_point_down_the_map() -> None:
    wrong = []
    for file in all_files():
        room = room_of(file)
        for target in inner_imports(file):
            other = room_of(target)
            if other != room and floor_of(other) <= floor_of(room):
                wrong.append(f"{name_of(file)} imports {name_of(target)}")
    assert wrong == []


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = {name_of(file): {name_of(target) for target in inner_imports(file)} for file in all_files()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError and names the circle


@pytest.mark.parametrize("library", HOMES)
def test_libraries_stay_in_their_rooms(library: str) -> None:
    homes = (*HOMES[library].split(), "popscore/training")
    for file in files():
        used = any(module.split(".")[0] == library for module in imports(file))
        assert not used or name_of(file).startswith(homes), f"{name_of(file)} imports {library}"


def test_only_the_download_and_the_address_of_a_photo_use_the_network() -> None:
    networks = {"socket", "urllib", "requests", "httpx", "httpx2", "http", "aiohttp", "huggingface_hub", "httpcore"}
    found = {name_of(file) for file in files() if {module.split(".")[0] for module in imports(file)} & networks}
    fetching = tuple(f"popscore/ui/kit/{name}.py" for name in ("addresses", "public_network", "web_places"))
    allowed = ("popscore/models/hub/", *fetching, "popscore/training/")
    assert {name for name in found if not name.startswith(allowed)} == set()


def test_few_files_stand_at_the_root() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_ROOT_FILES


def test_the_tests_stand_in_the_same_folders() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    folders -= {Path(), Path("browser")}
    assert {folder for folder in folders if not (PACKAGE / folder).is_dir()} == set()
