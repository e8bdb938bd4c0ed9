"""LICENSES.md lists each binary file with its hash, and each package that is installed with its version."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from commands import ROOT

PAGE = (ROOT / "LICENSES.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", PAGE, re.MULTILINE))
PACKAGES = {
    re.sub(r"[-_.]+", "-", name).lower(): (version, licence)
    for name, version, licence in re.findall(
        r"^\| ([\w.-]+)(?: \([^)]*\))? \| ([\w.]+) \| (.+) \|$", PAGE, re.MULTILINE
    )
}
PACKAGES.pop("package")  # the head of the table
LEFT_OUT = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".gradio", "screenshots"}


def tracked() -> list[Path]:
    """The files of the repository, by git where it is one."""
    if shutil.which("git") and (ROOT / ".git").exists():
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
        return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]
    found = (path for path in ROOT.rglob("*") if path.is_file())
    return [path for path in found if not LEFT_OUT & set(path.relative_to(ROOT).parts)]


def is_binary(path: Path) -> bool:
    try:
        return "\0" in path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return True


def test_each_binary_file_is_listed_with_its_hash() -> None:
    found = {path for path in tracked() if is_binary(path)}
    assert found  # a test that sees no file would hold for any list
    hashes = {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    assert hashes == FILES


def test_the_notices_have_the_same_hashes() -> None:
    for folder in ("popscore/ui/assets/examples", "popscore/insight/fonts"):
        notice = (ROOT / folder / "NOTICE").read_text(encoding="utf-8")
        found = [(name, number) for name, number in FILES.items() if Path(name).parent == Path(folder)]
        assert found
        for name, number in found:
            assert Path(name).name in notice
            assert number in notice


def test_each_locked_package_is_listed_with_its_version() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", lock, re.MULTILINE))
    assert {name: version for name, (version, _) in PACKAGES.items()} == locked


def test_no_licence_is_unknown() -> None:
    assert [name for name, (_, licence) in PACKAGES.items() if "UNKNOWN" in licence.upper()] == []


@pytest.mark.parametrize("package", ["pillow-heif", "av"])
def test_wheels_that_bring_copyleft_libraries_are_named(package: str) -> None:
    assert f"- **{package}**" in PAGE
    assert package in PACKAGES
