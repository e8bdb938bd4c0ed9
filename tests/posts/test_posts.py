"""Tables of posts: kinds, encodings, columns, rows that cannot be used."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from popscore.errors import PopscoreError
from popscore.posts import ParquetMissing, UnreadableTable, read_posts
from popscore.posts.posts import HIDDEN

HEAD = "id,user,time,likes,caption\n"
ROW = "a,ann,2017-02-01,100,#cat\n"


def table(folder: Path, text: str | bytes, name: str = "posts.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path, **options: object) -> str:
    with pytest.raises(UnreadableTable) as error:
        read_posts(path, **options)  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (HEAD + ROW, "p.csv"),
        ((HEAD + ROW).replace(",", ";"), "p.csv"),
        ((HEAD + ROW).replace(",", "\t"), "p.tsv"),
        ((HEAD + ROW).replace("\n", "\r\n"), "p.csv"),
        (("\ufeff" + HEAD + ROW).encode(), "p.csv"),
        ((HEAD + ROW).encode("utf-16"), "p.csv"),
        (
            json.dumps({"id": "a", "user": "ann", "time": 1485907200, "likes": 100, "caption": "#cat"}) + "\n\n",
            "p.jsonl",
        ),
    ],
)
def test_kinds_and_encodings(tmp_path: Path, content: str | bytes, name: str) -> None:
    posts = read_posts(table(tmp_path, content, name))
    assert (posts.names, posts.user_names, posts.likes.tolist()) == (["a"], ["ann"], [100])
    assert posts.times_ms.tolist() == [1485907200000]
    assert posts.kinds[int(posts.captions[0])].tags == ("cat",)


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="Parquet needs pyarrow: pip install 'popscore[parquet]'")
def test_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = {"id": [1, 2], "user": ["a", "a"], "likes": [100, None], "caption": [None, "#x"]}
    times = pyarrow.array([1485907200000000000, 1485907200000000001], pyarrow.timestamp("ns"))
    parquet.write_table(pyarrow.table({**rows, "time": times}), tmp_path / "p.parquet")
    posts = read_posts(tmp_path / "p.parquet")
    assert (posts.names, posts.likes.tolist()) == (["1", "2"], [100, HIDDEN])
    assert posts.times_ms.tolist() == [1485907200000] * 2
    assert "no Parquet file" in refused(table(tmp_path, b"PAR1 not", "bad.parquet"))


def test_without_pyarrow_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ParquetMissing, match=r'pip install "popscore\[parquet\]"'):
        read_posts(table(tmp_path, b"PAR1", "p.parquet"))


def test_columns_by_usual_names_and_by_option(tmp_path: Path) -> None:
    path = table(tmp_path, "shortcode,username,taken_at,hearts,like_count\nx,ann,2017-02-01,5,100\n")
    assert read_posts(path).likes.tolist() == [100]
    assert read_posts(path, columns={"likes": "hearts"}).likes.tolist() == [5]
    assert "no column stars" in refused(path, columns={"likes": "stars"})


def test_a_missing_column_is_named_with_those_there(tmp_path: Path) -> None:
    said = refused(table(tmp_path, "id,user,when,likes\n"))
    assert "no column time" in said and "id, user, when, likes" in said and "--column time=" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (HEAD, "has no post"),
        (HEAD + "a,ann,soon,100,\n", "Row 2: the time cannot be read"),
        ("id,user,time,likes,likes\n" + ROW, "two columns called likes"),
        ((HEAD + "a,ann,2017-02-01,100,ä\n").encode("cp1252"), "--encoding cp1252"),
        ("ä,user,time\n".encode("cp1252"), "--encoding cp1252"),
        (HEAD + 'a,ann,2017-02-01,100,"' + "x" * 1_100_000, "quotation mark"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in refused(table(tmp_path, content))


def test_other_kinds_and_no_file(tmp_path: Path) -> None:
    assert "its name must end in" in refused(tmp_path / "posts.xlsx")
    assert "no such file" in refused(tmp_path / "posts.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.csv")
    assert "row 2" in refused(table(tmp_path, '{"a": 1}\n[1]\n', "p.jsonl"))
    assert "row 1" in refused(table(tmp_path, "[" * 100_000, "p.jsonl"))
    assert "no encoding called" in refused(table(tmp_path, HEAD), encoding="martian")


def test_a_named_encoding(tmp_path: Path) -> None:
    path = table(tmp_path, (HEAD + "a,änn,2017-02-01,100,\n").encode("cp1252"))
    assert read_posts(path, encoding="cp1252").user_names == ["änn"]


def test_rows_that_cannot_be_used_do_not_stop_the_others(tmp_path: Path) -> None:
    bad = [
        "b,ann,soon,1,",
        'c,ann,2017-02-01,"1,2k",',
        ",ann,2017-02-01,1,",
        "d,,2017-02-01,1,",
        "e,ann,2017-02-01,1,x,y,z",
    ]
    posts = read_posts(table(tmp_path, HEAD + ROW + "\n".join(bad) + "\n"))
    assert (len(posts), posts.rows, posts.failed) == (1, 6, 5)
    assert [error.row for error in posts.errors] == [3, 4, 5, 6, 7]
    assert "(1,2k)" in posts.errors[1].message and "(soon)" in posts.errors[0].message


def test_the_first_of_two_with_one_name_counts_and_short_rows_are_filled(tmp_path: Path) -> None:
    posts = read_posts(table(tmp_path, HEAD + ROW + "a,ann,2017-02-01,900,\n" + "b,ann,2017-02-01,7\n"))
    assert (posts.likes.tolist(), posts.duplicates) == ([100, 7], 1)


def test_an_image_is_the_name_where_there_is_one(tmp_path: Path) -> None:
    posts = read_posts(
        table(tmp_path, "id,user,time,likes,image,is_video\n1,a,2017-02-01,5,x.jpg,False\n2,a,2017-02-01,5,y.jpg,1\n")
    )
    assert (posts.names, posts.images.tolist()) == (["x.jpg", "y.jpg"], [1, 0])
    assert read_posts(table(tmp_path, "user,time,likes\na,2017-02-01,5\n")).names == ["row-2"]


def test_errors_are_children_of_popscores() -> None:
    assert issubclass(UnreadableTable, PopscoreError) and issubclass(ParquetMissing, (PopscoreError, ImportError))
