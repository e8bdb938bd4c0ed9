"""What a batch makes of a bad day: workers and drivers that are killed, and a store that fails.

    python tests/benchmarks/batch_faults.py killed --photos 600
    python tests/benchmarks/batch_faults.py store --photos 600 --rounds 2

`killed`: kill -9 of an actor or of a worker process every 10 s, and of the driver three times, gone on with by
--resume; then every row must be there once, with the score of the local pipeline. `store`: moto's server behind a proxy
that answers 5 % of requests with 503, waits 200 ms before each answer, and cuts 1 % of objects in half; rounds are
interleaved with a proxy that does nothing, and every readable row must have its score.
"""

import argparse
import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import batches  # noqa: E402
import faulty_store  # noqa: E402
from batch_rate import make_photos  # noqa: E402

import popscore  # noqa: E402


def killed(options: argparse.Namespace, home: Path) -> None:
    photos, out = home / "photos", home / "out"
    make_photos(photos, options.photos, 500)
    arguments: tuple[Any, ...] = (photos, "--out", out, "--workers", "2")
    kills: list[str] = []
    turns = itertools.cycle(["ray::MapWorker", "popscore.workers.program"])
    for number in range(4):
        with batches.begun(home, *arguments, *(["--resume"] if number else [])) as driver:
            ended = threading.Event()

            def kill(ended: threading.Event = ended, pid: int = driver.pid) -> None:
                while not ended.wait(10):
                    what = next(turns)
                    for one in batches.workers_of(pid, what)[:1]:
                        os.kill(one, signal.SIGKILL)
                        kills.append(what)

            killer = threading.Thread(target=kill)
            killer.start()
            before = len(list(out.glob("*.parquet"))) if out.is_dir() else 0
            if number < 3:
                batches.wait_for_files(out, before + max(1, options.photos // 16 // 5), driver)
            else:
                driver.wait()
            ended.set()
            killer.join()
            print(f"run {number}: {len(list(out.glob('*.parquet')))} files, {len(kills)} kills, status {driver.poll()}")
    found = batches.scores(batches.rows(out))
    ids = [str(path) for path in sorted(photos.iterdir())]
    wanted = {one.file: one.score for one in popscore.load_scorer().score_many(ids, workers=2)}
    apart = max(abs(found[one] - wanted[one]) for one in ids)
    print(
        f"{len(found)} of {len(ids)} rows, each once; scores differ by {apart:.1e} at most; "
        f"kills: {len(kills)}, drivers: 3"
    )


def store(options: argparse.Namespace, home: Path) -> None:
    photos = home / "photos"
    make_photos(photos, options.photos, 500)
    with faulty_store.moto() as port:
        faulty_store.fill(port, "shop", {f"in/{path.name}": path for path in photos.iterdir()})
        shares = []
        for number in range(options.rounds):
            rates = {}
            for name in ("clean", "bad") if number % 2 == 0 else ("bad", "clean"):
                bad = name == "bad"
                faults = faulty_store.Faults(errors=0.05 * bad, cuts=0.01 * bad, wait_s=0.2 * bad, seed=number)
                with faulty_store.proxy(port, faults) as address:
                    arguments = ("s3://shop/in", "--out", f"s3://shop/{name}{number}", "--workers", "2", "--json")
                    done = batches.finished(home, *arguments, **faulty_store.variables(address))
                (result,) = json.loads(done.stdout)["results"]
                rates[name] = result["rows_per_second"]
                print(
                    f"round {number}, {name}: {rates[name]:.1f}/s, {result['rows']} rows, {result['failed']} failed",
                    faults.seen,
                )
            shares.append(rates["bad"] / rates["clean"])
    print(f"bad against clean: median {statistics.median(shares):.3f}, {min(shares):.3f} to {max(shares):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("killed", "store"))
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        {"killed": killed, "store": store}[options.what](options, Path(home))


if __name__ == "__main__":
    main()
