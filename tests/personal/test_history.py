"""A table of one person's posts."""

from pathlib import Path

import pytest
from bank_posts import HEAD, ROWS, write_posts, write_table

from popscore.errors import NoPhotosFound, UnreadableImage
from popscore.personal.history import folder_of, read_table
from popscore.posts.table import UnreadableTable


def test_a_table_is_read(tmp_path: Path) -> None:
    history = read_table(write_table(tmp_path / "posts.csv", ROWS))
    assert [(post.id, post.likes, post.image) for post in history.posts] == [
        ("p1", 100, "cat.png"),
        ("p2", 50, "coffee.png"),
        ("p3", 220, "astronaut.png"),
        ("p4", 70, "rocket.jpg"),
    ]
    assert history.posts[0].caption == "my cat #cat"
    assert not history.errors
    assert not history.remarks


def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        ("p1", "again.jpg", "2024-01-01", "5", ""),
        ("p5", "x.jpg", "yesterday", "5", ""),
        ("p6", "x.jpg", "2024-01-01", "1.2k", ""),
        ("", "", "2024-01-01", "1", ""),
        ("p7", "x.jpg", "2024-01-01", "hidden", ""),
    ]
    history = read_table(write_table(tmp_path / "posts.csv", rows))
    assert history.duplicates == 1
    assert history.failed == 3
    assert [error.message.partition(":")[0] for error in history.errors] == ["Row 7", "Row 8", "Row 9"]
    assert history.posts[-1].likes is None


def test_a_table_of_several_people_needs_a_name(tmp_path: Path) -> None:
    rows = [("a", "2024-01-01", "ann"), ("b", "2024-01-02", "bob")]
    table = write_table(tmp_path / "posts.csv", rows, ("id", "time", "user"))
    with pytest.raises(UnreadableTable, match=r"2 people \(ann, bob\).*--user NAME"):
        read_table(table)
    assert [post.id for post in read_table(table, user="bob").posts] == ["b"]
    with pytest.raises(UnreadableTable, match="no post"):
        read_table(table, user="eve")


@pytest.mark.parametrize("missing", ["time", "id"])
def test_a_missing_column_is_named(tmp_path: Path, missing: str) -> None:
    head = [name if name not in (missing, "image") else f"x{name}" for name in HEAD]
    with pytest.raises(UnreadableTable, match=f"--column (image|{missing})=NAME"):
        read_table(write_table(tmp_path / "posts.csv", ROWS, head))


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    table = write_table(tmp_path / "posts.csv", ROWS, ("id", "image", "when", "hearts", "caption"))
    history = read_table(table, columns={"time": "when", "likes": "hearts"})
    assert history.posts[0].likes == 100


def test_a_table_without_likes_says_so(tmp_path: Path) -> None:
    table = write_table(tmp_path / "posts.csv", ROWS, ("id", "image", "time", "hearts", "caption"))
    assert "no column likes" in read_table(table).remarks[0]


def test_videos_are_left_out(tmp_path: Path) -> None:
    table = write_table(
        tmp_path / "p.csv", [("a", "2024-01-01", "true"), ("b", "2024-01-01", "")], ("id", "time", "video")
    )
    history = read_table(table)
    assert (history.videos, len(history.posts)) == (1, 1)


def test_pictures_are_found_in_the_folder_and_nowhere_else(tmp_path: Path, photos: dict[str, Path]) -> None:
    write_posts(tmp_path, photos)
    (tmp_path / "secret.jpg").write_bytes(photos["rocket"].read_bytes())
    rows = [
        ("cat", "", "2024-01-01"),
        ("x", "../secret.jpg", "2024-01-01"),
        ("y", str(tmp_path / "secret.jpg"), "2024"),
    ]
    history = read_table(write_table(tmp_path / "t.csv", rows[:2], ("id", "image", "time")))
    with folder_of(tmp_path / "photos") as find:
        assert Path(str(find(history.posts[0]).source)).name == "cat.png"
        with pytest.raises(UnreadableImage, match="not in the folder"):
            find(history.posts[1])


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NoPhotosFound, match="is no folder"), folder_of(tmp_path / "nothing"):
        pass
