"""How long `batch-top` takes, and how much memory: 10 million rows with signatures, 2 GB of Parquet.

    python tests/benchmarks/batch_top.py [--rows 10000000] [--rounds 3] [--folder /tmp]

Makes the rows, asks each question in a process of its own, in turns, and prints medians and spread of wall time, CPU
time and the largest resident memory; then deletes the rows. Users are as uneven as on platforms: 84,000 of them, the
largest with 12,000 pictures. One of 20 pictures looks like the one before it. CPU time is what to compare where others
use the machine, too.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

QUESTIONS = {
    "the best 1,000": {"k": 1000},
    "the same, near-duplicates too": {"k": 1000, "fold": False},
    "the best 3 of each user": {"k": 3, "per": "user"},
}
_PER_FILE = 250_000


def make_rows(folder: Path, rows: int) -> None:
    """Write the rows, in files of 250,000."""
    import pyarrow as pa
    from pyarrow import parquet

    chance = np.random.default_rng(0)
    for number in range(0, rows, _PER_FILE):
        count = min(_PER_FILE, rows - number)
        score = chance.normal(3, 1.5, count)
        cells = chance.integers(0, 256, (count, 176), dtype=np.uint8)
        twins = np.nonzero(chance.random(count - 1) < 0.05)[0] + 1
        cells[twins], score[twins] = cells[twins - 1], score[twins - 1] - 0.01
        failed = chance.random(count) < 0.002
        users = (chance.pareto(1.2, count) * 1000 % 100_000).astype(np.int64)
        users[twins] = users[twins - 1]
        offsets = np.arange(0, (count + 1) * 176, 176, dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(cells.tobytes())]
        table = pa.table(
            {
                "id": [f"photos/{number + place:09}.jpg" for place in range(count)],
                "score": pa.array(score, mask=failed),
                "percentile": pa.array(np.clip(score * 15, 0, 100), mask=failed),
                "label": pa.array(np.where(score > 4, "Excellent", "Good"), pa.string(), mask=failed),
                "width": pa.array(np.full(count, 4000, np.int32), mask=failed),
                "height": pa.array(np.full(count, 3000, np.int32), mask=failed),
                "error": pa.array(["UnreadableImage: x"] * count, mask=~failed),
                "model_sha256": pa.array(["d7" * 32] * count),
                "signature": pa.Array.from_buffers(pa.binary(), count, buffers),
                "user": pa.array(np.char.add("user", users.astype(str))),
            }
        )
        parquet.write_table(table, folder / f"part-{number:012}.parquet", row_group_size=50_000)


def ask(folder: str, question: str) -> None:
    """Answer one question, and print what it took."""
    from popscore.batch.top import batch_top

    began = time.perf_counter()
    found = batch_top(folder, **QUESTIONS[question])
    wall_s = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"wall_s": wall_s, "cpu_s": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}
    print(json.dumps({**figures, "results": len(found.results), "lists": found.lists}))


def main() -> None:
    """Make, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the rows are made; the system's folder for such files by default")
    parser.add_argument("--keep", type=Path, help="rows that are there already, or are made here and kept")
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        ask(*options.ask)
        return
    folder = options.keep or Path(tempfile.mkdtemp(dir=options.folder))
    try:
        folder.mkdir(exist_ok=True)
        if not any(folder.glob("*.parquet")):
            make_rows(folder, options.rows)
        size = sum(path.stat().st_size for path in folder.iterdir())
        found: dict[str, list[dict[str, float]]] = {name: [] for name in QUESTIONS}
        for _ in range(options.rounds):
            for question, answers in found.items():
                command = [sys.executable, __file__, "--ask", str(folder), question]
                out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
                answers.append(json.loads(out))
        print(f"{size / 1e9:.1f} GB, {options.rounds} rounds, load {os.getloadavg()[0]:.0f} on {os.cpu_count()} CPUs")
        for name, answers in found.items():
            last = answers[-1]
            print(f"{name}: {last['results']:,} rows in {last['lists']:,} lists")
            for key, unit in (("wall_s", "s wall"), ("cpu_s", "s of CPU"), ("mb", "MB at most")):
                values = [answer[key] for answer in answers]
                print(f"  {statistics.median(values):8.1f} {unit}  ({min(values):.1f} to {max(values):.1f})")
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
