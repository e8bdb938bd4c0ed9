"""Tables of pairs: written as they are read, rows that are no pairs, shortcodes."""

import base64
from importlib.util import find_spec
from pathlib import Path

import pytest

from popscore.errors import ExportFailed
from popscore.posts import Pair, UnreadableTable, read_pairs, read_shortcode_pairs, shortcode_ms, write_pairs

PAIRS = [
    Pair(winner="a.jpg", loser="-b_", user="=1+1", probability=0.97, gap_days=1.5, winner_likes=300, loser_likes=100),
    Pair(winner="'x", loser='ä, "b"\n c', user="", probability=None, gap_days=None),
]
NEEDS_PYARROW = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pip install 'popscore[parquet]'")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", pytest.param("parquet", marks=NEEDS_PYARROW)])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pairs.{suffix}"
    assert write_pairs(PAIRS, path) == 2
    found = read_pairs(path)
    assert (list(found.pairs), found.failed) == (PAIRS, 0)


def test_a_spreadsheet_finds_no_formula(tmp_path: Path) -> None:
    write_pairs(PAIRS, tmp_path / "pairs.csv")
    text = (tmp_path / "pairs.csv").read_text(encoding="utf-8")
    assert "'=1+1" in text and ",-b_," in text  # the code of a post stays exact


def test_kinds_and_targets(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable, match=r"\.xlsx|must end in"):
        write_pairs(PAIRS, tmp_path / "pairs.xlsx")
    with pytest.raises(ExportFailed):
        write_pairs(PAIRS, tmp_path / "nowhere" / "pairs.csv")
    (tmp_path / "pairs.csv").mkdir()
    with pytest.raises(ExportFailed, match="it is a folder"):
        write_pairs(PAIRS, tmp_path / "pairs.csv")


def test_what_was_there_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    write_pairs(PAIRS, path)
    before = path.read_bytes()

    def broken() -> object:
        yield PAIRS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(ExportFailed, match="No space left"):
        write_pairs(broken(), path)  # type: ignore[arg-type]
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["pairs.csv"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,a,u,.9,1,,", "paired with itself"),
        ("a,b,u,.9,1,100,300", "has 100 likes, not more than the loser's 300"),
        ("a,b,u,.9,1,100,100", "not more than"),
        (",b,u,.9,1,,", "has no name"),
        ("a,b,u,1.9,1,,", "not from 0 to 1"),
        ("a,b,u,.9,long,,", "gap days is no number (long)"),
        ('a,b,u,.9,1,"1,2k",', "likes are rounded"),
        ("a,b,u,.9,1,,,,", "more cells than columns"),
    ],
)
def test_rows_that_are_no_pairs(tmp_path: Path, row: str, words: str) -> None:
    path = tmp_path / "pairs.csv"
    head = "winner,loser,user,probability,gap_days,winner_likes,loser_likes\n"
    path.write_text(f"{head}x,y,u,.9,1,,\n{row}\n")
    found = read_pairs(path)
    assert (len(found.pairs), found.failed, found.errors[0].row) == (1, 1, 3)
    assert words in found.errors[0].message
    path.write_text(f"{head}{row}\n")
    with pytest.raises(UnreadableTable, match="no pair that can be used"):
        read_pairs(path)


def test_columns_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("best,loser\na,b\n")
    with pytest.raises(UnreadableTable, match=r"no column winner\. Its columns are: best, loser"):
        read_pairs(tmp_path / "pairs.csv")


def test_shortcodes(tmp_path: Path) -> None:
    # The first pair of the released test pairs.
    (tmp_path / "pairs.csv").write_text("Low_popularity,High_popularity\n7s0kDUqUCW,7uEd3LqUK_\nno!,7uEd3LqUK_\n")
    found = read_shortcode_pairs(tmp_path / "pairs.csv")
    assert [(pair.winner, pair.loser) for pair in found.pairs] == [("7uEd3LqUK_", "7s0kDUqUCW")]
    assert found.pairs[0].gap_days == pytest.approx(0.4849, abs=1e-4)
    assert found.failed == 1 and "is no shortcode" in found.errors[0].message
    number = int.from_bytes(base64.b64decode("BAiFe7iFYzt".rjust(12, "A"), altchars=b"-_"))
    assert shortcode_ms("BAiFe7iFYzt") == number // 2**23 + 1314220021721 == 1452802700701
    for wrong in ("", "a" * 12, "7s0kDUq!CW", "a"):
        with pytest.raises(ValueError, match="no shortcode"):
            shortcode_ms(wrong)
