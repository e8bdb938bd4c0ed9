"""What commands answer with: JSON, rows for people, the status that says how it went."""

import json
from collections.abc import Iterable, Sequence

from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, complain
from popscore.foreign_text import printable
from popscore.models.spec import Json, ModelInfo
from popscore.photos.sources import named
from popscore.results import FailedPhoto


def json_text(document: Json) -> str:
    """One JSON document. ASCII, so that it is JSON in every encoding of the output, odd file names included."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def rows_text(rows: Iterable[tuple[str, str | None]], *, width: int) -> str:
    """Names and values below each other; rows without a value are left out.

    Args:
        width: letters of the column of names, with the two blanks behind it.
    """
    return "".join(f"{printable(name):<{width - 2}}  {printable(value)}\n" for name, value in rows if value)


def status(results: Sequence[object], errors: Iterable[FailedPhoto]) -> int:
    """The exit status, after each error was told on standard error."""
    failed = list(errors)
    for one in failed:
        complain(_with_path(one))
    if not results:
        return NOTHING_DONE
    return SOME_FAILED if failed else ALL_WELL


def announce(info: ModelInfo) -> None:
    """Say on standard error why this is not the model that was asked for, if it is not."""
    if info.notice:
        complain(info.notice)


def _with_path(failed: FailedPhoto) -> str:
    """The message, with the path as given for the name: two folders may hold photos of one name."""
    message, name = str(failed.error), named(failed.file).short_name
    return failed.file + message.removeprefix(name) if message.startswith(f"{name} ") else message
