"""How long `popscore evaluate` takes when the scores are known, and whether its intervals hold what they promise.

python tests/benchmarks/evaluate.py [--pairs 50000] [--rounds 5]

1. The command as a process, with 50,000 pairs of 20,000 users and a table of scores, then with two tables.
2. 300 sets of 400 pairs whose true accuracy is known, with pairs of one user alike: how often each interval holds it.
"""

import argparse
import csv
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from popscore.posts.evaluation import evaluate_pairs  # noqa: E402
from popscore.posts.pairs import Pair  # noqa: E402


def write_tables(folder: Path, pairs: int) -> None:
    """pairs.csv, and first.csv and second.csv with scores of all photos."""
    random = np.random.default_rng(0)
    with open(folder / "pairs.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["winner", "loser", "user", "probability", "gap_days", "winner_likes", "loser_likes"])
        for number in range(pairs):
            likes = int(random.integers(50, 5000))
            more = int(likes * (2.01 + random.exponential(1)))
            user = f"u{random.integers(0, 20_000)}"
            rows.writerow([f"w{number}", f"l{number}", user, 0.98, round(random.uniform(0, 10), 3), more, likes])
    for name, skill in (("first", 0.9), ("second", 1.0)):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image", "score"])
            for number in range(pairs):
                rows.writerow([f"w{number}", random.normal(3 + skill, 1)])
                rows.writerow([f"l{number}", random.normal(3, 1)])


def run(folder: Path, *tables: str) -> tuple[float, float]:
    """Seconds of one run, and those of the CPU."""
    options = [part for name in tables for part in ("--scores", str(folder / name))]
    command = [sys.executable, "-m", "popscore", "evaluate", str(folder / "pairs.csv"), *options, "--json"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def coverage(sets: int = 300, users: int = 40, each: int = 10) -> tuple[float, float]:
    """How often the two intervals hold the true accuracy, .7: users have skills around .7, deviation .15."""
    random = np.random.default_rng(1)
    held = np.zeros(2)
    pairs = [
        Pair(winner="a", loser="b", user=f"u{user}", probability=None, gap_days=None) for user in range(users)
    ] * each
    for _ in range(sets):
        skill = np.tile(random.beta(5.83, 2.5, users), each)
        right = random.random(len(pairs)) < skill
        found = evaluate_pairs(pairs, right.astype(float), 0.5 * np.ones(len(pairs)))
        for place, ends in enumerate((found.interval, found.interval_by_user)):
            held[place] += ends is not None and ends[0] <= 0.7 <= ends[1]
    return float(held[0] / sets), float(held[1] / sets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, options.pairs)
        one, two = [], []
        for _ in range(options.rounds):  # interleaved
            one.append(run(folder, "first.csv"))
            two.append(run(folder, "first.csv", "second.csv"))
    for what, rounds in (("one table", one), ("two tables", two)):
        times, cpu = zip(*rounds, strict=True)
        print(
            f"{options.pairs:,} pairs, {what} of scores: {statistics.median(times):.2f} s "
            f"({min(times):.2f} to {max(times):.2f}), {statistics.median(cpu):.2f} s of CPU"
        )
    wilson, bootstrap = coverage()
    print(f"95 % intervals that hold the truth, pairs of a user alike: Wilson {wilson:.1%}, over users {bootstrap:.1%}")


if __name__ == "__main__":
    main()
