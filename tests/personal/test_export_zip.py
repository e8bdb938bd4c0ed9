"""Instagram's data export: both layouts, what it lacks, and archives that somebody made to do harm."""

from pathlib import Path

import pytest
from bank_posts import write_export, write_table, zip_with

from popscore.errors import ImageTooLarge, UnreadableImage
from popscore.personal.export_zip import open_export
from popscore.personal.history import with_likes
from popscore.posts.table import UnreadableTable

LAYOUTS = (
    "your_instagram_activity/media/posts_1.json",
    "your_instagram_activity/content/posts_1.json",
    "content/posts_1.json",
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("root", ["", "instagram-me-2024-02-01-x/"])
def test_each_layout_is_read(tmp_path: Path, photos: dict[str, Path], layout: str, root: str) -> None:
    path = write_export(tmp_path / "me.zip", photos, layout=layout, root=root)
    with open_export(path, max_bytes=10**7) as (history, find):
        assert [(post.id, post.time_ms, post.caption) for post in history.posts] == [
            ("1_n", 1704103200000, "Café"),
            ("2_n", 1704448801000, "Frühstück ☕"),
            ("5_n", 1704620000000, ""),
        ]
        assert history.videos == 1
        assert find(history.posts[0]).source == photos["cat"].read_bytes()
        assert all(post.likes is None for post in history.posts)
        assert any("no likes" in remark and "--likes" in remark for remark in history.remarks)


def test_likes_of_professional_accounts_are_found_by_their_time(tmp_path: Path, photos: dict[str, Path]) -> None:
    path = write_export(tmp_path / "me.zip", photos, likes={1704103200: "1,234", 1704448801: "--", 1: "5"})
    with open_export(path, max_bytes=10**7) as (history, _):
        assert [post.likes for post in history.posts] == [1234, None, None]
        assert "2 of 3 posts" in history.remarks[0]


def test_likes_come_from_a_table_by_time_or_by_name(tmp_path: Path, photos: dict[str, Path]) -> None:
    path = write_export(tmp_path / "me.zip", photos)
    rows = [("x", "2024-01-01T10:00:30Z", "10"), ("5_n.jpg", "2000-01-01", "30"), ("y", "2024-01-03", "99")]
    table = write_table(tmp_path / "likes.csv", rows, ("id", "time", "likes"))
    with open_export(path, max_bytes=10**7) as (history, _):
        assert [post.likes for post in with_likes(history, table).posts] == [10, None, 30]


def test_two_likes_for_one_time_are_none(tmp_path: Path, photos: dict[str, Path]) -> None:
    path = write_export(tmp_path / "me.zip", photos)
    rows = [("x", "2024-01-01T10:00:00Z", "10"), ("y", "2024-01-01T10:00:30Z", "20")]
    table = write_table(tmp_path / "likes.csv", rows, ("id", "time", "likes"))
    with open_export(path, max_bytes=10**7) as (history, _):
        assert [post.likes for post in with_likes(history, table).posts] == [None, None, None]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no ZIP archive"),
        (b"PK\x03\x04 nothing", "no ZIP archive"),
        (zip_with({"a.txt": b"a"}), "no list of posts"),
        (zip_with({"content/posts_1.html": b"<html>"}), "format JSON"),
        (zip_with({"content/posts_1.json": b"[{"}), "damaged"),
        (zip_with({"content/posts_1.json": b"[" * 100_000}), "damaged"),
        (zip_with({"content/posts_1.json": b"[]"}), "no post"),
        (zip_with({"content/posts_1.json": b'[1, null, "x", {"media": 5}, {"media": [7]}]'}), "no post"),
        (zip_with({"content/posts_1.json": b'[{"media": [{"uri": "a.jpg", "creation_timestamp": "x"}]}]'}), "no post"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_export_is_refused_with_a_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "odd.zip"
    path.write_bytes(content)
    with pytest.raises(UnreadableTable, match=reason), open_export(path, max_bytes=1000):
        pass


def test_pictures_that_are_missing_or_swell_are_errors_of_their_own(tmp_path: Path) -> None:
    posts = b"""[{"media": [{"uri": "../../etc/a.jpg", "creation_timestamp": 1700000000}]},
                 {"media": [{"uri": "media/large.jpg", "creation_timestamp": 1700000001}]}]"""
    path = tmp_path / "odd.zip"
    path.write_bytes(zip_with({"content/posts_1.json": posts, "media/large.jpg": bytes(100_000)}))
    with open_export(path, max_bytes=1000) as (history, find):
        with pytest.raises(UnreadableImage, match="not in the archive"):
            find(history.posts[0])
        with pytest.raises(ImageTooLarge, match="limit"):
            find(history.posts[1])


def test_a_size_that_lies_does_not_fill_the_memory(tmp_path: Path) -> None:
    posts = b'[{"media": [{"uri": "media/large.jpg", "creation_timestamp": 1700000001}]}]'
    content = bytearray(zip_with({"content/posts_1.json": posts, "media/large.jpg": bytes(3_000_000)}))
    # In the list at the end of the archive: the size of the file that is said to come out.
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = (500).to_bytes(4, "little")
    path = tmp_path / "odd.zip"
    path.write_bytes(content)
    with open_export(path, max_bytes=1000) as (history, find), pytest.raises((UnreadableImage, ImageTooLarge)):
        find(history.posts[0])
