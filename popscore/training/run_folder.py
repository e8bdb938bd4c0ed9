"""The folder of a training run, which never mixes two of them. Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path

from popscore.errors import PopscoreError
from popscore.files.atomic import failure, make_folder, replacing
from popscore.models.spec import Json

CONFIG = "config.json"


class RunRefused(PopscoreError, ValueError):
    """The folder of a run belongs to another one, or an option cannot be used."""


def claim(run: Path, wanted: Json) -> None:
    """Make the folder of a run, or go on in one of the same configuration.

    Args:
        wanted: all that decides what comes out, by name, as JSON gives it back.

    Raises:
        RunRefused: another run is there, or other files; the message names what differs.
        ExportFailed: the folder cannot be made or written to.
    """
    make_folder(run)
    path = run / CONFIG
    if not path.exists():
        try:
            others = [entry.name for entry in run.iterdir() if not entry.name.startswith(".popscore-")]
        except OSError as error:
            raise failure(run.name, error) from error
        if others:
            raise RunRefused(f"{run} holds other files, such as {sorted(others)[0]}. Name an empty or a new folder.")
        with replacing(path) as file:
            file.write(json.dumps(wanted, indent=2).encode() + b"\n")
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunRefused(f"{path} cannot be read, so nobody knows what {run} holds. Name a new folder.") from error
    if not isinstance(found, dict):
        found = {}
    for name in wanted:
        if found.get(name) != wanted[name]:
            raise RunRefused(
                f"{run} holds a run of another configuration: {name} is {str(found.get(name))[:80]} there and "
                f"{str(wanted[name])[:80]} here. Name a new folder, or give the options of that run."
            )
    for left in run.glob(".popscore-*.tmp"):  # of a run that was killed while it wrote
        left.unlink(missing_ok=True)
