"""Is a personal score better than the general one, for people and photos that nothing was learnt from?

python tests/benchmarks/taste.py --data DIR [--people asked|choosing] [--folds 5] [--kept FILE]

DIR holds `oasis/` with `ratings.csv.gz`, and `avt/`. About 8 minutes on one core. What is done:

- Photos are split by theme into folds. The order of the photos of a fold is asked, each person's rated pairs with
  unequal ratings; the past are ratings of photos of other folds: 5, 20, 50 drawn at random, or all (about 120 of 150).
- General scores are those of a head that never saw the photos of the fold asked, and for photos of the past of one that
  saw neither them nor those of the fold asked (`popscore/training/taste/unseen.py`). The two pretrained networks below
  the head are frozen and saw none of the photos.
- The prior of tastes is learnt from other people on photos of the other folds. Everything was chosen on one half of the
  people (`--people choosing` repeats that, with a prior from two thirds of that half for the other third). The table is
  of the other half, with a prior from the first half.
- Choices: of a pair of photos of the past, of unequal rating, the one rated higher is chosen, 20 times. The pairs come
  from 60 photos and are drawn, or found one after the other by `most_telling_pairs`.

The interval is over people; that photos are a sample too is not in it. `worse` is the share of people whose accuracy
falls by more than .01. `by chance` is the share that the few photos asked would show if each person truly gained the
mean: from each person's jackknife error over the photos asked. `a stranger's` is the gain with the past of somebody
else who rated the same photos, which must not be what a taste is.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.personal.taste import Taste, learn_from_choices, learn_from_ratings
from popscore.personal.taste_prior import TastePrior
from popscore.personal.telling_pairs import most_telling_pairs
from popscore.training.taste.factors import Recipe, fit_prior
from popscore.training.taste.people import Floats, People, read_people
from popscore.training.taste.unseen import scores_without, theme_folds

ASKED = {
    "0": 0.0,
    "5": 0.0,
    "20": 0.008,
    "50": 0.015,
    "all": 0.030,
    "20 choices, drawn": 0.008,
    "20 choices, telling": 0.008,
}
CHOICES, GALLERY = 20, 60
STRANGER = "a stranger's"
WORSE = 0.01

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Question:
    """The pairs that one person is asked about in one fold."""

    photos: Indices
    first: Indices
    second: Indices
    sign: Floats

    def right(self, scores: Floats) -> Floats:
        """(pairs,) 1 where the order is right, a half for a tie."""
        apart = (scores[self.first] - scores[self.second]) * self.sign
        return np.where(apart == 0, 0.5, apart > 0)


@dataclass
class Tally:
    """Of one person, over folds."""

    gain: float = 0.0
    base: float = 0.0
    pairs: int = 0
    variance: float = 0.0

    def add(self, question: Question, right: Floats, change: Floats) -> None:
        """Count one fold: whether the general score is right (pairs,), and what the personal one changes."""
        count = len(question.photos)
        self.gain += change.sum()
        self.base += right.sum()
        self.pairs += len(change)
        # Jackknife over photos of the sum: leaving photo i out takes its pairs away.
        own = np.bincount(question.first, change, count) + np.bincount(question.second, change, count)
        of = np.bincount(question.first, minlength=count) + np.bincount(question.second, minlength=count)
        mean = change.sum() / max(len(change), 1)
        apart = own - of * mean
        self.variance += (count - 1) / count * float((apart**2).sum())


def question_of(ratings: Floats, photos: Indices) -> Question:
    apart = np.sign(ratings[photos][:, None] - ratings[photos])
    first, second = np.nonzero(np.triu(apart, 1))
    return Question(photos, first, second, apart[first, second])


def choices(
    people: People,
    prior: TastePrior,
    ratings: Floats,
    general: Floats,
    past: Indices,
    rng: np.random.Generator,
    *,
    telling: bool,
) -> Taste:
    """Twenty choices between photos of the past."""
    scale = {"reference_mean": people.reference_mean, "reference_std": people.reference_std, "prior": prior}
    past = past[:GALLERY]
    embeddings, scores, wish = people.embeddings[past], general[past], ratings[past]
    equal = {(i, j) for i, j in zip(*np.nonzero(np.triu(wish[:, None] == wish, 1)), strict=True)}
    won: list[int] = []
    lost: list[int] = []
    asked: set[tuple[int, int]] = set()
    taste = learn_from_choices(embeddings[:0], embeddings[:0], scores[:0], scores[:0], **scale)
    while len(won) < CHOICES:
        if telling:
            pairs = most_telling_pairs(taste, embeddings, scores, 1, asked | equal, rng)
        else:
            i, j = rng.choice(len(past), 2, replace=False).tolist()
            pairs = [(i, j)] if wish[i] != wish[j] and not {(i, j), (j, i)} & asked else []
        for i, j in pairs:
            asked.add((i, j))
            better, worse = (i, j) if wish[i] > wish[j] else (j, i)
            won.append(better)
            lost.append(worse)
        if telling or len(won) == CHOICES:
            taste = learn_from_choices(embeddings[won], embeddings[lost], scores[won], scores[lost], **scale)
    return taste


def measure(people: People, options: argparse.Namespace, recipe: Recipe, rows: list[str]) -> dict[str, list[Tally]]:
    """A tally for each person asked, by row."""
    folds = theme_folds(people.themes, options.folds, seed=options.seed)
    general = scores_without(people, folds)
    print(f"general scores after {time.process_time():.0f} s of processor time", file=sys.stderr)
    if options.people == "asked":
        parts = [(np.flatnonzero(people.choosing), np.flatnonzero(~people.choosing))]
    else:
        half = np.flatnonzero(people.choosing)
        parts = [(np.setdiff1d(half, half[part::3]), half[part::3]) for part in range(3)]
    tallies: dict[str, list[Tally]] = {row: [] for row in rows}
    for teachers, persons in ((teachers, persons[: options.most]) for teachers, persons in parts):
        found = {row: [Tally() for _ in persons] for row in rows}
        for fold in range(options.folds):
            prior = fit_prior(people, teachers, np.flatnonzero(folds != fold), general[fold], recipe)
            for place, person in enumerate(persons.tolist()):
                ask(
                    people,
                    prior,
                    general[fold],
                    folds == fold,
                    person,
                    options,
                    {row: found[row][place] for row in rows},
                )
            print(f"fold {fold}: {time.process_time():.0f} s", file=sys.stderr)
        for row in rows:
            tallies[row] += found[row]
    return tallies


def ask(
    people: People, prior: TastePrior, general: Floats, held: NDArray[np.bool_], person: int, options:
        argparse.Namespace,
    tallies: dict[str, Tally],
) -> None:  # fmt: skip
    """Ask one person about one fold, with each kind of past."""
    ratings = people.ratings[person]
    rated = ~np.isnan(ratings)
    question = question_of(ratings, np.flatnonzero(rated & held))
    if not len(question.first):
        return
    before = general[question.photos]
    scale = {"reference_mean": people.reference_mean, "reference_std": people.reference_std, "prior": prior}
    right = question.right(before)
    for row, tally in tallies.items():
        draws = options.draws if row[0].isdigit() and row != "0" else 1
        change = np.zeros(len(right))
        for draw in range(draws):
            rng = np.random.default_rng([options.seed, person, int(np.flatnonzero(held)[0]), draw])
            past, told = rng.permutation(np.flatnonzero(rated & ~held)), ratings
            if row == STRANGER:
                same = (people.groups == people.groups[person]) & (np.arange(len(people.groups)) != person)
                told = people.ratings[rng.choice(np.flatnonzero(same))]
            elif row.isdigit():
                past = past[: int(row)]
            if "choices" in row:
                taste = choices(people, prior, ratings, general, past, rng, telling="telling" in row)
            else:
                taste = learn_from_ratings(people.embeddings[past], general[past], told[past], **scale)
            change += (question.right(taste.predict(people.embeddings[question.photos], before).scores) - right) / draws
        tally.add(question, right, change)


def lines(tallies: dict[str, list[Tally]]) -> list[dict[str, Any]]:
    found = []
    for row, persons in tallies.items():
        gains = np.array([tally.gain / tally.pairs for tally in persons])
        base = np.array([tally.base / tally.pairs for tally in persons])
        errors = np.array([math.sqrt(tally.variance) / tally.pairs for tally in persons])
        half = 1.96 * float(gains.std(ddof=1)) / len(gains) ** 0.5
        chance = np.mean(
            [0.5 * math.erfc((float(gains.mean()) + WORSE) / max(error, 1e-9) / 2**0.5) for error in errors]
        )
        found.append(
            {"past": row, "general": float(base.mean()), "gain": float(gains.mean()), "half": half,
             "asked": ASKED.get(row), "worse": float((gains < -WORSE).mean()), "by_chance": float(chance)}
        )  # fmt: skip
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", choices=("asked", "choosing"), default="asked")
    parser.add_argument("--kept", type=Path, help="file that keeps what the model sees in the photos for the next run")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--most", type=int, help="people asked, at most: a quick look at part of the table")
    parser.add_argument("--draws", type=int, default=1, help="pasts drawn for each person and fold")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", nargs="+", default=[*ASKED, STRANGER])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    people = read_people(options.data, kept=options.kept)
    found = lines(measure(people, options, Recipe(), options.rows))
    if options.json:
        print(json.dumps({"people": options.people, "folds": options.folds, "rows": found}))
        return 0
    print(f"| past ({options.people} people) | general | gain | 95 % interval | asked | worse by > .01 | by chance |")
    print("|---|---|---|---|---|---|---|")
    for row in found:
        low, high = row["gain"] - row["half"], row["gain"] + row["half"]
        asked = "" if row["asked"] is None else f"{row['asked']:+.3f}"
        print(
            f"| {row['past']} | {row['general']:.4f} | {row['gain']:+.4f} | {low:+.4f} to {high:+.4f} | {asked} |"
            f" {row['worse']:.1%} | {row['by_chance']:.1%} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
