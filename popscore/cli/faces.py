"""The command `faces`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.answers import json_text, status
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import Progress, write
from popscore.errors import ExportFailed, InvalidSetting, PopscoreError
from popscore.foreign_text import printable
from popscore.results import FailedPhoto
from popscore.settings import Settings

if TYPE_CHECKING:
    from PIL import Image

    from popscore.people.find import PhotoFaces

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    faces = commands.add_parser(
        "faces",
        help="the faces on each photo, with eyes and expressions",
        description="Find the faces on photos: where they are, whether eyes are open, which expression they show. "
        "Nothing says whose they are.",
    )
    faces.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo file")
    faces.add_argument(
        "--out", metavar="PNG", help="write the photo with its faces framed; with several photos, a folder for them"
    )
    add_json(faces)
    return faces


def run(options: argparse.Namespace) -> int:
    """Find the faces, print them, and write the pictures that were asked for."""
    from popscore.people.find import NETWORKS, faces_on
    from popscore.photos.decode import read_photo
    from popscore.photos.sources import ImageLimits

    targets = _targets(options)
    results: list[PhotoFaces] = []
    errors: list[FailedPhoto] = []
    limits = ImageLimits(max_bytes=Settings.from_environment().max_image_bytes)
    with Progress() as progress:
        for done, photo in enumerate(options.photos):
            progress.update(done, len(options.photos))
            try:
                read = read_photo(photo, limits=limits)
                results.append(faces_on(read, file=photo))
            except PopscoreError as error:
                errors.append(FailedPhoto(file=photo, error=error))
                continue
            if targets:
                try:
                    _draw(read.pixels, results[-1], targets[done])
                except ExportFailed as error:
                    errors.append(FailedPhoto(file=str(targets[done]), error=error))
        progress.update(len(options.photos), len(options.photos))
    if options.json:
        document = {
            "model": NETWORKS,
            "results": [result.to_json() for result in results],
            "errors": [error.to_json() for error in errors],
        }
        write(json_text(document))
    else:
        write("".join(line for result in results for line in _rows(result)))
    return status(results, errors)


# --- the pictures -----------------------------------------------------------------------------------

_ADDED = " faces.png"  # what a name ends with that only popscore gives, so that it may be written again


def _draw(pixels: "Image.Image", found: "PhotoFaces", target: Path) -> None:
    from popscore.files.atomic import replacing
    from popscore.people.drawing import with_frames

    with replacing(target, photos=target.name.endswith(_ADDED)) as file:
        with_frames(pixels, found.faces).save(file, _FORMATS[target.suffix.lower()])


def _targets(options: argparse.Namespace) -> list[Path]:
    """Where each photo's picture goes, in order; none where none is asked for.

    Raises:
        InvalidSetting: the name has another ending.
        ExportFailed: it cannot be written.
    """
    from popscore.files.atomic import check_target, failure

    if options.out is None:
        return []
    out = Path(options.out)
    if len(options.photos) == 1 and not out.is_dir():
        if out.suffix.lower() not in _FORMATS:
            raise InvalidSetting(
                f"--out {printable(options.out)} ends in none of {', '.join(_FORMATS)}. Name a .png file."
            )
        check_target(out)
        return [out]
    try:
        out.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise failure(out.name or str(out), error) from error
    return list(_named(options.photos, out))


def _named(photos: list[str], folder: Path) -> Iterator[Path]:
    """A name for each photo; photos of one name in several folders get a number."""
    taken: set[str] = set()
    for photo in photos:
        stem = Path(photo).stem[:100] or "photo"
        name, number = f"{stem}{_ADDED}", 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem} {number}{_ADDED}"
        taken.add(name.casefold())
        yield folder / name


# --- for people -------------------------------------------------------------------------------------


def _rows(result: "PhotoFaces") -> Iterator[str]:
    """A line for the photo, then one for each face."""
    from popscore.people.seen import eyes_seen

    count = len(result.faces)
    yield f"{printable(result.file)}: {count or 'no'} face{'' if count == 1 else 's'}\n"
    for number, face in enumerate(result.faces, 1):
        left, top, right, bottom = face.box
        place = f"{right - left} x {bottom - top} at {left}, {top}"
        shown = f"{face.expression} {face.expressions[face.expression]:.2f}"
        yield f"{number:>4}  {place:<26}  {eyes_seen(face):<16}  {shown}\n"
