"""The command `explain`."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import popscore
from popscore import words
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_exact, add_json
from popscore.cli.score import rows
from popscore.cli.terminal import Progress, write
from popscore.errors import ExportFailed, PopscoreError
from popscore.results import FailedPhoto, Report, report

if TYPE_CHECKING:
    from popscore.insight.maps import ScoreMap


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    explain = commands.add_parser(
        "explain",
        help="where in a photo its score comes from",
        description="Say what raised and what lowered the score of a photo, and draw it over the photo.",
    )
    explain.add_argument("photo", metavar="PHOTO", help="a photo file")
    explain.add_argument("--out", metavar="PNG", type=Path, help="write the photo with the map over it")
    explain.add_argument(
        "--method",
        choices=("activation_map", "occlusion"),
        help="the model's own map, or each cell hidden in turn; by default the own map if there is one",
    )
    explain.add_argument("--dark", action="store_true", help="draw it for a dark page")
    add_exact(explain)
    add_json(explain)
    return explain


def run(options: argparse.Namespace) -> int:
    """Explain the photo, write the picture, print the answer."""
    from popscore.insight.map_picture import check_picture_target

    if options.out is not None:
        check_picture_target(options.out)
    answer = _answer(options)
    write(json_text(answer.to_json()) if options.json else "".join(_text(answer)))
    return status(answer.results, answer.errors)


def _answer(options: argparse.Namespace) -> Report:
    scorer = popscore.load_scorer(exact=options.exact)
    announce(scorer.model)
    try:
        with Progress(of="parts") as progress:
            found = popscore.explain(options.photo, scorer=scorer, method=options.method, on_progress=progress.update)
    except PopscoreError as error:
        if isinstance(error, popscore.InvalidSetting):
            raise
        return report(scorer.model, [FailedPhoto(file=options.photo, error=error)])
    if options.out is None:
        return report(scorer.model, [found])
    from popscore.insight.map_picture import save_map

    try:
        save_map(options.photo, found, options.out, scorer=scorer, dark=options.dark)
    except (ExportFailed, popscore.UnreadableImage) as error:
        return report(scorer.model, [found, FailedPhoto(file=str(options.out), error=error)])
    return report(scorer.model, [replace(found, image=str(options.out))])


def _text(answer: Report) -> list[str]:
    lines = [rows(answer)]
    for found in answer.results:
        lines += [f"{line}\n" for line in _explanation(found, answer)]  # type: ignore[arg-type]
    return lines


def _explanation(found: "ScoreMap", answer: Report) -> list[str]:
    from popscore.insight import places

    raising, lowering = places.strongest(found)
    return [
        f"Raises the score: {places.listed(raising)}.",
        f"Lowers the score: {places.listed(lowering)}.",
        f"{places.addition(found)}.",
        f"The map has {places.resolution(found)}. {places.honesty(found, answer.model.spec)}",
        *([words.warned(found.warning)] if found.warning else []),
        *([f"Written: {found.image}"] if found.image else []),
    ]
