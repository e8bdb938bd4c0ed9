"""Arguments that several commands take."""

import argparse
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from popscore.personal.bank import MemoryBank
    from popscore.scoring.scorer import Scorer

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where commands are added."""


def add_json(command: argparse.ArgumentParser) -> None:
    """`--json`."""
    command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def add_exact(command: argparse.ArgumentParser) -> None:
    """`--exact`."""
    command.add_argument("--exact", action="store_true", help="decode large JPEGs in full; slower, hardly different")


def whole_number(text: str) -> int:
    """A whole number above 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < number < 10**9:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number above 0")
    return number


def whole_number_or_zero(text: str) -> int:
    """A whole number from 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from 0 to 999999999")
    return int(text)


def fitting_number(text: str, fits: Callable[[float], bool], what: str) -> float:
    """A number that an option takes.

    Args:
        text: what was typed.
        fits: whether the option takes it; false for a NaN, which stands for what is no number.
        what: what it should be, such as `a number above 0`.

    Raises:
        argparse.ArgumentTypeError: it is none, or does not fit.
    """
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not fits(found):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}")
    return found


def add_bank(command: argparse.ArgumentParser) -> None:
    """`--bank` and what goes with it."""
    bank = command.add_argument_group("a person's own audience")
    bank.add_argument("--bank", metavar="FILE", help="order by what this person's past posts say, see `popscore bank`")
    bank.add_argument("--at", type=moment, metavar="TIME", help="only posts before this time count (now)")
    bank.add_argument(
        "--similar",
        type=weight,
        nargs=3,
        metavar=("POSE", "BACKGROUND", "CAPTION"),
        help="weights of what makes a post like a photo (0 0 1); 1 1 1 is slower",
    )
    bank.add_argument("--renormalise", action="store_true", help="leave out of --similar what a photo does not have")
    bank.add_argument("--neighbours", type=whole_number, default=5, metavar="K", help="name so many such posts (5)")


def opened_bank(options: argparse.Namespace, scorer: "Scorer") -> "MemoryBank | None":
    """The bank that `--bank` names; None where it names none, and then nothing of it is imported.

    Raises:
        BankRefused: it cannot be used.
        InvalidSetting: one of the other options cannot be used, or is there without `--bank`.
    """
    if options.bank is None:
        if options.at is not None or options.similar is not None:
            from popscore.errors import InvalidSetting

            raise InvalidSetting("--at and --similar go with --bank FILE. Name the bank.")
        return None
    from popscore.personal.bank import MemoryBank
    from popscore.personal.retrieval import Retrieval

    pose, background, caption = options.similar or (0.0, 0.0, 1.0)
    retrieval = Retrieval(
        pose=pose, background=background, caption=caption, renormalise=options.renormalise, k=options.neighbours
    )
    bank = MemoryBank.open(options.bank, scorer=scorer).with_retrieval(retrieval)
    return bank if options.at is None else bank.at(options.at)


def weight(text: str) -> float:
    """A number at least 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return fitting_number(text, lambda found: 0 <= found < 1e6, "a number from 0 on")


def moment(text: str) -> datetime:
    """A date or a time; without a zone in UTC.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no time such as 2026-01-31 or 2026-01-31T12:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
