"""The command `compare`."""

import argparse

import popscore
from popscore import words
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_exact, add_json
from popscore.cli.terminal import complain, write


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    compare = commands.add_parser("compare", help="which of two photos is the better one, and how sure that is")
    compare.add_argument("first", metavar="A", help="a photo file")
    compare.add_argument("second", metavar="B", help="another one")
    add_exact(compare)
    add_json(compare)
    return compare


def run(options: argparse.Namespace) -> int:
    """Score both photos and print which is the better one."""
    from popscore.cli.score import rows

    answer = popscore.compare_images(options.first, options.second, scorer=popscore.load_scorer(exact=options.exact))
    announce(answer.model)
    if options.json:
        write(json_text(answer.to_json()))
    else:
        write(rows(answer))
        if answer.win_probability is not None:
            a, b = answer.results
            complain(words.beats(a.file, b.file, answer.win_probability, too_close=answer.too_close))
    return status(answer.results, answer.errors)
