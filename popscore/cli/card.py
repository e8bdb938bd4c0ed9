"""The command `card`."""

import argparse
from pathlib import Path

import popscore
from popscore.cli.answers import announce, json_text
from popscore.cli.arguments import Commands, add_json
from popscore.cli.terminal import ALL_WELL, write
from popscore.errors import ExportFailed
from popscore.files.atomic import check_target
from popscore.foreign_text import printable, shortened


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    command = commands.add_parser("card", help="a photo with its score as one picture to share, 1080 x 1350")
    command.add_argument("photo", metavar="PHOTO", help="a photo file")
    command.add_argument("--out", metavar="PNG", type=Path, required=True, help="the picture to write")
    add_json(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Draw the card and write it."""
    if options.out.suffix.lower() != ".png":
        raise ExportFailed(f"{shortened(options.out.name)} was not written: a card is a PNG. Name a .png file.")
    check_target(options.out)
    scorer = popscore.load_scorer()
    card = popscore.share_card(options.photo, scorer=scorer)
    announce(card.model)
    written = card.save(options.out)
    write(json_text(card.to_json(str(written))) if options.json else f"{printable(str(written))}\n")
    return ALL_WELL
