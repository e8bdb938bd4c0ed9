"""docs/audience.md keeps its promise: each of its commands runs, in its order, from a table to a ranked folder."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from bank_posts import write_export
from commands import ROOT
from pages import DocumentationPage, add_python, execute, type_in

PAGE = DocumentationPage.read("docs", "audience.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """A checkout as the page takes it: both tables as it shows them, the photos, an export, two candidates."""
    folder = tmp_path_factory.mktemp("page")
    posts, likes = PAGE.snippets("csv")
    (folder / "posts.csv").write_text(posts, encoding="utf-8")
    (folder / "likes.csv").write_text(likes + "2024-01-07T09:33:20Z,90\n", encoding="utf-8")
    for name in ("photos", "candidates"):
        (folder / name).mkdir()
    for path in photos.values():
        shutil.copy(path, folder / "photos")
    (folder / "photos" / "chelsea.png").rename(folder / "photos" / "cat.png")
    posts_of = [
        {"media": [{"uri": "media/posts/202401/1_n.png", "creation_timestamp": 1704103200, "title": "one"}]},
        {"media": [{"uri": "media/posts/202401/2_n.png", "creation_timestamp": 1704479400, "title": "two"}]},
        {"media": [{"uri": "media/posts/202401/5_n.jpg", "creation_timestamp": 1704620000, "title": "three"}]},
    ]
    write_export(folder / "instagram.zip", photos, posts=posts_of)
    shutil.copy(photos["rocket"], folder / "candidates" / "1.jpg")
    (folder / "candidates" / "2.jpg").write_bytes(photos["coffee"].read_bytes())
    add_python(folder)
    return folder


@pytest.mark.slow
def test_the_commands_run_in_their_order(folder: Path) -> None:
    out = [type_in(folder, text) for text in PAGE.commands()]
    assert len(out) == 9
    assert out[0] == "me.bank: 4 posts added, 0 changed, 0 there before\n"
    assert out[1] == "instagram.bank: 3 posts added, 0 changed, 0 there before\n"
    assert out[2].startswith("posts                 4\n")
    assert out[3].count("times the usual likes") == 2
    assert '"personal_score"' in out[4]
    assert "times in 10" in out[5]
    assert "your posts" in out[6]
    assert "general model" in out[7]
    assert out[8] == "me.bank: 1 posts forgotten\n"


def test_the_python_runs(folder: Path) -> None:
    (code,) = PAGE.snippets("python")
    assert re.match(r"candidates/[12]\.jpg [-\d.]+ [\d.]+ p\d\n$", execute(folder, sys.executable, "-c", code))


def test_every_option_is_on_the_page() -> None:
    text = (ROOT / "popscore" / "cli" / "bank.py").read_text(encoding="utf-8")
    given = (ROOT / "popscore" / "cli" / "arguments.py").read_text(encoding="utf-8").partition("def add_bank")[2]
    options = set(re.findall(r'"(--[a-z-]+)"', text + given))
    assert {option for option in options if option not in PAGE} == set()
