"""The answers of a study as a table, without anything about who gave them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from popscore.files.atomic import replacing
from popscore.foreign_text import cell
from popscore.study.answer_file import Answer

COLUMNS = ("session", "place", "winner", "loser", "chosen", "side", "right", "seconds", "changes", "training")


def write_answers(answers: Sequence[Answer], path: str | os.PathLike[str]) -> None:
    """Write a CSV, a row per answer: number of the session, the pair, what was chosen and on which side, seconds.

    Raises:
        ExportFailed: it could not be written; a file that was there before is still there.
    """
    with replacing(Path(path)) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for answer in answers:
            table.writerow(
                (
                    answer.session,
                    answer.place,
                    cell(answer.winner),
                    cell(answer.loser),
                    cell(answer.winner if answer.right else answer.loser),
                    "left" if answer.left else "right",
                    int(answer.right),
                    "" if answer.seconds is None else f"{answer.seconds:.2f}",
                    answer.changes,
                    int(answer.training),
                )
            )
        text.flush()
        text.detach()
