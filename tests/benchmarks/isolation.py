"""What it costs that the app reads photos and videos in worker processes: against the same pipeline in one process.

    python tests/benchmarks/isolation.py [--photos 64] [--rounds 7] [--video CLIP]

A round ranks the same 12-megapixel photos both ways, one after the other; the order turns from round to round. With
a video, so does a round of its best frames. Prints medians, spread, and the ratio within rounds.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from rank_gallery import make_photos, photographs  # noqa: E402

from popscore.models import load_model  # noqa: E402
from popscore.photos.sources import ImageLimits, NamedPhoto  # noqa: E402
from popscore.scoring.scorer import Candidate, Scorer  # noqa: E402
from popscore.settings import Settings  # noqa: E402
from popscore.video import VideoLimits, rank_video  # noqa: E402
from popscore.workers.readers import IsolatedScorer, Readers  # noqa: E402
from popscore.workers.tasks import VideoTask  # noqa: E402

Sides = dict[str, Callable[[], object]]


def measure(sides: Sides, rounds: int, per: int, what: str) -> None:
    """Both sides in turns; the first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides)[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            sides[name]()
            if number:
                seconds[name].append((time.perf_counter() - began) / per)
    for name, found in seconds.items():
        low, middle, high = (1000 * value for value in (min(found), statistics.median(found), max(found)))
        print(f"{name:28} {middle:8.1f} ms {what}  ({low:.1f} to {high:.1f})")
    one, workers = seconds.values()
    ratios = [a / b for a, b in zip(one, workers, strict=True)]
    print(
        f"throughput of workers against one process: {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f})\n"
    )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--video", type=Path)
    options = parser.parse_args()
    model = load_model(Settings())
    readers = Readers()
    apart, together = IsolatedScorer(model, readers, limits=ImageLimits()), Scorer(model)
    readers.photos.warm_up()

    def rank(scorer: Scorer, photos: list[NamedPhoto]) -> None:
        assert all(isinstance(found, Candidate) for found in scorer.candidates(photos))

    with tempfile.TemporaryDirectory() as folder:
        if options.photos:
            paths = make_photos(Path(folder) / "photos", photographs(), options.photos, (0.5, 1.0))
            photos = [NamedPhoto(Path(path), Path(path).name) for path in paths]
            sides: Sides = {
                "photos, one process": lambda: rank(together, photos),
                "photos, workers": lambda: rank(apart, photos),
            }
            measure(sides, options.rounds, len(photos), "a photo")
        if options.video:
            limits = VideoLimits()
            task = VideoTask(path=options.video, name="clip", every=25, fast=False, top=5, out=None, limits=limits)
            sides = {
                "video, one process": lambda: rank_video(options.video, scorer=together, limits=limits),
                "video, workers": lambda: readers.rank_video(apart, task, 0),
            }
            measure(sides, options.rounds, 1, "a video")
    readers.close()


if __name__ == "__main__":
    main()
