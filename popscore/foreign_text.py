"""Text from outside, such as a file's name, made fit for the place where it is shown.

Each function is for one place: a message, a terminal, a file name, a cell of a table, Markdown, HTML. Text is made
fit where it is shown, not where it comes in, because each place has other dangers.
"""

import re
from pathlib import PureWindowsPath

_MAX_IN_MESSAGE = 120
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_MAX_NAME = 120  # letters, so at most 480 bytes of UTF-8; file systems allow 255 letters or bytes
_MAX_NAME_BYTES = 200
# What a spreadsheet takes for a formula, also after blanks and in the wide letters of East Asia, and an
# apostrophe, so that the one that is put in front can always be told from one that was there.
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n']")  # noqa: RUF001
_MARKUP = re.compile(r"[\\`*_\[\]<>|#]")


def shortened(name: str) -> str:
    """For a message: at most 120 characters, none of which moves the cursor or turns the text around."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    short = printable if len(printable) <= _MAX_IN_MESSAGE else printable[: _MAX_IN_MESSAGE - 1] + "…"
    return short or "the photo"


def printable(text: str) -> str:
    """For a terminal: nothing that moves the cursor or breaks the line; escapes stand for what cannot be shown."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def file_name(path: str) -> str:
    """For a file system: the last part of a path as a name that every system takes, and that leads nowhere else."""
    # Windows' rules know both kinds of slash; what came from Windows may be unpacked elsewhere.
    name = _NOT_IN_A_NAME.sub("_", PureWindowsPath(path.replace(":", "_")).name).strip(". ")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = name, ""
    kept = _cut(stem[:_MAX_NAME], _MAX_NAME_BYTES)
    return f"{kept}{'.' + suffix if suffix else ''}" if kept else "photo"


def file_stem(path: str) -> str:
    """As `file_name`, without its ending: at most 200 bytes of UTF-8, so that 50 more may follow."""
    name = file_name(path)
    return _cut(name.rpartition(".")[0] or name, _MAX_NAME_BYTES).rstrip(". ")


def _cut(text: str, max_bytes: int) -> str:
    """The beginning of a text in so many bytes of UTF-8; no letter is cut in two."""
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore")


def cell(text: str) -> str:
    """For a table: one more apostrophe in front of an apostrophe, and of what a spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def markdown(text: str, *, keep: str = "") -> str:
    """For Markdown: no line breaks, no table cells, no markup of its own.

    Args:
        keep: marks that stay as they are.
    """
    flat = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return _MARKUP.sub(lambda found: found[0] if found[0] in keep else f"\\{found[0]}", flat)


def in_html(text: str) -> str:
    """For HTML, between tags and in attributes."""
    import html  # no command needs its tables of entities

    return html.escape(text)
