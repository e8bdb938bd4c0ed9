"""Where a batch stops being faster with more workers, and why: the engine's scheduling, simulated event by event.

    python tests/benchmarks/batch_scale.py [--pictures 100000000] [--picture-ms 25] [--block-ms 12] [--seeds 3]

One driver hands out blocks of pictures, one at a time, each of which takes it `--block-ms` (tests/benchmarks/
batch_cost.py measures that of Ray, `block_s`, and the time of a picture). A worker asks for its next block when it
begins one, as actors of Ray Data do. Workers start one after the other, some are slow, all may die, and then their
blocks are done again. A store gives so many pictures a second from one prefix, and no more. The first table has all
of it, then each cause is left out in turn: what a column gains is what that cause costs. Blocks are as large as
`popscore.batch` makes them.
"""

import argparse
import heapq
import statistics
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.batch.cost import rows_per_block

WORKERS = (1, 10, 50, 100, 200, 500, 1000)
NEVER = float("inf")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What decides how long a batch takes.

    Attributes:
        picture_s: CPU time of a picture; that of a block varies as the mean of its pictures does.
        picture_spread: standard deviation of a picture's time over its mean; photos and thumbnails mixed: 1.
        block_s: time of the driver for a block.
        slow_share, slow_factor: so many workers take so many times as long: busy neighbours, older machines.
        life_s: mean time until a worker dies; machines that may be taken away live some hours.
        restart_s: until a worker that died scores again.
        start_s: until the first worker scores; the others follow within the same time.
        gets_per_s: requests a second that the store answers in all; a picture takes two. 5,500 is the least that Amazon
            promises for one prefix of S3 (its guide, "Request rate and performance guidelines").
        rows: pictures in a block; None for what popscore makes.
    """

    picture_s: float = 0.025
    picture_spread: float = 1.0
    block_s: float = 0.012
    slow_share: float = 0.05
    slow_factor: float = 1.5
    life_s: float = 6 * 3600.0
    restart_s: float = 60.0
    start_s: float = 60.0
    gets_per_s: float = 5_500.0
    rows: int | None = None


def wall_s(engine: Engine, pictures: int, workers: int, seed: int) -> float:
    """How long the batch takes."""
    chance = np.random.default_rng(seed)
    rows = engine.rows or rows_per_block(pictures, workers)
    blocks = -(-pictures // rows)
    speed = np.where(chance.random(workers) < engine.slow_share, engine.slow_factor, 1.0)
    dies_s = chance.exponential(engine.life_s, workers) if engine.life_s < NEVER else np.full(workers, NEVER)
    # The store shares out what it has among all who ask.
    each_s = max(engine.picture_s, 2 * workers / engine.gets_per_s)
    left, done, driver_free_s, number = blocks, 0, 0.0, 0
    ready_s: list[float | None] = [None] * workers  # when the block that a worker asked for is there
    busy = [False] * workers
    waiting: set[int] = set()  # workers that asked when no block was left
    events: list[tuple[float, int, str, int]] = []

    def at(time_s: float, what: str, worker: int) -> None:
        nonlocal number
        number += 1
        heapq.heappush(events, (time_s, number, what, worker))

    for worker in range(workers):
        at(engine.start_s * (1 + chance.random()) if workers > 1 else engine.start_s, "ask", worker)
    while True:
        now_s, _, what, worker = heapq.heappop(events)
        if what == "ask":
            if not left:
                waiting.add(worker)
                continue
            left -= 1
            driver_free_s = max(driver_free_s, now_s) + engine.block_s
            ready_s[worker] = driver_free_s
            if not busy[worker]:
                busy[worker] = True
                at(driver_free_s, "begin", worker)
        elif what == "begin":
            ready_s[worker] = None
            varied = max(0.2, 1 + chance.normal() * engine.picture_spread / np.sqrt(rows))
            took_s = rows * each_s * varied * speed[worker]
            if now_s + took_s > dies_s[worker]:
                at(max(now_s, dies_s[worker]), "die", worker)
            else:
                at(now_s + took_s, "end", worker)
                at(now_s, "ask", worker)
        elif what == "end":
            done += 1
            if done == blocks:
                return now_s
            begins_s = ready_s[worker]
            busy[worker] = begins_s is not None
            if begins_s is not None:
                at(max(now_s, begins_s), "begin", worker)
        else:
            left += 1
            dies_s[worker] = now_s + engine.restart_s + chance.exponential(engine.life_s)
            waiting.discard(worker)
            busy[worker] = False
            at(now_s + engine.restart_s, "ask", worker)
            for other in list(waiting)[:left]:
                waiting.discard(other)
                at(now_s, "ask", other)


def main() -> None:
    """Simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10**8)
    parser.add_argument("--picture-ms", type=float, default=25)
    parser.add_argument("--block-ms", type=float, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    whole = Engine(picture_s=options.picture_ms / 1000, block_s=options.block_ms / 1000)
    sides = {
        "all": whole,
        "no limit of the store": replace(whole, gets_per_s=NEVER),
        "nor of the driver": replace(whole, gets_per_s=NEVER, block_s=0),
        "nor slow workers": replace(whole, gets_per_s=NEVER, block_s=0, slow_share=0),
        "nor deaths": replace(whole, gets_per_s=NEVER, block_s=0, slow_share=0, life_s=NEVER),
        "nor a start": replace(whole, gets_per_s=NEVER, block_s=0, slow_share=0, life_s=NEVER, start_s=0),
    }
    print(f"{options.pictures:,} pictures of {options.picture_ms:g} ms, {options.block_ms:g} ms of the driver a block.")
    print("Share of the rate of so many workers that do nothing but score; hours in brackets.\n")
    print("| workers | blocks | " + " | ".join(sides) + " |")
    print("|---|---|" + "---|" * len(sides))
    for workers in WORKERS:
        ideal_s = options.pictures * whole.picture_s / workers
        cells = []
        for engine in sides.values():
            found = [wall_s(engine, options.pictures, workers, seed) for seed in range(options.seeds)]
            cells.append(f"{ideal_s / statistics.median(found):.2f}")
            if engine is whole:
                cells[0] += f" ({statistics.median(found) / 3600:.2f})"
        blocks = -(-options.pictures // rows_per_block(options.pictures, workers))
        print(f"| {workers:,} | {blocks:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
