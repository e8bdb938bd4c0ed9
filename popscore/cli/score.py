"""The command `score`."""

import argparse

import popscore
from popscore import words
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_bank, add_exact, add_json, opened_bank
from popscore.cli.terminal import colored, write
from popscore.foreign_text import printable
from popscore.results import Report, ScoredPhoto, report


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    score = commands.add_parser("score", help="score each photo, in the order given")
    score.add_argument("photos", nargs="+", metavar="PHOTO", help="a photo file")
    add_exact(score)
    add_bank(score)
    add_json(score)
    return score


def run(options: argparse.Namespace) -> int:
    """Score the photos and print the answer."""
    scorer = popscore.load_scorer(exact=options.exact)
    bank = opened_bank(options, scorer)
    scorer = scorer if bank is None else bank.scorer(scorer)
    answer = report(scorer.model, scorer.score_many(options.photos))
    announce(answer.model)
    write(json_text(answer.to_json()) if options.json else rows(answer))
    return status(answer.results, answer.errors)


def rows(answer: Report) -> str:
    """A row for each photo: score, word, place among others, file."""
    lines = []
    for photo in answer.results:
        label = colored(f"{photo.label:<9}", photo.color)
        place = f"more {answer.model.adjective} than {words.of_100(photo.percentile)}"
        remark = f"  ({words.WARNINGS[photo.warning]})" if photo.warning else ""
        remark += personal_remark(photo)
        lines.append(f"{photo.order_score:6.2f}  {label}  {place:<34}  {printable(photo.file)}{remark}\n")
    return "".join(lines)


def personal_remark(photo: ScoredPhoto) -> str:
    """What a person's own posts say, behind the row of a photo; nothing without a bank."""
    personal = photo.personal
    return "" if personal is None else f"  ({words.expected_likes(personal.expected_ratio, personal.support)})"
