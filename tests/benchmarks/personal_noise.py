"""How far a personal score moves when a photo is changed in ways that mean nothing.

    python tests/benchmarks/personal_noise.py OASIS [--past 100] [--photos 200] [--people 60]

OASIS is the folder with `images/` and `ratings.csv.gz`. For each of some people a taste is learnt from some of their
own ratings, as from a bank of as many posts; then other photos are judged as they are and after each harmless change
of `score_noise.py`. The figure is the largest 95th percentile of the differences, over the changes, as there; beside
it that of the general score on the same photos, and their ratio, which is what `learning.NOISE_FACTOR` says.
"""

import argparse
import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from score_noise import HARMLESS

from popscore import Scorer, load_scorer
from popscore.personal.taste import learn_from_ratings
from popscore.personal.taste_prior import learnt_prior

Wide = npt.NDArray[np.float64]


def seen(scorer: Scorer, paths: Sequence[Path], change: str | None) -> tuple[Wide, npt.NDArray[np.float32]]:
    """(N,) scores and (N, C) embeddings."""
    scores, embeddings = [], []
    for path in paths:
        with Image.open(path) as photo:
            pixels = photo.convert("RGB")
        found = scorer.predict(HARMLESS[change](pixels) if change else pixels, embedding=True)
        scores.append(found.score)
        embeddings.append(found.embedding)
    return np.array(scores), np.array(embeddings, np.float32)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--past", type=int, default=100)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--people", type=int, default=60)
    options = parser.parse_args()
    scorer = load_scorer(exact=True)
    spec, prior = scorer.model.spec, learnt_prior(scorer.model.sha256)
    rated: dict[str, dict[str, float]] = defaultdict(dict)
    with gzip.open(options.folder / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rated[row["user"]][row["image"]] = float(row["rating"])
    names = sorted({name for ratings in rated.values() for name in ratings})
    rng = np.random.default_rng(0)
    rng.shuffle(names)
    asked, known = names[: options.photos], names[options.photos :]
    paths = [options.folder / "images" / name for name in asked]
    plain = seen(scorer, paths, None)
    changed = {change: seen(scorer, paths, change) for change in HARMLESS}
    people = [person for person in sorted(rated) if len(set(rated[person]) & set(known)) >= options.past]
    rng.shuffle(people)
    pasts = {person: rng.permutation([n for n in known if n in rated[person]])[: options.past] for person in people}
    people = people[: options.people]
    wanted = sorted({str(name) for person in people for name in pasts[person]})
    scores, embeddings = seen(scorer, [options.folder / "images" / name for name in wanted], None)
    place = {name: number for number, name in enumerate(wanted)}
    moved: dict[str, list[Wide]] = {change: [] for change in HARMLESS}
    for person in people:
        at = [place[str(name)] for name in pasts[person]]
        ratings = np.array([rated[person][str(name)] for name in pasts[person]])
        taste = learn_from_ratings(
            embeddings[at], scores[at], ratings,
            reference_mean=spec.reference_mean, reference_std=spec.reference_std, prior=prior,
        )  # fmt: skip
        before = taste.predict(plain[1], plain[0]).scores
        for change, (after, after_seen) in changed.items():
            moved[change].append(np.abs(taste.predict(after_seen, after).scores - before))
    general = {change: float(np.quantile(np.abs(after - plain[0]), 0.95)) for change, (after, _) in changed.items()}
    personal = {change: float(np.quantile(np.concatenate(all_of), 0.95)) for change, all_of in moved.items()}
    print(f"{len(people)} people, {options.past} ratings each, {len(asked)} other photos")
    print(f"{'change':<36}{'general':>9}{'personal':>9}")
    for change in HARMLESS:
        print(f"{change:<36}{general[change]:9.3f}{personal[change]:9.3f}")
    ratio = max(personal.values()) / max(general.values())
    each = [float(np.quantile(np.stack([moved[change][n] for change in HARMLESS]), 0.95)) for n in range(len(people))]
    print(f"noise {max(general.values()):.3f} general, {max(personal.values()):.3f} personal, ratio {ratio:.2f}")
    print(f"by person, over all changes: {np.median(each):.3f} in the median, {np.quantile(each, 0.9):.3f} at the 90th")


if __name__ == "__main__":
    main()
