"""How far a model's score moves when a photo is changed in ways that mean nothing.

python tests/benchmarks/score_noise.py FOLDER [--model MODEL.onnx]

Each photo is scored as it is, saved again as JPEG, made smaller, cut by 2 %, and mirrored. Two such versions of one
photo differ by the noise of both, just as the scores of two photos do, so the 95th percentile of the differences is
the gap up to which the order of two photos is not to be trusted. The largest of them, over the changes, is the
model's `popscore.noise`: it covers each. Stronger changes are shown for comparison and do not count.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import FailedPhoto, Settings, load_scorer
from popscore.metrics import swapped_pairs
from popscore.scoring.scorer import Scorer
from popscore.training.noise import HARMLESS, Change, cut, saved_again

OTHERS: dict[str, Change] = {
    "saved again, quality 40": lambda photo: saved_again(photo, 40),
    "10 % brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.1),
    "5 % cut from each side": lambda photo: cut(photo, 0.05, 0.05, 0.05, 0.05),
}


def scores(scorer: Scorer, paths: list[Path], change: Change) -> npt.NDArray[np.float64]:
    """(N,) scores of the changed photos."""

    def changed() -> Iterator[Image.Image]:
        for path in paths:
            with Image.open(path) as photo:
                yield change(photo.convert("RGB"))

    outcomes = scorer.score_many(changed())
    return np.array([np.nan if isinstance(outcome, FailedPhoto) else outcome.score for outcome in outcomes])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="an ONNX file; the embedded model by default")
    parser.add_argument("--photos", type=int, default=600, help="at most this many")
    options = parser.parse_args()
    scorer = load_scorer(Settings(model_path=options.model), exact=True)
    files = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    files = files[: options.photos]
    plain = scores(scorer, files, lambda photo: photo)
    spread = float(np.nanstd(plain))
    print(
        f"{scorer.model.spec.name}, {np.isfinite(plain).sum()} photos, scores {np.nanmean(plain):.3f} sd {spread:.3f}"
    )
    print(f"{'change':<36}{'mean':>8}{'sd':>8}{'95 % of |d|':>13}{'99 %':>8}{'swapped':>9}")
    noise = 0.0
    for name, change in (HARMLESS | OTHERS).items():
        after = scores(scorer, files, change)
        moved = np.abs(after - plain)
        if name in HARMLESS:
            noise = max(noise, float(np.nanquantile(moved, 0.95)))
        both = np.isfinite(plain) & np.isfinite(after)
        swapped = swapped_pairs(plain[both], after[both])
        print(
            f"{name:<36}{np.nanmean(after - plain):8.3f}{np.nanstd(after - plain):8.3f}"
            f"{np.nanquantile(moved, 0.95):13.3f}{np.nanquantile(moved, 0.99):8.3f}{100 * swapped:8.2f}%"
        )
    std = scorer.model.spec.reference_std
    print(f"noise: {noise:.3f} score units, {noise / std:.3f} standard deviations of the reference population")


if __name__ == "__main__":
    main()
