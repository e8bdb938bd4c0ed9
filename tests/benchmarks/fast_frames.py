"""What `popscore frames --fast` finds and costs, against exact ranking, on videos of your own.

    python tests/benchmarks/fast_frames.py FOLDER [--every 25]

Take recordings and films, not generated pictures, and as many kinds as you have. Each command is a process of its own;
CPU time of all its threads, by getrusage, start of Python and of the model included. The best score of fast ranking
counts as the same where it is at most the model's noise below the exact one. Short videos, and those with fewer than
three keyframes, are ranked exactly in both.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

from popscore.scoring.scorer import load_scorer  # noqa: E402

ROOT = Path(__file__).parents[2]


def command(path: Path, *options: str) -> tuple[int, float | None, float]:
    """A run of `popscore frames`: frames scored, the best score if any, CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = [sys.executable, "-m", "popscore", "frames", str(path), "--json", *options]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    try:
        found = json.loads(done.stdout)
        best = found["results"][0]["score"] if found["results"] else None
        return found["frames_scored"], best, cpu_s
    except (ValueError, KeyError):
        return 0, None, cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", default="25")
    options = parser.parse_args()
    noise = load_scorer().model.spec.likely_noise
    kept: list[bool] = []
    kept_by_search: list[bool] = []
    print(f"{'video':<40} {'scored':>11} {'CPU seconds':>15} {'ratio':>6} {'best':>15} {'below':>6}")
    for path in sorted(options.folder.resolve().iterdir()):
        scored, best, cpu_s = command(path, "--every", options.every)
        if best is None:
            print(f"{path.name[:40]:<40} no frame to show")
            continue
        fast_scored, fast_best, fast_cpu_s = command(path, "--every", options.every, "--fast")
        below = best - fast_best if fast_best is not None else float("inf")
        same = below <= noise
        kept.append(same)
        if fast_scored < scored:
            kept_by_search.append(same)
        print(
            f"{path.name[:40]:<40} {fast_scored:>4} of {scored:>4} {fast_cpu_s:>6.2f} of {cpu_s:>5.2f} "
            f"{fast_cpu_s / cpu_s:>6.2f} {fast_best or 0:>6.2f} of {best:>5.2f} {below:>6.2f}{'' if same else ' *'}",
            flush=True,
        )
    searched = f"{sum(kept_by_search)} of the {len(kept_by_search)} that were searched"
    print(f"within the noise ({noise:.2f}) in {searched}; the others were ranked exactly")
    print(f"within the noise in {sum(kept)} of {len(kept)}")


if __name__ == "__main__":
    main()
