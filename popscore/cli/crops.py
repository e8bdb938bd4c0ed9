"""The command `crops`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import popscore
from popscore.cli.answers import announce, json_text, status
from popscore.cli.arguments import Commands, add_bank, add_exact, add_json, opened_bank
from popscore.cli.terminal import colored, write
from popscore.foreign_text import printable

if TYPE_CHECKING:
    from popscore.insight.crops import Crop, Crops


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    crops = commands.add_parser(
        "crops",
        help="the best crop of a photo for each shape",
        description="Find the best crop of a photo for each shape: the largest one that fits, at the best place.",
        # The photo first: behind --aspect it would be taken for one more shape.
        usage="popscore crops [-h] PHOTO [--aspect W:H [W:H ...]] [--out DIR] [--keep-location] [--exact] "
        "[--bank FILE] [--at TIME] [--json]",
    )
    crops.add_argument("photo", metavar="PHOTO", help="a photo file")
    crops.add_argument(
        "--aspect",
        nargs="+",
        metavar="W:H",
        help="shapes, such as 1:1 or 4:5, or free for any (1:1 4:5 9:16 1.91:1 free)",
    )
    crops.add_argument("--out", metavar="DIR", help="write the crops there, in full resolution")
    crops.add_argument(
        "--keep-location", action="store_true", help="write where the photo was taken too, if the file says"
    )
    add_exact(crops)
    add_bank(crops)
    add_json(crops)
    return crops


def run(options: argparse.Namespace) -> int:
    """Find the crops, write them where asked, and print the answer."""
    from popscore.files.atomic import make_folder
    from popscore.insight.aspects import ASPECTS, parse_aspects
    from popscore.insight.crop_files import save_crops

    aspects = [aspect.text for aspect in parse_aspects(options.aspect or ASPECTS)]
    folder = Path(options.out) if options.out is not None else None
    if folder is not None:
        make_folder(folder)  # before the work, so that a file in its place is told at once
    scorer = popscore.load_scorer(exact=options.exact)
    announce(scorer.model)
    bank = opened_bank(options, scorer)
    answer = popscore.best_crops(options.photo, aspects=aspects, scorer=scorer, bank=bank)
    if folder is not None:
        answer = save_crops(options.photo, answer, folder, keep_location=options.keep_location, limits=scorer.limits)
    write(json_text(answer.to_json()) if options.json else _text(answer))
    return status(answer.results, answer.errors)


def _text(answer: "Crops") -> str:
    """The crops as a table: shape, place and size in pixels, score, what it gains, file; the reason below."""
    return "".join(map(_rows, answer.results))


def _rows(crop: "Crop") -> str:
    left, top, right, bottom = crop.box
    size = f"{right - left} x {bottom - top} at {left}, {top}"
    label = colored(f"{crop.label:<9}", crop.color)
    written = "" if crop.image is None else f"  {printable(crop.image)}"
    first = f"{crop.aspect:<8}  {size:<26}  {crop.order_score:6.2f}  {label}  {_gain(crop)}{written}"
    return f"{first.rstrip()}\n          {crop.reason}\n"


def _gain(crop: "Crop") -> str:
    if crop.box == (0, 0, crop.width, crop.height):
        return "the whole photo"
    change = f"{abs(crop.gain):.2f} {'more' if crop.gain > 0 else 'less'} than the whole photo"
    return f"{change}, within the model's noise" if abs(crop.gain) <= crop.noise else change
