"""What a map costs beside the score of the same photo.

python tests/benchmarks/explain.py PHOTO… [--model MODEL.onnx] [--repeats 15]

A score and a map of one photo file take turns, so that whatever else the machine does falls on both: the own map
of a model that has one, and an occlusion map of 49 masks. All of it counts, decoding too.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import Settings, load_scorer
from popscore.cpus import usable_cpus
from popscore.insight.maps import explain


def seconds(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def show(name: str, ratios: list[float], plain: list[float], maps: list[float]) -> None:
    first, middle, third = statistics.quantiles(ratios, n=4)
    print(
        f"  {name:<16} {middle:5.2f} times ({first:.2f} to {third:.2f});"
        f" score {1000 * statistics.median(plain):.0f} ms, map {1000 * statistics.median(maps):.0f} ms"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    scorer = load_scorer(Settings(model_path=options.model) if options.model else Settings())
    methods = ("activation_map", "occlusion") if scorer.has_map else ("occlusion",)
    print(f"{scorer.model.spec.name}, {usable_cpus()} CPUs; medians and quartiles of {options.repeats} turns")
    for photo in options.photos:
        print(photo.name)
        for method in methods:
            plain, maps = [], []
            for _ in range(options.repeats):
                plain.append(seconds(lambda photo=photo: scorer.score(photo)))
                maps.append(
                    seconds(
                        lambda photo=photo, method=method: explain(photo, scorer=scorer, method=method, seconds=600)
                    )
                )
            show(method, [one / other for one, other in zip(maps, plain, strict=True)], plain, maps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
