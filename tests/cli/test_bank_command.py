"""The command `bank`, and --bank on the others."""

import json
from pathlib import Path

import pytest
from bank_posts import ROWS, write_export, write_posts, write_table
from commands import Run


@pytest.fixture
def folder(tmp_path: Path, photos: dict[str, Path]) -> Path:
    write_posts(tmp_path, photos)
    return tmp_path


def add(run: Run, folder: Path, *options: str) -> None:
    done = run("bank", "add", "posts.csv", "--images", "photos", "--bank", "me.bank", *options, cwd=folder)
    assert done.status == 0, done.err


def test_posts_are_added_shown_and_forgotten(run: Run, folder: Path) -> None:
    done = run("bank", "add", "posts.csv", "--images", "photos", "--bank", "me.bank", cwd=folder)
    assert (done.status, done.out) == (0, "me.bank: 4 posts added, 0 changed, 0 there before\n")
    shown = run("bank", "show", "--bank", "me.bank", cwd=folder)
    assert shown.status == 0
    assert "posts                 4\n" in shown.out
    assert "from                  2024-01-01 to 2024-01-15\n" in shown.out
    assert "did best              3.00 times the likes of its month: p3" in shown.out
    gone = run("bank", "forget", "p1", "p2", "--bank", "me.bank", cwd=folder)
    assert (gone.status, gone.out) == (0, "me.bank: 2 posts forgotten\n")
    assert json.loads(run("bank", "show", "--bank", "me.bank", "--json", cwd=folder).out)["results"][0]["posts"] == 2
    assert run("bank", "forget", "--before", "2024-01-10", "--bank", "me.bank", cwd=folder).out.startswith(
        "me.bank: 1 "
    )
    assert run("bank", "forget", "--all", "--bank", "me.bank", cwd=folder).out.startswith("me.bank: 1 ")


def test_json_is_one_document(run: Run, folder: Path) -> None:
    rows = [*ROWS, ("p5", "no.jpg", "2024-01-05", "3", ""), ("p6", "cat.png", "when", "3", "")]
    write_table(folder / "posts.csv", rows)
    done = run("bank", "add", "posts.csv", "--images", "photos", "--bank", "me.bank", "--json", cwd=folder)
    assert done.status == 1
    document = json.loads(done.out)
    assert document["results"] == [
        {
            "file": "me.bank",
            "added": 4,
            "updated": 0,
            "unchanged": 0,
            "likes_hidden": 0,
            "rows_failed": 1,
        }
    ]
    assert [error["error"] for error in document["errors"]] == ["UnreadableRow", "UnreadableImage"]
    assert document["model"]["name"] == "popscore-appeal"
    assert "Row 7" in done.err
    assert "no.jpg is not in the folder" in done.err


def test_nothing_could_be_done(run: Run, folder: Path) -> None:
    for arguments in (
        ("bank", "add", "no.csv", "--images", "photos", "--bank", "me.bank"),
        ("bank", "add", "posts.csv", "--bank", "me.bank"),
        ("bank", "add", "posts.csv", "--images", "nowhere", "--bank", "me.bank"),
        ("bank", "add", "posts.csv", "--images", "photos", "--bank", "photos"),
        ("bank", "show", "--bank", "no.bank"),
        ("bank", "show", "--bank", "posts.csv"),
        ("bank", "forget", "p1", "--bank", "no.bank"),
        ("rank", "photos", "--bank", "no.bank"),
        ("rank", "photos", "--bank", "posts.csv"),
        ("score", "photos/cat.png", "--at", "2024-01-01"),
    ):
        done = run(*arguments, cwd=folder)
        assert (done.status, done.out) == (2, ""), arguments
        assert done.err.startswith("popscore: ")
    assert not (folder / "me.bank").exists()


def test_an_export_without_likes_says_how_to_give_them(run: Run, tmp_path: Path, photos: dict[str, Path]) -> None:
    write_export(tmp_path / "me.zip", photos)
    done = run("bank", "add", "me.zip", "--bank", "me.bank", cwd=tmp_path)
    assert done.status == 0
    assert "no likes for 3 of 3 posts" in done.err
    rows = [("2024-01-01T10:00:00Z", "10"), ("2024-01-05T10:00:01Z", "40"), ("2024-01-07T09:33:20Z", "20")]
    write_table(tmp_path / "likes.csv", rows, ("time", "likes"))
    done = run("bank", "add", "me.zip", "--likes", "likes.csv", "--bank", "me.bank", cwd=tmp_path)
    assert (done.status, done.out) == (0, "me.bank: 0 posts added, 3 changed, 0 there before\n")
    assert "gives the likes of 3 of 3 posts" in done.err


def test_ranking_goes_by_the_bank(run: Run, folder: Path) -> None:
    add(run, folder)
    document = json.loads(run("rank", "photos", "--bank", "me.bank", "--neighbours", "2", "--json", cwd=folder).out)
    personal = [result["personal_score"] for result in document["results"]]
    assert personal == sorted(personal, reverse=True)
    assert all(len(result["neighbours"]) == 2 for result in document["results"])
    shown = run("rank", "photos", "--bank", "me.bank", cwd=folder)
    assert shown.out.count("times the usual likes") == 4
    assert f"{personal[0]:6.2f}" in shown.out.splitlines()[0]
    table = run("rank", "photos", "--bank", "me.bank", "--csv", "out.csv", cwd=folder)
    assert table.status == 0
    assert "personal_score" in (folder / "out.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    early = json.loads(run("rank", "photos", "--bank", "me.bank", "--at", "2023-01-01", "--json", cwd=folder).out)
    assert all(result["personal_score"] == result["score"] for result in early["results"])
    assert all(result["neighbours"] == [] for result in early["results"])


def test_the_others_go_by_it_too(run: Run, folder: Path) -> None:
    add(run, folder)
    for command in (("score", "photos/cat.png"), ("compare", "photos/cat.png", "photos/coffee.png")):
        document = json.loads(run(*command, "--bank", "me.bank", "--json", cwd=folder).out)
        assert {"personal_score", "expected_ratio", "support", "neighbours"} <= set(document["results"][0])
        assert "your posts" in run(*command, "--bank", "me.bank", cwd=folder).out
    document = json.loads(
        run("crops", "photos/rocket.jpg", "--aspect", "1:1", "--bank", "me.bank", "--json", cwd=folder).out
    )
    assert document["results"][0]["neighbours"][0]["id"] == "p4"
    alike = ("--similar", "1", "1", "1", "--renormalise")
    document = json.loads(run("score", "photos/astronaut.png", "--bank", "me.bank", *alike, "--json", cwd=folder).out)
    assert document["results"][0]["neighbours"][0]["psi"] > 0.95


@pytest.mark.parametrize("option", [("--similar", "0", "0", "0"), ("--similar", "x", "1", "1"), ("--neighbours", "0")])
def test_odd_weights_are_refused(run: Run, folder: Path, option: tuple[str, ...]) -> None:
    add(run, folder)
    assert run("score", "photos/cat.png", "--bank", "me.bank", *option, cwd=folder).status == 2


def test_what_the_parts_bring_is_a_table(run: Run, folder: Path) -> None:
    rows = [
        (f"{row[0]}{day}", row[1], f"2024-01-{day:02d}", str(10 * day + 7 * int(row[3]) % 90), "")
        for day in range(1, 5)
        for row in ROWS
    ]
    write_table(folder / "posts.csv", rows)
    add(run, folder)
    done = run("evaluate", "--bank", "me.bank", cwd=folder)
    assert done.status == 0, done.err
    assert "general model" in done.out
    assert "the paper's split" in done.out
    document = json.loads(run("evaluate", "--bank", "me.bank", "--json", cwd=folder).out)
    assert {"name", "accuracy", "low", "high"} == set(document["results"][0])
    assert document["pairs"] > 0
    assert run("evaluate", "pairs.csv", "--bank", "me.bank", cwd=folder).status == 2


def test_without_a_bank_nothing_of_it_is_imported(run_process: Run, cat: Path) -> None:
    code = (
        "import sys; from popscore.cli.entry import main; "
        f"main(['score', {str(cat)!r}]); main(['compare', {str(cat)!r}, {str(cat)!r}]); "
        "print([name for name in sys.modules if name.startswith('popscore.personal')])"
    )
    assert run_process(code=code).out.splitlines()[-1] == "[]"
