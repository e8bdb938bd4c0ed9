"""`popscore study report` from outside."""

import shutil
from pathlib import Path

import pytest
from commands import Run
from studies import answer_all, brighter, make_study, open_small, write_pairs

from popscore.settings import Settings
from popscore.study import open_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, pairs.csv and the answers of three people to twelve pairs."""
    folder = tmp_path_factory.mktemp("study")
    study = open_small(make_study(folder, 20))
    for wrong in (0, 3, 6):
        session = study.begin().session
        answer_all(study, session, brighter, until=8 + wrong)
        answer_all(study, session, lambda left, right: "right" if brighter(left, right) == "left" else "left")
    study.answers.close()
    return folder


def test_the_figures_as_text(run: Run, study: Path, tiny_model: Path) -> None:
    done = run("study", "report", study / "pairs.csv", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 0 and done.err == ""
    assert done.out.startswith("36 answers of 3 people to 12 pairs; 24 answers to training pairs are left out\n")
    for words in ("one person alone        25.00 %", "Krippendorff's alpha", "model                  100.00 %"):
        assert words in done.out
    assert "72.40 %  majority of 30 people (Ding, Ma & Wang 2019" in done.out
    assert "model, all pairs" not in done.out


def test_the_figures_as_json_and_the_table(run: Run, study: Path, tiny_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    done = run(
        "study", "report", study / "pairs.answers.sqlite", "--json", "--csv", table, POPSCORE_MODEL_PATH=tiny_model
    )
    assert done.status == 0
    assert list(done.json) == ["model", "results", "errors", "report", "published"]
    assert done.json["model"]["source"] == "file"
    assert len(done.json["results"]) == 12 and done.json["errors"] == []
    assert set(done.json["results"][0]) == {"winner", "loser", "for_winner", "for_loser", "majority", "model"}
    report = done.json["report"]
    assert report["alone"]["share"] == 0.25 and report["model"] == {"share": 1.0, "of": 12, "interval": [0.7575, 1.0]}
    assert [one["accuracy"] for one in done.json["published"]] == [0.666, 0.724]
    assert len(table.read_text().splitlines()) == 61


def test_scores_from_a_table_or_no_model(run: Run, study: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("image,score\n" + "".join(f"w{n}.png,{n % 2}\nl{n}.png,.5\n" for n in range(20)))
    done = run("study", "report", study / "pairs.csv", "--scores", scores, "--json", "--min-answers", "1")
    assert done.json["model"] is None and 0 < done.json["report"]["model"]["share"] < 1
    done = run("study", "report", study / "pairs.csv", "--no-model")
    assert done.status == 0 and "model" not in done.out


def test_photos_that_are_gone(run: Run, study: Path, tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(study, tmp_path / "moved")
    asked = open_study(Settings(study_pairs=tmp_path / "moved" / "pairs.csv"))
    name = next(pair.winner for pair in asked.pairs.pairs if not pair.training)
    (tmp_path / "moved" / name).unlink()
    done = run("study", "report", tmp_path / "moved" / "pairs.csv", "--json", POPSCORE_MODEL_PATH=tiny_model)
    assert done.status == 1 and f"{name} is not in the folder any more" in done.err
    assert [error["file"] for error in done.json["errors"]] == [name]
    assert done.json["report"]["model"]["of"] == 11
    (tmp_path / "empty").mkdir()
    done = run("study", "report", study / "pairs.csv", POPSCORE_STUDY_IMAGES=tmp_path / "empty")
    assert done.status == 0 and "The model is left out: none of the photos" in done.err
    done = run("study", "report", study / "pairs.csv", "--images", tmp_path / "empty")
    assert done.status == 2 and "Check --images" in done.err


def test_the_answers_that_the_environment_names(run: Run, study: Path, tmp_path: Path) -> None:
    shutil.copy(study / "pairs.answers.sqlite", tmp_path / "elsewhere.sqlite")
    table = write_pairs(tmp_path / "pairs.csv", [("a", "b")])
    done = run("study", "report", table, "--no-model", POPSCORE_STUDY_ANSWERS=tmp_path / "elsewhere.sqlite")
    assert done.status == 0 and done.out.startswith("36 answers")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.csv"], r"gone.answers.sqlite has no answers that can be read"),
        (["pairs.csv", "--csv", "."], "it is a folder"),
        (["pairs.csv", "--csv", "w0.png"], "a photo is there"),
        (["pairs.csv", "--min-answers", "0"], "whole number above 0"),
        (["pairs.csv", "--no-model", "--images", "."], "--no-model leaves the model out"),
        (["pairs.csv", "--scores", "pairs.csv", "--images", "."], "give one of them"),
        (["pairs.csv", "--scores", "gone.csv"], "gone.csv"),
        ([], "required: PAIRS_OR_ANSWERS"),
    ],
)
def test_what_cannot_be_done_says_why(run: Run, study: Path, arguments: list[str], words: str) -> None:
    done = run("study", "report", *arguments, cwd=study)
    assert done.status == 2 and words in done.err and done.out == ""


def test_a_study_without_answers(run: Run, tmp_path: Path) -> None:
    study = open_small(make_study(tmp_path, 20, side=8))
    answer_all(study, study.begin().session, brighter, until=5)
    done = run("study", "report", tmp_path / "pairs.csv", "--json")
    assert done.status == 2 and "has no answers yet, apart from training" in done.err
    assert done.json["report"]["training_answers"] == 5
