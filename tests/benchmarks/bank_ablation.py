"""What each part of a bank brings, as a table like the paper's: on posts made of real people's ratings.

    python tests/benchmarks/bank_ablation.py OASIS [--people 40] [--bank FILE] [--plain]

OASIS is the folder with `images/` and `ratings.csv.gz`. The photos that a person rated become posts, one a day in a
random order, whose likes are 200 * 2^(rating in standard deviations of that person, and noise of .3). Each post is
judged by the posts before it, see `popscore.personal.ablation`; the figures are means over people, with the standard
error. There are no captions, so the picture stands for them. The general model was fitted to the mean ratings of these
very photos: its row is higher than it would be elsewhere, and what the others add is what the mean does not say.

The prior of tastes was learnt from these very people too: `--plain` does without it, and gives the honest figures.

The bank of all photos takes some minutes, and is kept where `--bank` says.
"""

import argparse
import csv
import gzip
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import load_scorer
from popscore.personal.ablation import ablation
from popscore.personal.bank import MemoryBank, add_to_file
from popscore.personal.local_score import DAY_MS
from popscore.personal.source import Source

_START_MS = 1_600_000_000_000


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    rated: dict[str, dict[str, float]] = defaultdict(dict)
    with gzip.open(options.folder / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rated[row["user"]][row["image"]] = float(row["rating"])
    scorer = load_scorer()
    with tempfile.TemporaryDirectory() as temporary:
        bank_file = options.bank or Path(temporary) / "all.bank"
        names = sorted({name for ratings in rated.values() for name in ratings})
        table = Path(temporary) / "posts.csv"
        table.write_text("id,time\n" + "".join(f"{name},2020-01-01\n" for name in names), encoding="utf-8")
        add_to_file(bank_file, Source(posts=table, images=options.folder / "images"), scorer=scorer)
        everything = MemoryBank.open(bank_file, scorer=scorer).stored
    place = {name: number for number, name in enumerate(everything.ids)}
    rng = np.random.default_rng(0)
    people = [person for person in sorted(rated) if np.std(list(rated[person].values())) > 0]
    rng.shuffle(people)
    found: dict[str, list[float]] = defaultdict(list)
    for person in people[: options.people]:
        some = rng.permutation([name for name in rated[person] if name in place]).tolist()
        ratings = np.array([rated[person][name] for name in some])
        logs = (ratings - ratings.mean()) / ratings.std() + rng.normal(0, 0.3, len(some))
        at = [place[name] for name in some]
        stored = replace(
            everything,
            ids=some,
            times_ms=(_START_MS + np.arange(len(some)) * DAY_MS).astype(np.int64),
            likes=np.rint(200 * 2**logs).astype(np.int64),
            pictures=everything.pictures[at],
            captions=everything.captions[at],
        )
        bank = SimpleNamespace(stored=stored, at_ms=_START_MS + 10_000 * DAY_MS)
        # No prior was learnt for a model of another hash.
        model = replace(scorer.model, sha256="0" * 64) if options.plain else scorer.model
        for row in ablation(bank, model).rows:  # type: ignore[arg-type]
            found[row.name].append(row.accuracy)
    general = np.array(found["general model"])
    print(f"{len(general)} people, about {len(some)} posts each; mean pairwise accuracy, and what it adds")
    for name, accuracies in found.items():
        gain = np.array(accuracies) - general
        error = gain.std(ddof=1) / len(gain) ** 0.5
        print(f"  {100 * np.mean(accuracies):6.2f} %  {100 * gain.mean():+5.2f} (se {100 * error:.2f})  {name}")


if __name__ == "__main__":
    main()
