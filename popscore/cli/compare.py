"""The command `compare`."""

import argparse

import popscore
from popscore import words
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_bank, add_exact, add_json, opened_bank
from popscore.cli.score import rows
from popscore.cli.terminal import write
from popscore.foreign_text import printable


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    compare = commands.add_parser("compare", help="which of two photos is the better one, and how sure that is")
    compare.add_argument("first", metavar="A", help="a photo file")
    compare.add_argument("second", metavar="B", help="another one")
    add_exact(compare)
    add_bank(compare)
    add_json(compare)
    return compare


def run(options: argparse.Namespace) -> int:
    """Score both photos and print which is the better one."""
    scorer = popscore.load_scorer(exact=options.exact)
    bank = opened_bank(options, scorer)
    answer = popscore.compare_images(options.first, options.second, scorer=scorer, bank=bank)
    announce(answer.model)
    if options.json:
        write(json_text(answer.to_json()))
    else:
        write(rows(answer) + _verdict(answer))
    return status(answer.results, answer.errors)


def _verdict(answer: popscore.Comparison) -> str:
    """Which one would win, in one line; nothing where that cannot be said."""
    if answer.win_probability is None:
        return ""
    a, b = (printable(photo.file) for photo in answer.results)
    return words.beats(a, b, answer.win_probability, too_close=answer.too_close) + "\n"
