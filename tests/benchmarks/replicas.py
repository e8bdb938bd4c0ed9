"""One process of the app against two behind one address: scores a second, and how long a visitor waits.

    python tests/benchmarks/replicas.py [--rounds 5] [--visitors 8] [--photos 6]

Both stand behind nginx with the configuration of docs/replicas, both run all the time, and rounds alternate. A visitor
uploads a photo of 12 megapixels, asks /score_image and waits for the result, and does so again at once. Needs nginx.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from commands import environment  # noqa: E402
from rank_gallery import make_photos, photographs  # noqa: E402
from replicas import Visitor, one_address  # noqa: E402
from running_app import app_process  # noqa: E402


def visit(url: str, photos: list[Path], waited_s: list[float]) -> None:
    """One visitor with his photos, one after the other."""
    visitor = Visitor(url)
    visitor.open()
    for photo in photos:
        began = time.perf_counter()
        visitor.score(photo)
        waited_s.append(time.perf_counter() - began)
    visitor.close()


def one_round(url: str, visitors: int, photos: list[Path]) -> tuple[float, list[float]]:
    """Scores a second, and the waits."""
    waited_s: list[float] = []
    threads = [threading.Thread(target=visit, args=(url, photos, waited_s)) for _ in range(visitors)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waited_s) == visitors * len(photos), "a visitor got no result"
    return len(waited_s) / (time.perf_counter() - began), waited_s


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--photos", type=int, default=6)
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = [stack.enter_context(app_process(environment(home / str(number)), wait_s=240)) for number in range(3)]
        sides = {
            "one process": stack.enter_context(one_address(home / "one", urls[:1])),
            "two processes": stack.enter_context(one_address(home / "two", urls[1:])),
        }
        photos = [Path(path) for path in make_photos(home / "photos", photographs(), options.photos, (0.5, 1.0))]
        rates: dict[str, list[float]] = {name: [] for name in sides}
        waits: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(options.rounds + 1):
            for name in list(sides)[:: 1 if number % 2 else -1]:
                rate, waited_s = one_round(sides[name], options.visitors, photos)
                if number:  # the first one starts workers
                    rates[name].append(rate)
                    waits[name] += waited_s
    print(f"{options.visitors} visitors at one time, {options.rounds} rounds, load {os.getloadavg()[0]:.0f}")
    for name in sides:
        found, waited = rates[name], sorted(waits[name])
        print(
            f"{name:14} {statistics.median(found):6.2f} a second ({min(found):.2f} to {max(found):.2f}); a wait: "
            f"median {statistics.median(waited):.2f} s, of 20 the longest {waited[int(len(waited) * 0.95)]:.2f} s"
        )
    ratios = [two / one for one, two in zip(*rates.values(), strict=True)]
    print(f"two against one, by round: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
