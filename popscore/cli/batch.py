"""The command `batch`."""

import argparse
import contextlib
import sys
import time

from popscore.cli.answers import announce, json_text, rows_text
from popscore.cli.arguments import Commands, add_json, whole_number
from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, Progress, complain, write

# Where no person looks, as in the logs of a cluster, so often a line.
_TELL_EACH_S = 60.0


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    batch = commands.add_parser(
        "batch",
        help="score millions of photos into Parquet, on this machine or a Ray cluster",
        description="Score all photos of a folder, of a prefix of an S3 store, or of Parquet, into Parquet files.",
    )
    batch.add_argument("source", metavar="SOURCE", help="a folder, s3://BUCKET/PREFIX, or Parquet")
    batch.add_argument("--out", required=True, metavar="DESTINATION", help="a folder, or s3://BUCKET/PREFIX")
    going = batch.add_mutually_exclusive_group()
    going.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    going.add_argument("--overwrite", action="store_true", help="delete the results that are there")
    batch.add_argument("--embedding", action="store_true", help="write what the model sees, too")
    batch.add_argument("--signature", action="store_true", help="write what tells near-duplicates, too")
    batch.add_argument("--faces", action="store_true", help="write every face, too; reads each photo in full")
    table = batch.add_argument_group("where SOURCE is Parquet")
    table.add_argument("--column", metavar="NAME", help="column of paths, of addresses in a store, or of bytes")
    table.add_argument("--id", dest="id_column", metavar="COLUMN", help="column that names the rows (that of --column)")
    table.add_argument("--keep", nargs="+", default=[], metavar="COLUMN", help="columns to keep in the results")
    batch.add_argument("--workers", type=whole_number, metavar="N", help="sessions at one time (one per CPU)")
    batch.add_argument("--address", metavar="RAY_ADDRESS", help="a Ray cluster: HOST:PORT, or auto in one of its jobs")
    add_json(batch)
    return batch


def run(options: argparse.Namespace) -> int:
    """Score the photos, and say what came of it."""
    from popscore.batch.door import batch

    # What Ray and its libraries print goes to standard error: standard output is for the answer.
    with contextlib.redirect_stdout(sys.stderr), Progress() as progress:
        summary = batch(
            options.source,
            out=options.out,
            resume=options.resume,
            overwrite=options.overwrite,
            embedding=options.embedding,
            signature=options.signature,
            faces=options.faces,
            column=options.column,
            id_column=options.id_column,
            keep=options.keep,
            workers=options.workers,
            address=options.address,
            on_progress=progress.update if sys.stderr is not None and sys.stderr.isatty() else _Lines(),
        )
    announce(summary.model)
    if options.json:
        write(json_text({"model": summary.model.to_json(), "results": [summary.to_json()], "errors": []}))
    else:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.errors.items())
        write(
            rows_text(
                [
                    ("rows", f"{summary.rows:,}"),
                    ("done before", f"{summary.done_before:,}" if summary.done_before else None),
                    ("written", f"{summary.written:,}"),
                    ("failed", f"{summary.failed:,} ({kinds})" if kinds else "0"),
                    (
                        "rate",
                        f"{summary.rate:.1f} a second, {summary.seconds:.1f} s after {summary.start_seconds:.1f} s",
                    ),
                    ("CPU", f"{summary.cpu_hours:.4f} hours, {summary.workers} workers"),
                    ("read", f"{summary.read_bytes / 1e6:,.1f} MB"),
                    ("Parquet", f"{summary.written_bytes / 1e6:,.2f} MB in {summary.destination}"),
                ],
                width=14,
            )
        )
    if summary.left_out:
        complain(summary.left_out)
    if summary.failed:
        complain(f"{summary.failed} photos have no score; the column error says why.")
    if summary.written and summary.failed == summary.written == summary.rows:
        return NOTHING_DONE
    return SOME_FAILED if summary.failed else ALL_WELL


class _Lines:
    """Tells how far the work is, how fast, and how long it still takes, in a line each minute."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._told_s = 0.0

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if self._first is None:
            self._first, self._told_s = (now_s, done), now_s
        if now_s - self._told_s < _TELL_EACH_S or done == self._first[1]:
            return
        self._told_s = now_s
        rate = (done - self._first[1]) / (now_s - self._first[0])
        complain(f"{done:,} of {total:,} photos, {rate:.1f} a second, {(total - done) / rate / 60:,.0f} minutes left")
