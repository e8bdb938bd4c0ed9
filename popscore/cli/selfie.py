"""The command `selfie`."""

import argparse
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import popscore
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import Progress, write
from popscore.errors import PopscoreError
from popscore.foreign_text import printable
from popscore.results import FailedPhoto

if TYPE_CHECKING:
    from popscore.people.selfie import SelfieScore

_BAR = 20  # letters of a probability of 1
_MOST_FACES = 5
_INDENT = " " * 8


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    selfie = commands.add_parser(
        "selfie",
        help="how popular as a selfie, and the expression of each face",
        description="How likely a photo is to be popular as a selfie, and which expressions its faces show. The "
        "probability comes from the selfie model that POPSCORE_SELFIE_MODEL names; without one, from the share of "
        "photos that this one beats by the model in use.",
    )
    selfie.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo file")
    add_json(selfie)
    return selfie


def run(options: argparse.Namespace) -> int:
    """Score the photos as selfies and print the answer."""
    from popscore.people.selfie import BIAS, SelfieScorer

    scorer = SelfieScorer(popscore.Settings.from_environment())
    announce(scorer.model)
    results: list[SelfieScore] = []
    errors: list[FailedPhoto] = []
    with Progress() as progress:
        for done, photo in enumerate(options.photos):
            progress.update(done, len(options.photos))
            try:
                results.append(scorer.score(photo))
            except PopscoreError as error:
                errors.append(FailedPhoto(file=photo, error=error))
        progress.update(len(options.photos), len(options.photos))
    if options.json:
        document = {
            "model": scorer.model.to_json(),
            "results": [result.to_json() for result in results],
            "errors": [error.to_json() for error in errors],
        }
        write(json_text(document))
    elif results:
        write("".join("".join(_rows(result)) + "\n" for result in results) + _wrapped(BIAS, indent=""))
    return status(results, errors)


def _rows(result: "SelfieScore") -> Iterator[str]:
    """The probability, what it is, what was seen; then the expressions of each face as bars, likeliest first."""
    yield f"{100 * result.probability:4.0f} %  {printable(result.file)}\n"
    yield _wrapped(result.meaning) + _wrapped(result.seen)
    for number, face in enumerate(result.faces[:_MOST_FACES], 1):
        if len(result.faces) > 1:
            left, top, right, bottom = face.box
            yield f"{_INDENT}face {number}: {right - left} x {bottom - top} at {left}, {top}\n"
        for name, value in sorted(face.expressions.items(), key=lambda item: -item[1]):
            yield f"{_INDENT}  {name:<10}{value:5.2f}  {'#' * round(_BAR * value)}".rstrip() + "\n"
    if len(result.faces) > _MOST_FACES:
        yield f"{_INDENT}and {len(result.faces) - _MOST_FACES} more; --json has them all\n"


def _wrapped(sentence: str, *, indent: str = _INDENT) -> str:
    """A sentence in lines that a terminal shows as they are."""
    return textwrap.fill(printable(sentence), 100, initial_indent=indent, subsequent_indent=indent) + "\n"
