"""The command `pairs`: its document, its words, its exit status."""

from pathlib import Path

import pytest
from commands import Run

TABLE = """id,user,taken_at,like_count,caption
a,ann,2017-02-01,300,one #cat
b,ann,2017-02-05,"1,000",#CAT!
c,bob,2017-02-05,70,
d,bob,2017-04-05,-1,
"""


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_json(run: Run, posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs.csv"
    found = run("pairs", posts, "--out", out, "--json", "--costs")
    assert found.status == 0 and "no column for the number of images" in found.err
    assert list(found.json) == ["model", "results", "errors", "rows", "columns", "steps", "pairs_without"]
    (result,) = found.json["results"]
    assert (result["file"], result["pairs"], result["mean_gap_days"]) == (str(out), 1, 4)
    assert found.json["rows"] == {"read": 4, "failed": 0, "duplicates": 0, "posts": 4}
    assert found.json["steps"][0] == {"reason": "likes hidden or missing", "fell": 1, "left": 3}
    assert found.json["columns"]["likes"] == "like_count"
    assert found.json["pairs_without"]["none"] == 1
    assert out.read_text().splitlines() == [
        "winner,loser,user,probability,gap_days,winner_likes,loser_likes",
        "b,a,ann,0.997729,4.0,1000,300",
    ]


def test_in_words(run: Run, posts: Path, tmp_path: Path) -> None:
    found = run("pairs", posts, "--out", tmp_path / "pairs.jsonl", "--costs")
    assert found.status == 0
    assert "2  posts in 1 pair\n" in found.out and "2,500,000" in found.out and "same_tags" in found.out


def test_rows_that_cannot_be_used(run: Run, posts: Path, tmp_path: Path) -> None:
    posts.write_text(TABLE + "e,ann,soon,5,\n" * 12)
    found = run("pairs", posts, "--out", tmp_path / "pairs.csv", "--json")
    assert found.status == 1 and len(found.json["errors"]) == 12
    assert found.json["errors"][0]["row"] == 6 and "(soon)" in found.json["errors"][0]["message"]
    assert "Row 6: the time cannot be read" in found.err and "2 more rows" in found.err


def test_no_pair(run: Run, posts: Path, tmp_path: Path) -> None:
    found = run("pairs", posts, "--out", tmp_path / "pairs.csv", "--min-likes", "5000")
    assert found.status == 2 and "There is no pair" in found.err and not (tmp_path / "pairs.csv").exists()


def test_options_reach_the_constraints(run: Run, posts: Path, tmp_path: Path) -> None:
    options = (
        *("--threshold", ".5", "--sigma", ".2", "--days", "any", "--older-than", "any", "--min-likes", "0"),
        *("--max-words", "any", "--any-tags", "--several-images", "--any-user", "--repeat-images"),
        *("--column", "likes=like_count", "--collected", "2017-12-31", "--encoding", "utf-8"),
    )
    found = run("pairs", posts, "--out", tmp_path / "pairs.csv", *options, "--json")
    assert (found.status, found.json["results"][0]["pairs"]) == (0, 3)
    blocks = ("--older-than", "month", "--in-blocks", "--days", "30")
    assert run("pairs", posts, "--out", tmp_path / "p.csv", *blocks, "--json").json["results"][0]["pairs"] == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "1"], ["--threshold", "x"], ["--sigma", "0"], ["--days", "-1"], ["--older-than", "week"],
        ["--min-likes", "-1"], ["--max-words", "1.5"], ["--collected", "soon"], ["--column", "hearts=x"],
        ["--column", "likes"], ["--column", "likes=hearts"], ["--encoding", "martian"],
        ["--in-blocks", "--days", "any"],
    ],
)  # fmt: skip
def test_wrong_options(run: Run, posts: Path, tmp_path: Path, options: list[str]) -> None:
    found = run("pairs", posts, "--out", tmp_path / "pairs.csv", *options)
    assert (found.status, found.out) == (2, "") and not (tmp_path / "pairs.csv").exists()


def test_wrong_files(run: Run, posts: Path, tmp_path: Path) -> None:
    for table, out in ((posts, tmp_path), (posts, tmp_path / "p.xlsx"), (tmp_path / "no.csv", tmp_path / "p.csv")):
        found = run("pairs", table, "--out", out)
        assert (found.status, found.out) == (2, "") and found.err.count("\n") == 1


def test_the_table_of_posts_is_never_written_over(run: Run, posts: Path) -> None:
    found = run("pairs", posts, "--out", posts)
    assert (found.status, posts.read_text(encoding="utf-8")) == (2, TABLE) and "names the table of posts" in found.err


def test_shortcodes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(
        "Low_popularity,High_popularity\n7s0kDUqUCW,7uEd3LqUK_\nBArs5gvFY7q,BAiFe7iFYzt\n"
    )
    found = run("pairs", tmp_path / "codes.csv", "--from-shortcodes", "--out", tmp_path / "pairs.csv", "--json")
    assert found.status == 0
    result = found.json["results"][0]
    assert (result["pairs"], result["median_gap_days"], result["largest_gap_days"]) == (2, 2.1096, 3.7344)
    assert run("pairs", tmp_path / "codes.csv", "--from-shortcodes", "--out", tmp_path / "p.csv").out.startswith(
        "2 pairs;"
    )
    assert run("pairs", tmp_path / "codes.csv", "--out", tmp_path / "p.csv").status == 2
