"""How much faster the second `popscore rank` over an unchanged folder is than the first.

python tests/benchmarks/cached_folder.py [PHOTOS] [ROUNDS]

Whole processes, wall time, start of Python included. Each round begins with an empty cache and runs twice. The
photos are cut from photographs of scikit-image, 500 to 1000 pixels long, no two alike. They are two seconds old
before the first run, as real photos are: younger files are hashed every time. The target is a ratio of at least 20.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
TARGET_RATIO = 20.0
_SOURCES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def make_photos(folder: Path, count: int) -> None:
    """Random cuts of four photographs, 500 to 1000 pixels long, as JPEG of quality 90."""
    skimage = Path(str(find_spec("skimage").submodule_search_locations[0]))
    sources = [Image.open(skimage / "data" / name).convert("RGB") for name in _SOURCES]
    random = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        width, height = (round(side * random.uniform(0.6, 0.95)) for side in source.size)
        left, top = int(random.integers(source.width - width)), int(random.integers(source.height - height))
        long_side = int(random.integers(500, 1001))
        scale = long_side / max(width, height)
        cut = source.crop((left, top, left + width, top + height))
        cut.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC).save(
            folder / f"{number:04d}.jpg", quality=90
        )


def wall_s(folder: Path, cache: Path, *options: str) -> float:
    """Wall time of one run, in seconds."""
    variables = {**os.environ, "POPSCORE_CACHE_DIR": str(cache)}
    start_s = time.perf_counter()
    command = [sys.executable, "-m", "popscore", "rank", *options, str(folder)]
    subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True)
    return time.perf_counter() - start_s


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    first: list[float] = []
    second: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        folder.mkdir()
        make_photos(folder, count)
        time.sleep(2.5)
        for number in range(rounds):
            cache = Path(name) / f"cache{number}"
            first.append(wall_s(folder, cache))
            second.append(wall_s(folder, cache))
    for title, times_s in (("first run", first), ("second run", second)):
        print(
            f"{title:<10} median {1000 * statistics.median(times_s):7.0f} ms"
            f"   min {1000 * min(times_s):7.0f}   max {1000 * max(times_s):7.0f}"
        )
    ratios = [one / other for one, other in zip(first, second, strict=True)]
    print(
        f"ratio of the medians {statistics.median(first) / statistics.median(second):.1f}, of the rounds "
        f"{min(ratios):.1f} to {max(ratios):.1f} (target: at least {TARGET_RATIO:g}), {count} photos, {rounds} rounds"
    )


if __name__ == "__main__":
    main()
