"""The README keeps its promises: its snippets run, its front matter is what Spaces wants."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import environment
from pages import DocumentationPage, add_python, execute, type_in
from running_app import ROOT, app_process

PAGE = DocumentationPage.read("README.md")
README = PAGE.text
PIN = re.compile(r"^([\w-]+)(?:\[[\w,]+\])?==([\w.]+)$", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, cat: Path, clip: Path) -> Path:
    """A folder with the photos that the snippets name, and the project's Python under the name they use."""
    shutil.copy(cat, tmp_path / "photo.jpg")
    shutil.copy(cat, tmp_path / "other.heic")
    shutil.copy(clip, tmp_path / "clip.mp4")
    (tmp_path / "holiday").mkdir()
    shutil.copy(cat, tmp_path / "holiday" / "beach.jpg")
    add_python(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_process(environment(tmp_path_factory.mktemp("app"))) as url:
        yield url


def test_the_command_line_snippet_runs(folder: Path) -> None:
    out = type_in(folder, PAGE.snippet("bash", "popscore score"))
    assert "photo.jpg" in out
    assert "other.heic" in out
    assert '"accuracy"' in out
    assert (folder / "best.zip").is_file()
    assert list((folder / "covers").glob("*.jpg"))
    assert (folder / "why.png").is_file() and (folder / "card.png").is_file()
    assert len(list((folder / "crops").iterdir())) == 2


def test_the_python_snippet_runs(folder: Path) -> None:
    out = execute(folder, str(folder / ".venv/bin/python"), "-c", PAGE.snippet("python", "load_scorer"))
    assert re.search(r"\d\.\d+ (Excellent|Good|Fair|Poor) \d", out)


def test_the_client_snippet_runs(folder: Path, app: str) -> None:
    code = PAGE.snippet("python", "gradio_client").replace("http://127.0.0.1:7860", app)
    assert "'label'" in execute(folder, str(folder / ".venv/bin/python"), "-c", code)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl")
def test_the_curl_snippet_runs(folder: Path, app: str) -> None:
    out = execute(folder, "bash", "-e", "-c", PAGE.snippet("bash", "curl").replace("http://127.0.0.1:7860", app))
    assert out.startswith("event: complete")
    assert '"label"' in out


def test_the_result_shown_has_the_keys_of_a_result(cat: Path) -> None:
    import popscore

    shown = json.loads(PAGE.snippet("json", '"file"'))
    assert list(shown) == list(popscore.load_scorer().score(cat).to_json())


def test_the_front_matter_fits_spaces_and_the_pins() -> None:
    lines = README.split("---\n")[1].splitlines()
    front = dict(line.split(": ", 1) for line in lines if re.match(r"\w+: ", line))
    pins = dict(PIN.findall((ROOT / "requirements.txt").read_text()))
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == pins["gradio"]
    assert front["python_version"] == '"3.11"'
    assert front["app_file"] == "app.py"
    assert len(front["short_description"]) <= 60


def test_run_and_test_lines_are_one_line_each_and_make_their_own_environment() -> None:
    for words in (("app.py", "venv"), ("-m pytest", "requirements.txt")):
        text = PAGE.snippet("bash", *words)
        assert text.count("\n") == 1
        assert "python3 -m venv .venv" in text


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_each_setting_of_the_code_is_in_the_readme() -> None:
    named = set(re.findall(r"POPSCORE_[A-Z0-9_]+", (ROOT / "popscore/settings.py").read_text()))
    assert {name for name in named if name not in README and not name.endswith("_")} == set()
