"""Does the paper's aggregation transformer order a person's photos better than the taste that ships?

python tests/benchmarks/aggregation.py --data DIR [--people asked|choosing] [--kept FILE] [--maps FILE]

DIR as for `taste.py`, whose folds, general scores, pasts and questions these are: photos of themes that neither the
transformer, nor the prior of tastes, nor the person's past held. `asked`: both learn from one half of the people and
the other half is asked. `choosing`: they learn from two thirds of the first half and the last third is asked, with
`--every` after each few rounds; nothing else was looked at when the recipe was chosen. All ways are asked the same
questions in one run. Two transformers: one whose score starts as the general score, and one as in the paper, which has
to find out for itself what is liked. Without a depth network (`--depth`, or POPSCORE_DEPTH_MODEL) the five depth
features are left out. Needs torch.

`gain` is against the general score, with its 95 % interval over people; the next two columns are against the taste.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from taste import Indices, Question, question_of

from popscore.models import load_model
from popscore.personal.taste import learn_from_ratings
from popscore.settings import Settings
from popscore.training.aggregation.depth import SETTING, DepthNetwork
from popscore.training.aggregation.histories import History, of_person
from popscore.training.aggregation.material import material_of
from popscore.training.aggregation.network import Aggregation, Shape
from popscore.training.aggregation.photos import look
from popscore.training.aggregation.train import Material, Recipe, predict, train
from popscore.training.taste.factors import fit_prior
from popscore.training.taste.people import Floats, People, read_people
from popscore.training.taste.unseen import scores_without, theme_folds

ROWS = ("5", "20", "50", "all")
SHIPPED, PLAIN, PAPER = "shipped taste", "transformer, starts as the general score", "transformer, as in the paper"
Table = dict[tuple[str, str], Floats]


class Asked:
    """The questions of one fold for each person: what the general score has right, and each past."""

    def __init__(self, people: People, general: Floats, held: np.ndarray, persons: Indices, fold: int) -> None:
        self.people, self.general = people, general
        self.questions: list[tuple[int, Question, dict[str, Indices]]] = []
        for person in persons.tolist():
            rated = ~np.isnan(people.ratings[person])
            question = question_of(people.ratings[person], np.flatnonzero(rated & held))
            order = np.random.default_rng([1, person, fold, 0]).permutation(np.flatnonzero(rated & ~held))
            pasts = {row: order[: int(row)] if row.isdigit() else order for row in ROWS}
            self.questions.append((person, question, pasts))

    def add(self, way: str, judge: object, table: Table, pairs: Floats) -> None:
        """Add each person's right pairs to the table; `pairs` counts them, for the general score's own row."""
        for place, (person, question, pasts) in enumerate(self.questions):
            if way == "general":
                pairs[place] += len(question.first)
                table.setdefault((way, ""), np.zeros(len(self.questions)))
                table[way, ""][place] += question.right(self.general[question.photos]).sum()
                continue
            for row, past in pasts.items():
                scores = judge(person, past, question.photos)  # type: ignore[operator]
                table.setdefault((way, row), np.zeros(len(self.questions)))
                table[way, row][place] += question.right(scores).sum()


def by_taste(people: People, teachers: Indices, photos: Indices, general: Floats) -> object:
    prior = fit_prior(people, teachers, photos, general)
    scale = {"reference_mean": people.reference_mean, "reference_std": people.reference_std, "prior": prior}

    def judge(person: int, past: Indices, asked: Indices) -> Floats:
        taste = learn_from_ratings(people.embeddings[past], general[past], people.ratings[person, past], **scale)
        return taste.predict(people.embeddings[asked], general[asked]).scores

    return judge


def by_transformer(people: People, network: Aggregation, material: Material) -> object:
    def judge(person: int, past: Indices, asked: Indices) -> Floats:
        ratings = people.ratings[person]
        told = np.full(len(ratings), np.nan)
        told[past] = ratings[past]
        posts = of_person(told)  # the usual likes are those of the past alone
        in_order = {photo: place for place, photo in enumerate(posts.photos.tolist())}
        at = np.array([in_order[photo] for photo in past.tolist()], np.intp)
        return predict(network, material, History(photos=past, likes=posts.likes[at]), asked)

    return judge


def print_table(table: Table, pairs: Floats, ways: list[str]) -> None:
    general = table["general", ""] / pairs
    print(f"general score {general.mean():.4f}, {len(pairs)} people")
    print("| way | past | gain | 95 % interval | against shipped | 95 % interval | worse by > .01 |")
    print("|---|---|---|---|---|---|---|")
    for way in ways:
        for row in ROWS:
            gain = table[way, row] / pairs - general
            less = gain - (table[SHIPPED, row] / pairs - general)
            half, half_less = (1.96 * float(values.std(ddof=1)) / len(pairs) ** 0.5 for values in (gain, less))
            mean, apart = float(gain.mean()), float(less.mean())
            beside = (
                "| |" if way == SHIPPED else f"{apart:+.4f} | {apart - half_less:+.4f} to {apart + half_less:+.4f} |"
            )
            print(
                f"| {way} | {row} | {mean:+.4f} | {mean - half:+.4f} to {mean + half:+.4f} | {beside}"
                f" {float((gain < -0.01).mean()):.1%} |",
                flush=True,
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--people", choices=("asked", "choosing"), default="asked")
    parser.add_argument("--kept", type=Path, help="keeps the embeddings, see taste.py")
    parser.add_argument("--maps", type=Path, help="keeps the maps likewise")
    parser.add_argument("--depth", type=Path, help="an ONNX depth network")
    parser.add_argument("--folds", type=int, nargs="+", help="some of the five alone: a quick look")
    parser.add_argument("--every", type=int, default=0, help="look after so many rounds too, to choose how many")
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--simulated", type=float, default=Recipe().simulated)
    parser.add_argument("--directions", type=int, default=Recipe().directions)
    parser.add_argument("--rate", type=float, default=Recipe().rate)
    parser.add_argument("--ways", nargs="+", choices=("plain", "paper"), default=["plain", "paper"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(
        epochs=options.epochs, simulated=options.simulated, directions=options.directions, rate=options.rate
    )
    named = options.depth or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
    if named is None:
        print("No depth network is named: the five depth features are left out.")
    people = read_people(options.data, kept=options.kept)
    files = [photo.file for photo in people.photos[: people.count]]
    seen = look(files, load_model(Settings()), depth=DepthNetwork(named) if named else None, kept=options.maps)
    folds = theme_folds(people.themes, 5, seed=1)
    general = scores_without(people, folds)
    half = np.flatnonzero(people.choosing)
    teachers, persons = half, np.flatnonzero(~people.choosing)
    if options.people == "choosing":
        teachers, persons = np.setdiff1d(half, half[0::3]), half[0::3]
    table: Table = {}
    pairs = np.zeros(len(persons))
    ways = [SHIPPED]
    for fold in options.folds or range(5):
        photos, held = np.flatnonzero(folds != fold), folds == fold
        asked = Asked(people, general[fold], held, persons, fold)
        asked.add("general", None, table, pairs)
        asked.add(SHIPPED, by_taste(people, teachers, photos, general[fold]), table, pairs)
        material, _ = material_of(people, seen, general[fold], photos, recipe)
        histories = []
        for person in teachers.tolist():
            told = np.where(held, np.nan, people.ratings[person])
            histories.append(of_person(told))
        for name in options.ways:
            shape = Shape(channels=material.maps.shape[2], general=name == "plain", depth=material.depth is not None)
            way = PLAIN if name == "plain" else PAPER

            def look_in(
                epoch: int, loss: float, network: Aggregation, way: str, fold: int, asked: Asked, material: Material
            ) -> None:
                if epoch == recipe.epochs or (options.every and epoch % options.every == 0):
                    label = f"{way}, {epoch} rounds"
                    if label not in ways:
                        ways.append(label)
                    asked.add(label, by_transformer(people, network, material), table, pairs)
                    print(f"fold {fold}, {label}: loss {loss:.3f}, {time.process_time():.0f} s", file=sys.stderr)

            train(
                material,
                histories,
                photos,
                shape,
                recipe,
                on_epoch=partial(look_in, way=way, fold=fold, asked=asked, material=material),
            )
    print_table(table, pairs, ways)
    return 0


if __name__ == "__main__":
    sys.exit(main())
