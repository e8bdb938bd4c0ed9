"""How long pairs take, how much memory, and whether there could be more of them.

python tests/benchmarks/pairs.py [--posts 1000000] [--users 20000] [--tables 2000] [--rounds 3]

1. A table of a million posts of 20,000 users over a year, all constraints of the paper: `popscore pairs` as a process,
   time and largest memory, in each round beside a plain reading of the same file with Python's csv, as a yardstick of
   the machine.
2. The same number of posts of one user within five days (the worst case), and within thirty, which is refused in part.
3. Random small tables against networkx's blossom algorithm, an independent implementation: number of pairs and total
   probability must be equal, always.
"""

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import networkx
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from popscore.posts.constraints import DAY_MS, Constraints  # noqa: E402
from popscore.posts.matching import match  # noqa: E402

_TAGS = ("", "", "", " #love", " #love #instagood", " #photooftheday", " #sunset @friend", " #food", " @friend")


def write_table(path: Path, *, posts: int, users: int, days: float, seed: int = 0) -> None:
    """Posts with likes of a log-normal distribution, captions of 0 to 11 words, some tags, some with several images."""
    random = np.random.default_rng(seed)
    user = random.integers(0, users, posts)
    level = random.normal(6.5, 1.3, users)
    likes = np.exp(level[user] + random.normal(0, 0.5, posts)).astype(int)
    seconds = 1_700_000_000 + random.uniform(0, days * 86400, posts)
    words, tag = random.geometric(0.3, posts) - 1, random.integers(0, len(_TAGS), posts)
    images = np.where(random.random(posts) < 0.15, 4, 1)
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "user", "time", "likes", "caption", "images"])
        columns = (user.tolist(), seconds.tolist(), likes.tolist(), words.tolist(), tag.tolist(), images.tolist())
        for number, (who, when, count, length, kind, many) in enumerate(zip(*columns, strict=True)):
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
            caption = " ".join(["word"] * length) + _TAGS[kind]
            rows.writerow([f"p{number}", f"user{who}", moment, count, caption, many])


def timed(path: Path, *options: str) -> tuple[float, float, float, dict[str, Any], str]:
    """Seconds, those of the CPU, megabytes at most, the document and standard error of one run of the command."""
    out = path.with_name("pairs.csv")
    # The largest memory of a child is read by a process that has no other child.
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr); sys.exit(done.returncode)"
    )
    command = [sys.executable, "-m", "popscore", "pairs", str(path), "--out", str(out), "--json", *options]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *command], cwd=ROOT, capture_output=True, text=True)
    took = time.perf_counter() - began
    *complaints, used = done.stderr.strip().splitlines()
    cpu, memory = used.split()
    return took, float(cpu), int(memory) / 1024, json.loads(done.stdout), "\n".join(complaints)


def read_plainly(path: Path) -> float:
    """Seconds that Python's csv takes for the same file."""
    began = time.perf_counter()
    with open(path, newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - began


def report(name: str, path: Path, rounds: int, *options: str) -> None:
    """Print the median and the spread of a few rounds."""
    found = [(read_plainly(path), *timed(path, *options)) for _ in range(rounds)]
    times = [one[1] for one in found]
    document = found[-1][4]
    print(
        f"{name}: {document['results'][0]['pairs']:,} pairs in {statistics.median(times):.1f} s "
        f"({min(times):.1f} to {max(times):.1f}), {statistics.median(one[2] for one in found):.1f} s of CPU, "
        f"at most {max(one[3] for one in found):.0f} MB; "
        f"reading alone {statistics.median(one[0] for one in found):.1f} s"
    )
    if found[-1][5]:
        print("    " + found[-1][5])


def compare(tables: int) -> None:
    """Count tables for which networkx finds more pairs, or the same number with another total probability."""
    random = np.random.default_rng(15)
    pairs = 0
    for table in range(tables):
        least = Constraints(threshold=float(random.choice([0.95, 0.95, 0.7, 0.5]))).least_gap
        posts = int(random.integers(0, 30))
        groups = random.integers(0, random.integers(1, 4), posts).astype(np.int64)
        times = random.integers(0, int(random.choice([8, 15, 30, 60, 120]) * DAY_MS), posts).astype(np.int64)
        if random.random() < 0.3:
            times = times // DAY_MS * DAY_MS
        scores = np.log(np.maximum(1, np.exp(random.normal(6, random.choice([0.4, 0.8, 1.2]), posts)).astype(int)))
        found = match(groups, times, scores, window_ms=10 * DAY_MS, least_gap=least, sigma=0.3)
        graph = networkx.Graph()
        for a in range(posts):
            for b in range(a):
                gap = abs(scores[a] - scores[b])
                if groups[a] == groups[b] and abs(times[a] - times[b]) <= 10 * DAY_MS and gap >= least and gap > 0:
                    graph.add_edge(a, b, weight=0.5 * math.erfc(-gap / 0.6))
        exact = networkx.max_weight_matching(graph, maxcardinality=True)
        total = sum(graph[a][b]["weight"] for a, b in exact)
        own = sum(graph[a][b]["weight"] for a, b in zip(found.winners.tolist(), found.losers.tolist(), strict=True))
        if len(exact) != len(found.winners) or abs(total - own) > 1e-9:
            raise SystemExit(f"table {table}: networkx {len(exact)}, {total}; here {len(found.winners)}, {own}")
        pairs += len(exact)
    print(f"{tables:,} random tables, {pairs:,} pairs: count and total probability equal to networkx's in each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    compare(options.tables)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posts.csv"
        write_table(path, posts=options.posts, users=options.users, days=365)
        report(f"{options.posts:,} posts of {options.users:,} users", path, options.rounds)
        for days in (5, 30):
            write_table(path, posts=options.posts, users=1, days=days)
            report(f"{options.posts:,} posts of one user within {days} days", path, 1, "--collected", "2024-03-01")
        report("the same, in blocks", path, 1, "--collected", "2024-03-01", "--in-blocks")


if __name__ == "__main__":
    main()
