"""What crops cost.

    python tests/benchmarks/crop_cost.py [--rounds 15]

Two figures, both sides of each interleaved in one run, on one 12-megapixel photo (a photograph of scikit-image, made
larger, with grain, saved as JPEG of quality 90):

- crops of all five shapes, faces looked for, against one full decode plus five scores of decoded pixels;
- the scores of 100 parts of one decoded photo against 100 inferences on pixels that are prepared already.
"""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

import popscore
from popscore.insight.crops import best_crops, score_box
from popscore.models import load_model
from popscore.models.preprocess import to_input
from popscore.photos.decode import read_photo
from popscore.settings import Settings

_SIZE = (4000, 3000)
_PARTS = 100


def main() -> None:
    """Measure, and print medians with their spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    scorer, model = popscore.load_scorer(), load_model(Settings())
    photo = _photo()
    small = read_photo(photo, at_least=scorer.at_least).pixels

    def reference() -> None:
        pixels = read_photo(photo).pixels
        for _ in range(5):
            scorer.predict(small)
        del pixels

    _compare("crops of five shapes", lambda: best_crops(photo, scorer=scorer), "decode + 5 scores", reference, rounds)

    decoded = read_photo(photo, at_least=scorer.at_least)
    size = decoded.width, decoded.height
    rng = np.random.default_rng(0)
    boxes = []
    for _ in range(_PARTS):
        side = rng.uniform(0.4, 1)
        left, top = rng.uniform(0, 1 - side), rng.uniform(0, 1 - side)
        boxes.append(
            [
                round(share * length)
                for share, length in zip((left, top, left + side, top + side), size * 2, strict=True)
            ]
        )
    prepared = to_input(decoded.pixels, model.info.spec)

    def cut_out() -> None:
        for box in boxes:
            score_box(decoded.pixels, box, scorer, size=size)

    def infer() -> None:
        for _ in range(_PARTS):
            model.session.predict(prepared)

    _compare("100 parts", cut_out, "100 inferences", infer, max(3, rounds // 5))


def _compare(name: str, one: Callable[[], object], other_name: str, other: Callable[[], object], rounds: int) -> None:
    one()
    other()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for spent, work in zip(times, (one, other), strict=True):
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
    ratios = sorted(a / b for a, b in zip(*times, strict=True))
    for label, spent in zip((name, other_name), times, strict=True):
        low, _, high = statistics.quantiles(spent, n=4) if len(spent) > 1 else (spent[0],) * 3
        print(f"{label:24} {1000 * statistics.median(spent):8.0f} ms   {1000 * low:.0f} to {1000 * high:.0f}")
    print(f"{'ratio':24} {statistics.median(ratios):8.2f}      {ratios[0]:.2f} to {ratios[-1]:.2f}\n")


def _photo() -> bytes:
    skimage = find_spec("skimage")
    assert skimage is not None
    assert skimage.submodule_search_locations
    with Image.open(Path(skimage.submodule_search_locations[0]) / "data" / "coffee.png") as image:
        large = np.asarray(image.convert("RGB").resize(_SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = np.random.default_rng(0).normal(0, 5, (*large.shape[:2], 1))
    file = io.BytesIO()
    Image.fromarray((large + grain).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
