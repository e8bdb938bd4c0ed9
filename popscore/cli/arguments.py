"""Arguments that several commands take."""

import argparse
from typing import TypeAlias

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
