"""requirements.lock holds what requirements.txt asks for, each file with its hash, and no address of a registry."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from commands import ROOT

PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^\s;\\]+)(?P<rest>.*)$")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries() -> list[list[str]]:
    """The lines of each package of the lock: the pin first, then its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line.split() for line in lines]


def locked() -> dict[str, str]:
    """Package to version, of all platforms."""
    found = [PIN.match(entry[0]) for entry in entries()]
    assert all(found), "each entry begins with name==version"
    return {plain(pin["name"]): pin["version"] for pin in found if pin}


def wanted() -> list[tuple[str, str, str]]:
    """Name, operator and version of each line of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?(==|<=)([\w.]+)", line) for line in lines if line[0] != "#"]
    assert all(found), "each line of requirements.txt is a pin"
    return [(plain(pin[1]), pin[2], pin[3]) for pin in found if pin]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("name", "operator", "number"), wanted())
def test_the_lock_has_the_version_of_requirements_txt(name: str, operator: str, number: str) -> None:
    found = locked()[name]
    if operator == "==":
        assert found == number
    else:
        assert [int(part) for part in found.split(".")] <= [int(part) for part in number.split(".")]


def test_every_entry_has_hashes_and_nothing_else() -> None:
    for entry in entries():
        hashes = [word for word in entry if word.startswith("--")]
        assert hashes, entry[0]
        assert all(HASH.fullmatch(word) for word in hashes), entry[0]


def test_the_lock_names_no_registry() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--(?:extra-)?index-url|--find-links|--trusted-host", text)


def test_the_lock_says_how_it_was_made() -> None:
    command = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()[1].lstrip("# ")
    assert command in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_tests_run_with_the_locked_versions() -> None:
    """Of the packages that popscore names itself; pip chooses the others as it did for the lock, or newer ones."""
    assert {name: version(name) for name, _, _ in wanted()} == {name: locked()[name] for name, _, _ in wanted()}


def test_each_package_of_the_tools_is_pinned() -> None:
    for file in sorted((ROOT / "tests").glob("requirements*.txt")):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or PIN.match(line), f"{file.name}: {line}"
