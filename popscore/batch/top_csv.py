"""The best rows of a batch as a table."""

import csv
import io
from pathlib import Path

from popscore.batch.top_rows import Top
from popscore.files.atomic import replacing
from popscore.foreign_text import cell

COLUMNS = ("rank", "id", "score", "percentile", "label", "width", "height", "gap", "tier", "near_duplicates")


def write_csv(top: Top, path: Path) -> None:
    """Write the rows; with lists, the column that they are made for comes first, under its own name.

    What a spreadsheet would take for a formula gets an apostrophe in front.

    Raises:
        ExportFailed: the file could not be written; what was there before is still there.
    """
    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="replace", write_through=True)
        rows = csv.writer(text)
        rows.writerow([*([] if top.per is None else [cell(top.per)]), *COLUMNS])
        for row in top.results:
            shown = row.to_json()
            values = [cell(value) if isinstance(value, str) else value for value in map(shown.get, COLUMNS)]
            of = cell(row.of) if isinstance(row.of, str) else row.of
            rows.writerow([*([] if top.per is None else [of]), *values])
        text.detach()
