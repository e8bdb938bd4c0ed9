"""The command `evaluate`: without what it needs, a sentence; with wrong data, another."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from commands import Run


def test_without_onnx_the_install_line_and_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else found(name))
    done = run("evaluate", "--suite", "appeal", "--data", "nowhere")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("popscore: evaluate needs onnx, which is not installed.")
    assert 'pip install "popscore[train]"' in done.err and done.err.count("\n") == 1


def test_missing_data_is_one_sentence(run: Run) -> None:
    done = run("evaluate", "--suite", "appeal", "--data", "nowhere", "--json")
    assert (done.status, done.out) == (2, "")
    assert "oasis/labels.csv is missing" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--suite", "other", "--data", "x"], ["--data", "x"]])
def test_usage(run: Run, arguments: list[str]) -> None:
    done = run("evaluate", *arguments)
    assert done.status == 2 and done.err.startswith("usage: popscore evaluate")


# --- on pairs -----------------------------------------------------------------------------------------

HEAD = "winner,loser,user,probability,gap_days,winner_likes,loser_likes\n"


@pytest.fixture
def pairs(tmp_path: Path, photos: dict[str, Path]) -> Path:
    (tmp_path / "in").mkdir()
    for path in photos.values():
        shutil.copy(path, tmp_path / "in")
    path = tmp_path / "pairs.csv"
    path.write_text(HEAD + "chelsea.png,coffee.png,ann,.97,1,300,100\nastronaut,rocket,bob,.97,2,300,100\n")
    return path


def test_photos_of_a_folder(run: Run, pairs: Path, tmp_path: Path) -> None:
    found = run("evaluate", pairs, "--images", tmp_path / "in", "--plot", tmp_path / "plot.png", "--json")
    assert (found.status, found.err) == (0, "")
    assert list(found.json) == ["model", "results", "errors", "difference", "published"]
    assert found.json["model"]["source"] == "embedded"
    (result,) = found.json["results"]
    assert (result["pairs"], result["pairs_left_out"], result["users"]) == (2, 0, 2)
    assert result["interval"][0] < result["accuracy"] <= 1
    assert {key: value for key, value in found.json["published"][7].items() if key in ("name", "accuracy")} == {
        "name": "I2PA, ResNet-50",
        "accuracy": 0.7665,
    }
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_two_models(run: Run, pairs: Path, tmp_path: Path, tiny_model: Path, embedded_model: Path) -> None:
    found = run(
        "evaluate", pairs, "--images", tmp_path / "in", "--model", tiny_model, "--model", embedded_model, "--json"
    )
    assert found.status == 0
    assert [result["scores"] for result in found.json["results"]] == [str(tiny_model), str(embedded_model)]
    first, second = (result["accuracy"] for result in found.json["results"])
    assert found.json["difference"]["accuracy"] == second - first
    text = run("evaluate", pairs, "--images", tmp_path / "in", "--model", tiny_model, "--model", embedded_model).out
    assert "second less first" in text and "Published by others" in text


def test_photos_that_are_missing_or_broken_do_not_stop_the_others(run: Run, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    gone = "".join(f"gone{number},chelsea,ann,.97,1,300,100\n" for number in range(7))
    pairs.write_text(pairs.read_text() + gone + "broken,chelsea,ann,.97,1,,\nchelsea,chelsea,ann,.97,1,,\n")
    found = run("evaluate", pairs, "--images", tmp_path / "in", "--json")
    assert found.status == 1
    assert (found.json["results"][0]["pairs"], found.json["results"][0]["pairs_left_out"]) == (2, 8)
    assert len(found.json["errors"]) == 9 and found.json["errors"][0]["row"] == 12
    assert (
        "gone0 is not in the folder" in found.err
        and "3 more photos" in found.err
        and "8 pairs were left out" in found.err
    )


def test_no_photo_at_all(run: Run, pairs: Path, tmp_path: Path, cat: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(cat, tmp_path / "other" / "x.png")
    found = run("evaluate", pairs, "--images", tmp_path / "other", "--json")
    assert (found.status, found.json["results"]) == (2, []) and "No pair has two scores" in found.err
    (tmp_path / "empty").mkdir()
    for nothing in ("nowhere", "empty", "in/*.png", "in/chelsea.png"):
        found = run("evaluate", pairs, "--images", tmp_path / nothing)
        assert (found.status, found.out, found.err.count("\n")) == (2, "", 1), nothing


def test_tables_of_scores(run: Run, pairs: Path, tmp_path: Path) -> None:
    names = ("chelsea.png", "coffee.png", "astronaut", "rocket")
    for table, scores in (("one.csv", (2, 1, 1, 2)), ("two.csv", (2, 1, 2, 1))):
        rows = "".join(f"{name},{score}\n" for name, score in zip(names, scores, strict=True))
        (tmp_path / table).write_text("image,score\n" + rows)
    both = ("--scores", tmp_path / "one.csv", "--scores", tmp_path / "two.csv", "--win-scale", "2")
    found = run("evaluate", pairs, *both, "--json")
    assert (found.status, found.json["model"]) == (0, None)
    assert [result["accuracy"] for result in found.json["results"]] == [0.5, 1.0]
    assert (found.json["difference"]["accuracy"], found.json["difference"]["only_second"]) == (0.5, 1)
    (tmp_path / "two.csv").write_text("image,score\nchelsea.png,1\ncoffee.png,2\n")
    found = run("evaluate", pairs, *both, "--json")
    assert found.status == 1 and found.json["difference"]["pairs"] == 1
    (tmp_path / "one.csv").write_text("image,score\nother,1\n")
    found = run("evaluate", pairs, *both, "--json")
    assert found.status == 2
    assert [(result["scores"], result["pairs"]) for result in found.json["results"]] == [(str(tmp_path / "two.csv"), 1)]


def test_usage_of_pairs(run: Run, pairs: Path, tmp_path: Path) -> None:
    images = ("--images", str(tmp_path))
    three = [part for name in "abc" for part in ("--model", name)]
    for wrong in (
        *([], [*images, "--scores", "x"], [*images, *three], [*images, "--suite", "appeal"], [*images, "--data", "x"]),
        ["--scores", "x", "--win-scale", "0"],
    ):
        found = run("evaluate", pairs, *wrong)
        assert found.status == 2 and found.err.startswith("usage: popscore evaluate"), wrong
    found = run("evaluate", pairs, *images, "--plot", tmp_path / "plot.jpg")
    assert found.status == 2 and "PNG" in found.err
