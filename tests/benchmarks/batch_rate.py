"""How fast a batch is against the local pipeline, and how its memory grows with the number of photos.

Rounds are interleaved: in each the same photos go through `Scorer.score_many` with as many threads as the batch has
workers, in a process of its own, and through `popscore batch`; which goes first changes. Rates are of scoring alone;
the start of the batch is printed beside them. The resident memory of the batch's driver and of its largest actor and
worker process is looked at every half second.

Run from the root of the checkout, where tests/requirements-batch.txt is installed:

    python tests/benchmarks/batch_rate.py --photos 3000 --rounds 3 --workers 2
    python tests/benchmarks/batch_rate.py --memory 2000 50000 --side 64
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

import batches  # noqa: E402
from commands import environment  # noqa: E402
from PIL import Image  # noqa: E402
from skimage import data  # noqa: E402

_LOCAL = (
    "import sys, time, popscore; scorer = popscore.load_scorer(); scorer.score(sys.argv[3]); began = time.monotonic()\n"
    "from popscore.photos.find import find_photos\n"
    "count = sum(1 for _ in scorer.score_many(find_photos([sys.argv[1]]).photos, workers=int(sys.argv[2])))\n"
    "print(count / (time.monotonic() - began))"
)


def make_photos(folder: Path, count: int, side: int) -> None:
    """Parts of four photographs, each another one, as JPEGs."""
    folder.mkdir(parents=True)
    images = [Image.fromarray(one) for one in (data.chelsea(), data.coffee(), data.astronaut(), data.rocket())]
    chance = random.Random(1)  # noqa: S311
    for number in range(count):
        image = images[number % 4]
        share = chance.uniform(0.5, 1)
        left, top = (chance.uniform(0, one * (1 - share)) for one in image.size)
        box = (left, top, left + image.width * share, top + image.height * share)
        size = side, round(side * chance.uniform(0.66, 1))
        image.resize(size, box=box).save(folder / f"p{number:06}.jpg", quality=85)


def local_rate(photos: Path, workers: int, home: Path) -> float:
    first = next(photos.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", _LOCAL, str(photos), str(workers), str(first)],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def batch(photos: Path, workers: int, home: Path, **variables: str | Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The summary of a batch, and peaks of resident memory in bytes."""
    out = home / f"out{time.monotonic_ns()}"
    command = batches.command(photos, "--out", out, "--workers", str(workers), "--json")
    driver = subprocess.Popen(
        command, env=environment(home, **variables), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    peaks = {"driver": 0, "actor": 0, "worker": 0}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            for name, found in (
                ("driver", [driver.pid]),
                ("actor", batches.workers_of(driver.pid)),
                ("worker", batches.workers_of(driver.pid, "popscore.workers.program")),
            ):
                peaks[name] = max([peaks[name], *map(resident, found)])

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = driver.communicate()
    ended.set()
    watcher.join()
    return json.loads(printed)["results"][0], peaks


def resident(pid: int) -> int:
    """Of its own: what it shares with the object store is not counted."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(pages[1]) - int(pages[2])) * 4096


def megabytes(peaks: dict[str, int]) -> str:
    return ", ".join(f"{name} {found / 1e6:.0f} MB" for name, found in peaks.items())


def rates(options: argparse.Namespace, home: Path) -> None:
    photos = home / "photos"
    make_photos(photos, options.photos, options.side)
    found: list[tuple[float, float, float]] = []
    for number in range(options.rounds):
        local = 0.0
        if number % 2 == 0:
            local = local_rate(photos, options.workers, home)
        summary, peaks = batch(photos, options.workers, home)
        if number % 2:
            local = local_rate(photos, options.workers, home)
        found.append((local, summary["rows_per_second"], summary["start_seconds"]))
        share = found[-1][1] / local
        print(
            f"round {number}: local {local:.1f}/s, batch {found[-1][1]:.1f}/s ({share:.2f}), "
            f"start {found[-1][2]:.1f} s, at most {megabytes(peaks)}",
            flush=True,
        )
    shares = [batched / local for local, batched, _ in found]
    print(f"batch against local: median {statistics.median(shares):.3f}, {min(shares):.3f} to {max(shares):.3f}")


def memory(options: argparse.Namespace, home: Path) -> None:
    before: dict[str, int] = {}
    for count in options.memory:
        photos = home / f"photos{count}"
        make_photos(photos, count, options.side)
        variables = {"POPSCORE_MODEL_PATH": options.model.absolute()} if options.model else {}
        summary, peaks = batch(photos, options.workers, home, **variables)
        print(f"{count} rows, {summary['rows_per_second']:.1f}/s: at most {megabytes(peaks)}", flush=True)
        for name in before:
            more = peaks[name] - before[name]
            print(f"  {name}: {more / 1e6:+.1f} MB, {100 * more / before[name]:+.1f} %")
        before = peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--side", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--model", type=Path, help="with --memory: a model's file, one that computes little for many rows"
    )
    parser.add_argument("--memory", type=int, nargs="+", metavar="ROWS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        (memory if options.memory else rates)(options, Path(home))


if __name__ == "__main__":
    main()
