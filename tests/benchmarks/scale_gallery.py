"""Memory and CPU of a gallery of 10,000 photos, against one of 100.

python tests/benchmarks/scale_gallery.py [--photos 10000] [--rounds 5] [--group-similar]

Each run is a process of its own. The photos are JPEGs of 500 x 375 pixels with different noise, 100 files that are
given again and again under different names.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import Settings, load_scorer, rank_images

_FILES = 100
_SIZE = 500, 375
_MAX_GROWTH_MB, _MAX_CPU_RATIO = 20.0, 1.05


def make_photos(folder: Path) -> None:
    random = np.random.default_rng(0)
    data = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    sources = [data / name for name in ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg")]
    for number in range(_FILES):
        with Image.open(sources[number % len(sources)]) as opened:
            pixels = np.asarray(opened.convert("RGB").resize(_SIZE), np.int16)
        noisy = (pixels + random.integers(-9, 10, (_SIZE[1], _SIZE[0], 1))).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number}.jpg", quality=90)


def run(folder: Path, count: int, group_similar: bool) -> dict[str, float]:
    """Rank `count` photos in this process."""
    scorer = load_scorer(Settings())
    for number in range(_FILES):
        scorer.score(folder / f"{number}.jpg")
    # A string for each photo, as a list of real files would have.
    photos = [f"{folder}/./{'./' * (number // 5_000)}{number % _FILES}.jpg" for number in range(count)]
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    ranking = rank_images(photos, scorer=scorer, group_similar=group_similar)
    assert ranking.total == count, ranking.errors[0]
    return {
        "wall_s": (time.perf_counter() - start_s) / count,
        "cpu_s": (time.process_time() - start_cpu_s) / count,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="of 100 photos; the large gallery runs once, in between")
    parser.add_argument("--group-similar", action="store_true")
    parser.add_argument("--run", nargs=2, metavar=("FOLDER", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(Path(options.run[0]), int(options.run[1]), options.group_similar)))
        return
    with tempfile.TemporaryDirectory(prefix="scale_gallery") as folder:
        make_photos(Path(folder))
        counts = [100] * options.rounds
        counts.insert(options.rounds // 2, options.photos)
        found: dict[int, list[dict[str, float]]] = {100: [], options.photos: []}
        for count in counts:
            command = [sys.executable, __file__, "--run", folder, str(count)]
            command += ["--group-similar"] * options.group_similar
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[count].append(json.loads(done.stdout))
    print(f"{'photos':>8}{'runs':>6}{'wall ms per photo':>20}{'CPU ms per photo':>30}{'peak MB':>26}")
    for count, runs in found.items():
        wall = statistics.median(1000 * one["wall_s"] for one in runs)
        cpu = [1000 * one["cpu_s"] for one in runs]
        peak = [one["peak_mb"] for one in runs]
        print(
            f"{count:>8}{len(runs):>6}{wall:>20.2f}"
            f"{f'{statistics.median(cpu):.2f} ({min(cpu):.2f} to {max(cpu):.2f})':>30}"
            f"{f'{statistics.median(peak):.1f} ({min(peak):.1f} to {max(peak):.1f})':>26}"
        )

    def median(count: int, key: str) -> float:
        return statistics.median(one[key] for one in found[count])

    growth_mb = median(options.photos, "peak_mb") - median(100, "peak_mb")
    ratio = median(options.photos, "cpu_s") / median(100, "cpu_s")
    print(f"growth of the peak {growth_mb:.1f} MB (target: at most {_MAX_GROWTH_MB:g})")
    print(f"CPU per photo against 100 photos {ratio:.3f} (target: at most {_MAX_CPU_RATIO:g})")


if __name__ == "__main__":
    main()
