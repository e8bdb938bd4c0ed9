"""The command `try`."""

import argparse
from pathlib import Path

import popscore
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import Progress, write
from popscore.errors import ExportFailed
from popscore.files.atomic import failure
from popscore.foreign_text import file_stem, printable, shortened
from popscore.insight.edits import save_edit
from popscore.insight.trials import TASTE, Trial, WhatIf
from popscore.photos.rewriting import fitting_suffix
from popscore.results import FailedPhoto


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    command = commands.add_parser("try", help="edits of a photo that the model likes better than the photo as it is")
    command.add_argument("photo", metavar="PHOTO", help="a photo file")
    command.add_argument("--out", metavar="DIR", type=Path, help="save the photo with each of them, in full resolution")
    command.add_argument("--keep-location", action="store_true", help="let saved photos say where they were taken")
    add_json(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Try the edits, save what gains, and print the answer."""
    scorer = popscore.load_scorer()
    if options.out:
        _make_folder(options.out)
    with Progress("edits") as progress:
        found = popscore.what_if(options.photo, scorer=scorer, on_progress=progress.update)
    saved, errors = _saved(found, options) if options.out else ([None] * len(found.better), [])
    announce(found.model)
    if options.json:
        document = found.to_json()
        for row, image in zip(document["results"], saved, strict=True):
            row["image"] = None if image is None else str(image)
        write(json_text({**document, "errors": [error.to_json() for error in errors]}))
    else:
        write(_rows(found, saved))
    # That nothing gains is an answer, too.
    return status([found], errors)


def _saved(found: WhatIf, options: argparse.Namespace) -> tuple[list[Path | None], list[FailedPhoto]]:
    """Where the photo with each edit was written; None for those that could not be."""
    written: list[Path | None] = []
    errors: list[FailedPhoto] = []
    for trial in found.better:
        path = options.out / _name(options.photo, trial)
        try:
            written.append(
                save_edit(options.photo, trial.edit, path, keep_location=options.keep_location, replace=True)
            )
        except ExportFailed as error:
            written.append(None)
            errors.append(FailedPhoto(file=options.photo, error=error))
    return written, errors


def _name(photo: str, trial: Trial) -> str:
    """The photo's name, the edit and its strength: `beach_exposure+0.35.jpg`."""
    return f"{file_stem(photo)}_{trial.edit.name}{trial.edit.strength:+.2f}{fitting_suffix(photo)}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise failure(shortened(folder.name or str(folder)), error) from error


def _rows(found: WhatIf, saved: list[Path | None]) -> str:
    lines = [f"{found.score_before:6.2f}  as it is\n"]
    for trial, image in zip(found.better, saved, strict=True):
        place = f"  {printable(str(image))}" if image else ""
        lines.append(f"{trial.score:6.2f}  {trial.sentence}{place}\n")
    remark = "" if found.better and found.complete else f"{found.sentence}\n"
    return "".join(lines) + remark + (f"{TASTE}\n" if found.better else "")
