"""What is promised about uploads is said in one way, and is what the app does."""

import re

from running_app import ROOT

from popscore.ui.kit.uploads import KEEP_UPLOADS_S, KEEP_UPLOADS_WORDS, privacy_line


def test_uploads_are_gone_when_the_words_say_so() -> None:
    assert KEEP_UPLOADS_WORDS == "within the hour"
    assert KEEP_UPLOADS_S <= 3500, "and the sweeper comes each minute at the latest"


def test_the_words_are_written_once() -> None:
    files = [path for path in (ROOT / "popscore").rglob("*") if path.suffix in (".py", ".js", ".html")]
    found = [path.name for path in files if re.search(r"within the hour", path.read_text(encoding="utf-8"))]
    assert found == ["uploads.py"]
    assert f"deleted {KEEP_UPLOADS_WORDS}, never learned from" in privacy_line("Scored")


def test_the_readme_promises_the_same() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"keeps no copy beyond {KEEP_UPLOADS_WORDS.removeprefix('within ')}" in readme
    assert "learns from nothing" in readme
