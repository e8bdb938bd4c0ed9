"""Posts and pictures straight from the ZIP that Instagram gives the owner of an account, format JSON.

Layouts that are read, in the root of the archive or in one folder of it; they are known from programs of others that
read them, not from Instagram, which may change them:

    your_instagram_activity/media/posts_1.json     the newest that is known; posts_2.json and so on for large accounts
    your_instagram_activity/content/posts_1.json   older
    content/posts_1.json                           the oldest

Each is a list of posts {"media": [{"uri", "creation_timestamp", "title"}, …], "title", "creation_timestamp"}; of a post
with one picture the last two stand in `media`. A post's first picture is the one that is looked at.

Likes: these lists hold none. Of professional and creator accounts, and only in English, they are taken from

    logged_information/past_instagram_insights/posts.json   {"organic_insights_posts": [{"media_map_data":
        {"Media Thumbnail": {"creation_timestamp"}}, "string_map_data": {"Likes": {"value"}}}]}

which has the most recent posts only; they belong together by their time. For all others likes come from a table.
Text is repaired: Instagram writes each byte of its UTF-8 as a letter of its own.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from popscore.errors import ImageTooLarge, UnreadableImage
from popscore.files.kinds import PHOTO_SUFFIXES
from popscore.files.opening import opened
from popscore.foreign_text import shortened
from popscore.personal.history import MOST_LETTERS, Find, History, Post
from popscore.photos.sources import NamedPhoto
from popscore.posts import values
from popscore.posts.table import TABLE, UnreadableTable
from popscore.settings import BYTES_PER_MB

_POSTS = re.compile(
    r"(?P<root>(?:(?!your_instagram_activity/)[^/]+/)?)(?:your_instagram_activity/)?(?:content|media)/posts_\d{1,4}\.json"
)
_INSIGHTS = re.compile(r"(?:[^/]+/)?(?:logged_information/)?past_instagram_insights/posts\.json")
_HTML = re.compile(r"(?:[^/]+/)?(?:your_instagram_activity/)?(?:content|media)/posts_\d{1,4}\.html")
_MAX_JSON_BYTES = 100 * BYTES_PER_MB
_MAX_MEMBERS = 500_000
_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@contextmanager
def open_export(path: str | os.PathLike[str], *, max_bytes: int) -> Iterator[tuple[History, Find]]:
    """Read the posts of an export, and find their pictures in it. Nothing is unpacked to the disk.

    Args:
        path: of the ZIP.
        max_bytes: of a picture; larger ones are refused.

    Raises:
        UnreadableTable: it is no such export, it is damaged, or has no post.
    """
    name = shortened(Path(path).name)
    with opened(path, name=name, wanted=TABLE) as file:
        try:
            archive = zipfile.ZipFile(file)
        except _ERRORS as error:
            raise UnreadableTable(f"{name} is no ZIP archive that can be read: {error}. Download it again.") from None
        with archive:
            yield _read(archive, name, max_bytes)


def _read(archive: zipfile.ZipFile, name: str, max_bytes: int) -> tuple[History, Find]:
    members = {info.filename: info for info in archive.infolist()[:_MAX_MEMBERS]}
    lists = sorted(file for file in members if _POSTS.fullmatch(file))
    if not lists:
        if any(_HTML.fullmatch(file) for file in members):
            raise UnreadableTable(f"{name} is an export in HTML. Ask Instagram for one in the format JSON.")
        raise UnreadableTable(
            f"{name} has no list of posts: no your_instagram_activity/media/posts_1.json and no content/posts_1.json. "
            "Ask Instagram for your information with the part Posts, in the format JSON."
        )
    history = History()
    number = 0
    for file in lists:
        found = _POSTS.fullmatch(file)
        root = found["root"] if found else ""
        for item in _list(_json(archive, members[file], name)):
            number += 1
            _take(item, number, root, history)
    likes = _insights(archive, members, name)
    if likes:
        known = [post.time_ms // 1000 for post in history.posts]
        history.posts = [
            Post(id=post.id, time_ms=post.time_ms, likes=likes.get(at), caption=post.caption, image=post.image)
            for post, at in zip(history.posts, known, strict=True)
        ]
    without = sum(post.likes is None for post in history.posts)
    if without:
        history.remarks.append(
            f"{name} gives no likes for {without} of {len(history.posts)} posts: Instagram puts them into the export "
            "of professional accounts only, for the most recent posts, and popscore finds them in English. Nothing is "
            "learnt from posts without likes. Give them by a table with the columns time or id, and likes: --likes FILE"
        )
    if not history.posts:
        raise UnreadableTable(f"{name} has no post with a picture.")

    def find(post: Post) -> NamedPhoto:
        return NamedPhoto(_picture(archive, members.get(post.image), post, max_bytes), post.id)

    return history, find


def _take(item: Any, number: int, root: str, history: History) -> None:
    """One post of the list."""
    media = [one for one in _list(item.get("media")) if isinstance(one, dict)] if isinstance(item, dict) else []
    pictures = [one for one in media if PurePosixPath(_text(one.get("uri"))).suffix.lower() in PHOTO_SUFFIXES]
    if not pictures:
        if media:
            history.videos += 1
        else:
            history.fail(number, f"Post {number}: it has no media.")
        return
    uri = _text(pictures[0].get("uri"))
    try:
        time_ms = values.time_ms(item.get("creation_timestamp") or media[0].get("creation_timestamp"))
    except ValueError as error:
        history.fail(number, f"Post {number}: {error}.")
        return
    if len(uri) > MOST_LETTERS:
        history.fail(number, f"Post {number}: its picture's name has more than {MOST_LETTERS} letters.")
        return
    caption = _repaired(_text(item.get("title")) or _text(media[0].get("title")))
    history.add(Post(id=PurePosixPath(uri).stem, time_ms=time_ms, likes=None, caption=caption, image=root + uri))


def _insights(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str) -> dict[int, int]:
    """Likes by the second of the post, of professional accounts."""
    found: dict[int, int] = {}
    for file in members:
        if not _INSIGHTS.fullmatch(file):
            continue
        document = _json(archive, members[file], name)
        for item in _list(document.get("organic_insights_posts")) if isinstance(document, dict) else []:
            media, texts = (_dict(item).get(key) for key in ("media_map_data", "string_map_data"))
            times = [_dict(one).get("creation_timestamp") for one in _dict(media).values()]
            label = _dict(texts).get("Likes")
            try:
                likes = values.likes(_dict(label).get("value"))
                second = values.time_ms(times[0]) // 1000 if times else None
            except (TypeError, ValueError):
                continue
            if likes is not None and second is not None:
                found[second] = likes
    return found


def _picture(archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, post: Post, max_bytes: int) -> bytes:
    name = shortened(post.image)
    if info is None:
        raise UnreadableImage(f"{name} is not in the archive. Large exports come in parts: join them first.")
    if info.file_size > max_bytes:
        raise ImageTooLarge(f"{name} is too large: the limit is {max_bytes / BYTES_PER_MB:g} MB.")
    try:
        with archive.open(info) as file:
            # The size that stands in the archive may be a lie.
            content = file.read(max_bytes + 1)
    except _ERRORS as error:
        raise UnreadableImage(f"{name} could not be read from the archive: {error}. Download it again.") from None
    if len(content) > max_bytes:
        raise ImageTooLarge(f"{name} is too large: the limit is {max_bytes / BYTES_PER_MB:g} MB.")
    return content


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Any:
    try:
        if info.file_size > _MAX_JSON_BYTES:
            raise ValueError(f"it has more than {_MAX_JSON_BYTES / BYTES_PER_MB:g} MB")
        with archive.open(info) as file:
            content = file.read(_MAX_JSON_BYTES + 1)
        if len(content) > _MAX_JSON_BYTES:
            raise ValueError(f"it has more than {_MAX_JSON_BYTES / BYTES_PER_MB:g} MB")
        return json.loads(content)
    except (*_ERRORS, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise UnreadableTable(
            f"{name} is damaged: {shortened(info.filename)} cannot be read: {reason}. Download it again."
        ) from None


def _list(value: Any) -> list[Any]:
    """A list; one that is wrapped in an object is unwrapped, as some exports have it."""
    if isinstance(value, dict):
        value = next((one for one in value.values() if isinstance(one, list)), [])
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _repaired(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
