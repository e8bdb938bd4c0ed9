"""Whether the maps of `popscore explain` are true: what they say raises the score does raise it.

python tests/benchmarks/map_faithfulness.py --photos FOLDER [--model MODEL.onnx] [--count 100]

Deletion and insertion (Petsiuk et al. 2018): cells are hidden in the order of the map, the highest contribution first,
and the score falls along a curve; or they come back in that order into a picture of which all is hidden, and the score
rises. The figure is the area between the two curves, in standard deviations of the reference population. It is 0 for an
order that knows nothing. Hidden cells show a blurred copy of the photo; and, as a second opinion, what is left of them
when they are filled in from around, with a little noise: remove and debias (ROAD, Rong et al. 2022, here at a quarter
of the size), where the shape of what was hidden says nothing.

Every map is compared with a random order and with one that goes from the centre to the edges. Then two checks: the map
of the photo shifted by one cell is the shifted map; and random weights in the last layer give another map (Adebayo et
al. 2018).

Measured on photos of OASIS, mean area between the curves with its 95 % interval, on a machine with much else to do:

| model, photos | hidden cells | own map | occlusion | centre first | random |
|---|---|---|---|---|---|
| embedded, 47 | blur | .34 [.26, .43] | .52 [.43, .60] | .07 [-.05, .19] | -.03 [-.09, .04] |
| embedded, 41 others | blur | .35 [.24, .46] | .45 [.34, .57] | .05 [-.08, .19] | -.03 [-.10, .03] |
| embedded, 47 | ROAD | .39 [.29, .49] | .54 [.45, .64] | -.05 [-.16, .07] | .01 [-.05, .07] |
| embedded, 41 others | ROAD | .41 [.28, .54] | .53 [.42, .64] | -.09 [-.21, .03] | .01 [-.05, .07] |
| MobileNetV2 and a linear layer, 84 | blur | .35 [.29, .42] | .42 [.36, .48] | -.15 [-.23, -.08] | -.01 [-.06, .04] |
| MobileNetV2 and a linear layer, 84 | ROAD | .37 [.31, .43] | .40 [.34, .47] | -.19 [-.27, -.11] | -.01 [-.07, .04] |

The embedded model's map is true to first order only: occlusion is truer, at 50 runs instead of one. Shifted by a cell,
the maps correlate .84 where they moved along and .79 where not (embedded, 5 photos), .88 and .60 (MobileNetV2, 6);
occlusion maps .77 and .23, .84 and .30. After random weights in the last layer the rank correlation is .03 and .10.
Curves of 8 steps instead of 4 were tried first; one photo took over 2 minutes on that machine, so it was given up.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from PIL import Image
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.stats import rankdata, spearmanr

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import Scorer, Settings, load_scorer
from popscore.insight.maps import explain_pixels
from popscore.insight.occlusion import blurred_copy
from popscore.models.loader import EMBEDDED_FILE, LoadedModel
from popscore.models.preprocess import seen_pixels
from popscore.models.session import open_session
from popscore.photos.decode import read_photo

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Measured = tuple[dict[str, dict[str, tuple[float, float]]], dict[str, tuple[float, ...]]]
Fill = Callable[[Image.Image, Mask], Image.Image]

# Of cells between two points of a curve: a quarter of the picture. Finer steps cost runs and change little.
STEPS = 4
_SHRINK = 4
_NOISE = 0.01 * 255  # of a channel, as in the authors' code


def blur(seen: Image.Image, hidden: Mask) -> Image.Image:
    return Image.composite(blurred_copy(seen), seen, Image.fromarray(hidden.astype(np.uint8) * 255))


def road(seen: Image.Image, hidden: Mask) -> Image.Image:
    """Each hidden pixel becomes the weighted mean of the eight around it: 1/6 for those beside it, 1/12 diagonally."""
    small = np.asarray(seen.reduce(_SHRINK), np.float64)
    rows, columns = small.shape[:2]
    gone = np.asarray(Image.fromarray(hidden.astype(np.uint8) * 255).resize((columns, rows), Image.Resampling.BOX)) > 0
    if gone.all():
        return Image.new("RGB", seen.size, tuple(int(value) for value in small.mean(axis=(0, 1))))
    number = np.full((rows, columns), -1)
    number[gone] = np.arange(gone.sum())
    y, x = np.nonzero(gone)
    own = number[y, x]
    total, right = np.zeros(len(own)), np.zeros((len(own), 3))
    entries: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], float]] = []
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            weight = {0: 0.0, 1: 1 / 6, 2: 1 / 12}[abs(down) + abs(across)]
            at_y, at_x = y + down, x + across
            inside = (at_y >= 0) & (at_y < rows) & (at_x >= 0) & (at_x < columns) & (weight > 0)
            total += weight * inside
            known = inside.copy()
            known[inside] = ~gone[at_y[inside], at_x[inside]]
            right[known] += weight * small[at_y[known], at_x[known]]
            both = inside & ~known
            entries.append((own[both], number[at_y[both], at_x[both]], -weight))
    matrix = sparse.coo_matrix(
        (
            np.concatenate([np.full(len(a), weight) for a, _, weight in entries] + [total]),
            (np.concatenate([a for a, _, _ in entries] + [own]), np.concatenate([b for _, b, _ in entries] + [own])),
        )
    ).tocsc()
    filled = small.copy()
    filled[gone] = spsolve(matrix, right)
    smooth = Image.fromarray(filled.clip(0, 255).round().astype(np.uint8)).resize(seen.size, Image.Resampling.BILINEAR)
    noise = np.random.default_rng(0).normal(0, _NOISE, np.asarray(smooth).shape)
    noisy = (np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.where(hidden[..., np.newaxis], noisy, np.asarray(seen)))


FILLS: dict[str, Fill] = {"blur": blur, "ROAD": road}


def areas(scorer: Scorer, seen: Image.Image, orders: dict[str, Values], fill: Fill) -> dict[str, tuple[float, float]]:
    """Areas under the deletion and the insertion curve of each order, the largest value first, in score units."""

    def score(hidden: Mask) -> float:
        return scorer.predict(fill(seen, hidden)).score

    whole, nothing = scorer.predict(seen).score, score(np.ones((seen.height, seen.width), bool))
    found = {}
    for name, order in orders.items():
        rows, columns = order.shape
        rank = rankdata(-order.reshape(-1), method="ordinal").reshape(rows, columns) - 1
        row, column = (
            np.arange(length) * cells // length for length, cells in zip(seen.size[::-1], order.shape, strict=True)
        )
        of_pixel = rank[np.ix_(row, column)] / rank.size
        shares = np.arange(1, STEPS) / STEPS
        deletion = [whole, *(score(of_pixel < share) for share in shares), nothing]
        insertion = [nothing, *(score(of_pixel >= share) for share in shares), whole]
        found[name] = float(np.trapezoid(deletion)) / STEPS, float(np.trapezoid(insertion)) / STEPS
    return found


def centre_map(side: int) -> Values:
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side]
    return np.asarray(-np.hypot(y - middle, x - middle), np.float64)


def maps(scorer: Scorer, seen: Image.Image, seed: int) -> dict[str, Values]:
    found = {"occlusion": np.array(explain_pixels(seen, scorer, method="occlusion", seconds=600).grid)}
    if scorer.has_map:
        found["own map"] = np.array(explain_pixels(seen, scorer, method="activation_map").grid)
    side = len(found.get("own map", found["occlusion"]))
    found["centre"] = centre_map(side)
    found["random"] = np.random.default_rng(seed).random((side, side))
    return found


def shift_correlation(scorer: Scorer, pixels: Image.Image, method: str) -> tuple[float, float]:
    """Correlation of the maps of two pictures one cell apart, where they show the same; and without the shift."""
    height, width = scorer.model.spec.input_size
    side = len(explain_pixels(pixels, scorer, method=method, seconds=600).grid)  # type: ignore[arg-type]
    cell = width // side
    wide = pixels.resize((width + cell, height), Image.Resampling.BILINEAR)
    left, right = (
        np.array(explain_pixels(wide.crop((at, 0, at + width, height)), scorer, method=method, seconds=600).grid)  # type: ignore[arg-type]
        for at in (0, cell)
    )
    shifted = np.corrcoef(left[:, 1:].reshape(-1), right[:, :-1].reshape(-1))[0, 1]
    still = np.corrcoef(left[:, 1:].reshape(-1), right[:, 1:].reshape(-1))[0, 1]
    return float(shifted), float(still)


def with_random_end(scorer: Scorer, content: bytes) -> Scorer:
    """The same model with the weights of its last layer in another order."""
    model = onnx.load_from_string(content)
    makers = {name: node for node in model.graph.node for name in node.output}
    exps = {node.output[0] for node in model.graph.node if node.op_type == "Exp"}
    last = {
        name for node in model.graph.node if node.op_type == "Mul" and exps & set(node.input) for name in node.input
    }
    end = makers["output"]
    last |= set(end.input[1:2]) if end.op_type == "Gemm" else set()
    random, changed = np.random.default_rng(1), 0
    for item in model.graph.initializer:
        if item.name in last:
            values = numpy_helper.to_array(item)
            shuffled = random.permutation(values.reshape(-1)).reshape(values.shape)
            item.CopyFrom(numpy_helper.from_array(shuffled, item.name))
            changed += values.size
    if not changed:
        raise SystemExit("the last layer of this model is not known here")
    session = open_session(model.SerializeToString(), file="random end", checked=True)
    return Scorer(LoadedModel(session, scorer.model, Path()))


def interval(values: Values) -> str:
    """Median, quartiles, and a bootstrap interval of the mean."""
    means = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    first, middle, third = np.percentile(values, [25, 50, 75])
    return f"{middle:6.2f} ({first:5.2f} to {third:5.2f})   {values.mean():6.2f} [{low:5.2f}, {high:5.2f}]"


def report(scorer: Scorer, fill: str, found: Sequence[dict[str, tuple[float, float]]]) -> None:
    std = scorer.model.spec.reference_std
    gaps = {name: np.array([one[name][1] - one[name][0] for one in found]) / std for name in found[0]}
    print(f"\nhidden cells: {fill}; {len(found)} photos; in standard deviations of the score")
    print(
        f"{'order':<14} deletion insertion   median (quartiles)            mean [95 %]     above centre  above random"
    )
    for name in gaps:
        deletion, insertion = (np.mean([one[name][place] for one in found]) for place in (0, 1))
        wins = [f"{100 * np.mean(gaps[name] > gaps[other]):4.0f} %" for other in ("centre", "random")]
        print(f"{name:<14} {deletion:7.2f} {insertion:8.2f}   {interval(gaps[name])}   {wins[0]:>9} {wins[1]:>12}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--checks", type=int, default=30, help="photos for the checks of shifts and of random weights")
    parser.add_argument("--begin", type=int, default=0, help="leave out so many of the photos, to go on with a run")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600, help="begin no more photos after this time")
    options = parser.parse_args()
    scorer = load_scorer(Settings(model_path=options.model) if options.model else Settings())
    location = options.model or Path(__file__).parents[2] / "popscore" / "models" / EMBEDDED_FILE
    shuffled = with_random_end(scorer, location.read_bytes())
    files = sorted(path for path in options.photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    step = max(1, len(files) // options.count)
    files = files[::step][: options.count]
    start_s = time.monotonic()

    def measured(index: int) -> Measured | None:
        if time.monotonic() - start_s > 60 * options.minutes:
            return None
        pixels = read_photo(files[index], at_least=scorer.at_least).pixels
        seen = seen_pixels(pixels, scorer.model.spec)
        orders = maps(scorer, seen, index)
        curves = {fill: areas(scorer, seen, orders, use) for fill, use in FILLS.items()}
        checks: dict[str, tuple[float, ...]] = {}
        if index % max(1, len(files) // options.checks) == 0:
            for method in ("activation_map", "occlusion") if scorer.has_map else ("occlusion",):
                other = np.array(explain_pixels(seen, shuffled, method=method, seconds=600).grid)
                own = orders["own map" if method == "activation_map" else "occlusion"]
                rank = float(spearmanr(own.reshape(-1), other.reshape(-1)).statistic)
                checks[method] = (*shift_correlation(scorer, pixels, method), rank)
        if index % 10 == 0:  # a tenth of them, in no order
            print(f"photo {index} of {len(files)}, {time.monotonic() - start_s:.0f} s", file=sys.stderr, flush=True)
        return curves, checks

    with ThreadPoolExecutor(options.workers) as pool:
        # In an order of their own, so that a part of them is a part of all themes too.
        order = np.random.default_rng(0).permutation(len(files)).tolist()[options.begin :]
        found = [one for one in pool.map(measured, order) if one is not None]
    print(f"{scorer.model.spec.name}, {len(found)} photos of {options.photos.name}")
    for fill in FILLS:
        report(scorer, fill, [curves[fill] for curves, _ in found])
    for method in ("activation_map", "occlusion"):
        rows = np.array([checks[method] for _, checks in found if method in checks])
        if len(rows):
            shifted, still, rank = np.median(rows, axis=0)
            print(
                f"\n{method}, {len(rows)} photos, medians: shifted by a cell, the map correlates {shifted:.2f} where "
                f"it moved along ({still:.2f} where it did not); random weights in the last layer: rank correlation "
                f"{rank:.2f} (absolute {np.median(np.abs(rows[:, 2])):.2f})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
