"""Small studies: a table of pairs, plain photos, a clock that one can turn."""

import csv
from collections.abc import Callable
from itertools import count
from pathlib import Path

from PIL import Image

from popscore.study import AnswerFile, Study, load_study_pairs


class Clock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


def make_study(folder: Path, pairs: int, *, side: int = 32) -> Path:
    """A folder with photos and pairs.csv; the brighter photo of each pair is the winner."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pairs):
        for name, light in (("w", 200), ("l", 60)):
            picture = Image.new("RGB", (side, side), (light, (37 * number) % 256, (91 * number) % 256))
            picture.save(folder / f"{name}{number}.png")
    return write_pairs(folder / "pairs.csv", [(f"w{number}.png", f"l{number}.png") for number in range(pairs)])


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("winner", "loser"))
        table.writerows(pairs)
    return path


def numbered(start: str = "visitor") -> Callable[[], str]:
    """Names of sessions that are the same from run to run."""
    numbers = count()
    return lambda: f"{start}-{next(numbers)}"


def open_small(table: Path, clock: Clock | None = None, **options: object) -> Study:
    """The study of a table, with its answers beside it."""
    answers = AnswerFile(table.with_suffix(".answers.sqlite"))
    return Study(load_study_pairs(table), answers, clock=clock or Clock(), **options)  # type: ignore[arg-type]


def answer_all(study: Study, session: str, choose: Callable[[Path, Path], str], *, until: int | None = None) -> None:
    """Go through a session as a page does: each next pair is asked ahead."""
    while (state := study.state(session)).next_place < (state.total if until is None else until):
        question = study.ask(session, state.next_place)
        if question is None:
            return
        if state.next_place + 1 < state.total:
            study.ask(session, state.next_place + 1)
        study.answer(session, question.place, choose(question.left, question.right))


def brighter(left: Path, _right: Path) -> str:
    """Chooses what is right."""
    return "left" if left.name.startswith("w") else "right"
