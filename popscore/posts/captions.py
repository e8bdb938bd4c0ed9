"""What a caption holds: hashtags and mentions as Instagram reads them, and the words that are left.

Instagram publishes no grammar. What is known from its help pages and from real captions: a hashtag runs over letters of
all scripts, their marks, digits, underscores and emoji, and ends before a blank, punctuation, `#` or `@`; upper and
lower case are the same; a mention has the letters of user names, `a-z 0-9 . _`, at most 30, and never ends with a dot.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Not inside a word, an address or an HTML entity. What follows may hold several tags, and what ends them.
_TAGS = re.compile(r"(?<![\w&/])#[^\s@]+")
_ASCII_TAGS = re.compile(r"(?<![\w&/])(?:#\w+)+")
_MENTION = re.compile(r"(?<![\w.@/])@([A-Za-z0-9_](?:[A-Za-z0-9_.]{0,28}[A-Za-z0-9_])?)")
# The first of each pair has a use that the second says in plain text.
_ODD = str.maketrans(
    {"\u2800": " ", "\u200b": " ", "\u00ad": "", "\u2060": "", "\ufeff": "", "\ufe0e": "", "\ufe0f": ""}
    | dict.fromkeys(map(chr, range(0x202A, 0x202F)), "")
    | dict.fromkeys(map(chr, range(0x2066, 0x206A)), "")
    | {"\u200e": "", "\u200f": ""}
)
_WORD = re.compile(r"[^\W_]")
# Scripts that set no blanks between words: Han, kana, Thai, Lao, Khmer, Burmese.
_NO_BLANKS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]+"
)
# Two letters per word: the mean of Chinese text; Thai words are longer, so their captions count as rather too long.
_LETTERS_PER_WORD = 2


@dataclass(frozen=True, slots=True)
class Caption:
    """What a caption holds.

    Attributes:
        tags: hashtags without `#`, in one spelling, sorted; one that stands there twice is here twice.
        mentions: user names without `@`, likewise.
        words: how many are left when both are taken out.
        empty: there was no caption at all.
    """

    tags: tuple[str, ...]
    mentions: tuple[str, ...]
    words: int
    empty: bool


def read_caption(text: str) -> Caption:
    """Take a caption apart.

    Spellings that mean the same are made one: NFKC, case folded (so that `#STRASSE` and `#straße` are one tag), without
    the selectors of emoji and text shape. A word is what stands between blanks and holds a letter or digit; emoji and
    punctuation alone are none. In scripts without blanks two letters count as a word.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_ODD))
    tags: list[str] = []
    mentions: list[str] = []
    if "#" in plain:
        if plain.isascii():
            plain = _ASCII_TAGS.sub(lambda found: _ascii_tags(found, tags), plain)
        else:
            plain = _TAGS.sub(lambda found: _tags(found, tags), plain)
    if "@" in plain:
        mentions = [name.casefold() for name in _MENTION.findall(plain)]
        plain = _MENTION.sub(" ", plain)
    return Caption(
        tags=tuple(sorted(tags)),
        mentions=tuple(sorted(mentions)),
        words=sum(map(_words, plain.split())),
        empty=not text.strip(),
    )


def _ascii_tags(found: re.Match[str], into: list[str]) -> str:
    into.extend(found[0].lower().split("#")[1:])
    return " "


def _tags(found: re.Match[str], into: list[str]) -> str:
    """Puts the tags of a run such as `#a#b!` into a list; returns what is no part of them."""
    left = " "
    for part in found[0].split("#")[1:]:
        if left[-1] == "_" or left[-1].isalnum():  # as in `#a,b#c`
            left += "#" + part
            continue
        end = next((at for at, letter in enumerate(part) if not _in_tag(letter)), len(part))
        if tag := part[:end].strip("\u200c\u200d"):
            into.append(unicodedata.normalize("NFKC", tag.casefold()))
            left += " " + part[end:]
        else:
            left += "#" + part
    return left


@lru_cache(maxsize=4096)
def _in_tag(letter: str) -> bool:
    """Whether a hashtag goes on with this: letters, marks, digits, symbols that are pictures, joiners within emoji."""
    kind = unicodedata.category(letter)
    # U+20E3 makes a key of what is before it, and a picture of `#`; the tags of flags are U+E0020 to U+E007F.
    if kind[0] in "LN" or letter == "_":
        return True
    if kind[0] == "M":
        return letter != "\u20e3"
    skin = "\U0001f3fb" <= letter <= "\U0001f3ff"
    return kind == "So" or skin or letter in "\u200c\u200d" or "\U000e0020" <= letter <= "\U000e007f"


def _words(token: str) -> int:
    if token.isascii():
        return 1 if _WORD.search(token) else 0
    dense = sum(-(-len(run) // _LETTERS_PER_WORD) for run in _NO_BLANKS.findall(token))
    return dense + (1 if _WORD.search(_NO_BLANKS.sub("", token)) else 0)
