"""Commands that make the networks of a room: packages that carry the weights in, ONNX files out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.files.atomic import replacing

Makes = Callable[[Path], Iterable[tuple[str, bytes]]]
"""From the folder with the packages to the names of the networks, without ending, and their files."""


def write_networks(made: Iterable[tuple[str, bytes]], models: Path) -> None:
    """Write each network into a folder as soon as it is made, and say its size and hash."""
    for name, content in made:
        with replacing(models / f"{name}.onnx") as file:
            file.write(content)
        print(f"{name}.onnx {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def run(argv: Sequence[str], *, usage: str | None, make: Makes, models: Path) -> int:
    """Make the networks.

    Args:
        argv: the folder with the packages, and the one to write to, if that is not `models`.
        usage: what is said when there are too few or too many of them.
        make: makes the networks one by one.
        models: where the networks of the room lie.

    Returns:
        0 when all is written, 2 when something is missing.
    """
    if not 1 <= len(argv) <= 2:
        print(usage, file=sys.stderr)
        return 2
    try:
        write_networks(make(Path(argv[0])), Path(argv[1]) if len(argv) == 2 else models)
    except PopscoreError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
