"""The command `compare`."""

from pathlib import Path

import pytest
from commands import Run


def test_json(run: Run, photos: dict[str, Path]) -> None:
    found = run("compare", "--json", photos["cat"], photos["coffee"])
    assert (found.status, found.err) == (0, "")
    assert list(found.json) == ["model", "results", "errors", "win_probability", "too_close"]
    assert [photo["file"] for photo in found.json["results"]] == [str(photos["cat"]), str(photos["coffee"])]
    assert 0.5 < found.json["win_probability"] < 1


def test_in_words(run: Run, photos: dict[str, Path]) -> None:
    found = run("compare", photos["coffee"], photos["cat"])
    assert found.status == 0
    assert len(found.out.splitlines()) == 3
    assert found.out.splitlines()[2].startswith(f"{photos['cat']} would beat {photos['coffee']} about ")
    same = run("compare", photos["cat"], photos["cat"])
    assert same.out.splitlines()[2].startswith("Too close to call: ")


@pytest.mark.parametrize("json", [True, False])
def test_one_bad_photo_and_two(run: Run, cat: Path, tmp_path: Path, json: bool) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    flags = ["--json"] if json else []
    assert run("compare", *flags, tmp_path / "bad.jpg", cat).status == 1
    assert run("compare", *flags, tmp_path / "bad.jpg", tmp_path / "missing.jpg").status == 2


def test_it_needs_two(run: Run, cat: Path) -> None:
    assert run("compare", cat).status == 2
