"""Small tables of posts and data exports for the tests of memory banks."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEAD = ("id", "image", "time", "likes", "caption")
ROWS = (
    ("p1", "cat.png", "2024-01-01T10:00:00Z", "100", "my cat #cat"),
    ("p2", "coffee.png", "2024-01-05T10:00:00Z", "50", "coffee time"),
    ("p3", "astronaut.png", "2024-01-09T10:00:00Z", "220", ""),
    ("p4", "rocket.jpg", "2024-01-15T10:00:00Z", "70", "launch day"),
)


def write_posts(folder: Path, photos: Mapping[str, Path], rows: Sequence[Sequence[str]] = ROWS) -> Path:
    """A table and a folder `photos` with the four photographs; the path of the table."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for name, path in photos.items():
        shutil.copy(path, folder / "photos" / f"{name}{path.suffix}")
    write_table(folder / "posts.csv", rows)
    return folder / "posts.csv"


def write_table(path: Path, rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def as_instagram_writes(text: str) -> str:
    """Each byte of the UTF-8 as a letter of its own."""
    return text.encode("utf-8").decode("latin-1")


def export_posts(photos: Mapping[str, Path]) -> list[dict[str, Any]]:
    """The list of posts of an export: a single picture, several, a video."""
    return [
        {"media": [{"uri": "media/posts/202401/1_n.png", "creation_timestamp": 1704103200, "title": "Café"}]},
        {
            "media": [
                {"uri": "media/posts/202401/2_n.png", "creation_timestamp": 1704448800},
                {"uri": "media/posts/202401/3_n.png", "creation_timestamp": 1704448800},
            ],
            "title": as_instagram_writes("Frühstück ☕"),
            "creation_timestamp": 1704448801,
        },
        {"media": [{"uri": "media/posts/202401/4_n.mp4", "creation_timestamp": 1704448900, "title": "a film"}]},
        {"media": [{"uri": "media/posts/202401/5_n.jpg", "creation_timestamp": 1704620000, "title": ""}]},
    ]


def insights(likes: Mapping[int, str]) -> dict[str, Any]:
    return {
        "organic_insights_posts": [
            {
                "media_map_data": {"Media Thumbnail": {"uri": "media/x.jpg", "creation_timestamp": second}},
                "string_map_data": {"Likes": {"href": "", "value": count, "timestamp": 0}},
            }
            for second, count in likes.items()
        ]
    }


def write_export(
    path: Path,
    photos: Mapping[str, Path],
    *,
    posts: Any = None,
    layout: str = "your_instagram_activity/media/posts_1.json",
    likes: Mapping[int, str] | None = None,
    root: str = "",
) -> Path:
    """A data export as its owner downloads it."""
    pictures = {"1_n.png": photos["cat"], "2_n.png": photos["coffee"], "5_n.jpg": photos["rocket"]}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(root + layout, json.dumps(export_posts(photos) if posts is None else posts))
        for name, photo in pictures.items():
            archive.write(photo, f"{root}media/posts/202401/{name}")
        archive.writestr(f"{root}media/posts/202401/4_n.mp4", b"no film")
        if likes is not None:
            archive.writestr(
                f"{root}logged_information/past_instagram_insights/posts.json", json.dumps(insights(likes))
            )
    return path


def zip_with(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
