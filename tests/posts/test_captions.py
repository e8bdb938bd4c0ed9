"""Captions: hashtags and mentions as Instagram reads them, and the words that are left."""

import pytest

from popscore.posts.captions import read_caption


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#love", ["love"]),
        ("#Love #LOVE", ["love", "love"]),
        ("#a#b", ["a", "b"]),
        ("so #nice, #good! (#fine) #end.", ["end", "fine", "good", "nice"]),
        ("#2017 #snake_case", ["2017", "snake_case"]),
        ("C#sharp and a&#39;b and http://x.org/#top", []),
        ("# alone, #! and ##", []),
        ("#Straße #STRASSE", ["strasse", "strasse"]),
        ("#café #cafe\u0301", ["café", "café"]),
        ("＃全角 #татуировка #हिन्दी #ديمابياعة", ["全角", "татуировка", "हिन्दी", "ديمابياعة"]),  # noqa: RUF001
        ("#BOOM👑 #🌴 #❤️ #❤", ["boom👑", "❤", "❤", "🌴"]),
        ("#family👨‍👩‍👧 #thumb👍🏽", ["family👨‍👩‍👧", "thumb👍🏽"]),
        ("#FOLLOWME‼️🎉", ["followme"]),
        ("#⃣ #️⃣ is a key, no tag", []),
        ("#ParkGuell⠀next", ["parkguell"]),
        ("#a,b#c é", ["a"]),
        ("#don't", ["don"]),
        ("é #a-b #c…", ["a", "c"]),
    ],
)
def test_hashtags(text: str, tags: list[str]) -> None:
    assert list(read_caption(text).tags) == sorted(tags)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@friend", ["friend"]),
        ("with @A.Friend_1, @b. (@c)", ["a.friend_1", "b", "c"]),
        ("mail me@example.com", []),
        ("@ nobody", []),
        ("@" + "a" * 40, ["a" * 30]),
        ("＠wide é", ["wide"]),  # noqa: RUF001
    ],
)
def test_mentions(text: str, mentions: list[str]) -> None:
    assert list(read_caption(text).mentions) == mentions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("   ", 0),
        ("one two  three", 3),
        ("one #two @three four", 2),
        ("don't stop - ever!", 3),
        ("😀 😀 ... !!", 0),
        ("今日は天気がいい", 4),
        ("สวัสดี ok", 4),
        ("naïve café", 2),
        ("#tag!word", 1),
        ("é #tag!word", 2),
    ],
)
def test_words(text: str, words: int) -> None:
    assert read_caption(text).words == words


def test_empty_is_no_caption_and_an_emoji_is_one() -> None:
    assert [read_caption(text).empty for text in ("", " \n", "😀", "#a")] == [True, True, False, False]


def test_order_and_number() -> None:
    assert read_caption("#b #a @x").tags == read_caption("@x #A #B").tags
    assert read_caption("#a #a").tags != read_caption("#a").tags
    assert read_caption("#a @b").tags != read_caption("#b @a").tags


def test_a_huge_caption_is_read_quickly() -> None:
    assert len(read_caption("#a" * 200_000).tags) == 200_000
    assert read_caption("é" + "#" * 200_000).tags == ()
    assert read_caption("é" + "#a!" * 50_000 + "@" * 50_000).words >= 1
