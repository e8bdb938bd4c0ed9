"""The command `batch-top`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from popscore.cli.answers import json_text
from popscore.cli.arguments import Commands, add_json, whole_number
from popscore.cli.terminal import ALL_WELL, SOME_FAILED, complain, write
from popscore.errors import ExportFailed
from popscore.foreign_text import printable

if TYPE_CHECKING:
    from popscore.batch.top_rows import Top


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    top = commands.add_parser(
        "batch-top",
        help="the best of a batch, overall or of each user",
        description="The best rows of what `popscore batch` has written, overall or for each value of a column.",
    )
    top.add_argument("destination", metavar="DESTINATION", help="a folder, or s3://BUCKET/PREFIX")
    top.add_argument("--k", type=whole_number, default=1000, metavar="K", help="so many rows, of each list (1000)")
    top.add_argument("--per", metavar="COLUMN", help="a list for each value of this column")
    fold = top.add_mutually_exclusive_group()
    fold.add_argument(
        "--fold", action="store_const", const=True, help="of near-duplicates only the best; usual with --signature"
    )
    fold.add_argument("--no-fold", dest="fold", action="store_const", const=False, help="near-duplicates too")
    top.add_argument("--csv", metavar="FILE", help="write the rows as a table")
    add_json(top)
    return top


def run(options: argparse.Namespace) -> int:
    """Find the best rows, print them, and write the table that was asked for."""
    from popscore.batch.top import batch_top
    from popscore.files.atomic import check_target

    if options.csv is not None:
        check_target(Path(options.csv))
    top = batch_top(options.destination, k=options.k, per=options.per, fold=options.fold)
    written = ALL_WELL
    if options.csv is not None:
        from popscore.batch.top_csv import write_csv

        try:
            write_csv(top, Path(options.csv))
        except ExportFailed as error:
            complain(str(error))
            written = SOME_FAILED
    if options.json:
        write(json_text(top.to_json()))
    elif options.csv is None or written != ALL_WELL:
        write("".join(_lines(top)))
    for remark in () if options.json else _remarks(top):
        complain(remark)
    return written


def _lines(top: "Top") -> Iterator[str]:
    of = object()
    for row in top.results:
        if top.per is not None and row.of != of:
            of = row.of
            yield f"{printable(top.per)} {printable(str(of))}\n"
        folded = f"  (and {row.near_duplicates} like it)" if row.near_duplicates else ""
        tier = "" if row.tier is None else f"tier {row.tier:<3}  "
        yield f"{row.rank:>8}  {row.score:6.2f}  {row.label:<9}  {tier}{printable(row.id)}{folded}\n"


def _remarks(top: "Top") -> Iterator[str]:
    yield f"{len(top.results):,} of {top.rows:,} rows, {top.lists:,} {'list' if top.lists == 1 else 'lists'}."
    if top.model["notice"]:
        yield top.model["notice"]
    if top.failed:
        yield f"{top.failed:,} rows have no score; the column error says why."
    if top.without_group:
        yield f"{top.without_group:,} rows have no value in {top.per} and are in no list."
    if not top.folded:
        yield "Near-duplicates were not folded."
