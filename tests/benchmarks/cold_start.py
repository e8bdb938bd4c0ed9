"""How long `popscore score` takes from cold, against the imports that it cannot do without.

python tests/benchmarks/cold_start.py [PHOTO] [ROUNDS]

Both sides run in turn, so that a busy machine slows them alike. The target is a ratio of at most 4.
"""

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGET_RATIO = 4.0
_IMPORTS = ("-c", "import numpy, PIL.Image, onnxruntime")


def wall_s(*arguments: str) -> float:
    """Wall time of one Python process, in seconds."""
    start_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s


def measure(photo: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Wall times of the command and of the imports, after one round that only warms the disk cache."""
    score, imports = [], []
    for _ in range(rounds + 1):
        score.append(wall_s("-m", "popscore", "score", str(photo)))
        imports.append(wall_s(*_IMPORTS))
    return score[1:], imports[1:]


def main() -> None:
    skimage = Path(str(find_spec("skimage").submodule_search_locations[0]))
    photo = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else skimage / "data" / "rocket.jpg"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    score, imports = measure(photo, rounds)
    for name, times_s in (("popscore score", score), ("imports alone", imports)):
        milliseconds = [1000 * time_s for time_s in times_s]
        print(
            f"{name:<15} median {statistics.median(milliseconds):6.0f} ms"
            f"   min {min(milliseconds):6.0f}   max {max(milliseconds):6.0f}"
        )
    ratio = statistics.median(score) / statistics.median(imports)
    print(f"ratio of the medians {ratio:.2f} (target: at most {TARGET_RATIO:g}), {rounds} rounds")


if __name__ == "__main__":
    main()
