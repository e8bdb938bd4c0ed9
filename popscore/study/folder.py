"""What lies in the folder of a study. Quick for a hundred thousand files, because nothing is opened or asked about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_in(folder: Path) -> Iterator[str]:
    """Paths of all files in a folder and below it, relative to it, with `/`: not hidden ones; links are followed.

    Whether a file is a photo shows when it is decoded, which is the only thing that a study does with it.
    """
    seen: set[tuple[int, int]] = set()  # links may lead back
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with suppress(OSError):  # a folder that is closed to popscore, or gone by now
            place = folder / inside
            found = place.stat()
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    path = f"{inside}{entry.name}"
                    if entry.is_dir():
                        waiting.append(f"{path}/")
                    else:
                        yield path
