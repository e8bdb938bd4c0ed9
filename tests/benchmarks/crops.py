"""Do crops lie where people want them? Measured on photos whose crops people voted on.

    python tests/benchmarks/crops.py --data DIR

DIR holds `crops.json` and `images/`, as made from the Flickr Cropping Dataset (Chen et al. 2017): of each photo pairs
of crops with the votes of five people, and the crop that people drew. For measuring only: nothing that ships was
trained or chosen on it. For each rule:

- pairs right: share of the pairs in which it prefers the crop with more votes; of equal size (areas within 5 %), and
  of these the ones with votes of 4 to 1 or more; between sizes; all;
- overlap (intersection over union) of its crop of a shape with the crop that people drew, less that of the crop of
  the same shape and size in the middle.

Behind each figure is its 95 % interval, from 2,000 samples of the photos with replacement.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.insight.aspects import ASPECTS, parse_aspect
from popscore.insight.crop_search import best_crop
from popscore.insight.framing import Boxes, Framing, layer_energies
from popscore.models import load_model
from popscore.models.preprocess import to_input
from popscore.settings import Settings

Floats = npt.NDArray[np.float64]
Rule = Callable[["View", Boxes], Floats]
"""From a photo and (N, 4) boxes as shares of its sides to (N,) how good the crops are."""

_EQUAL_SIZE = 0.05
_CLEAR_VOTES = 4
_SAMPLES = 2_000
_SHAPES = tuple(aspect for aspect in ASPECTS if aspect != "free")


@dataclass(frozen=True)
class View:
    """A photo of the set with what rules look at.

    Attributes:
        drawn: the crop that people drew, as shares of the photo's sides.
        pairs: (P, 2, 4) the pairs of crops, likewise.
        votes: (P,) for the first of each pair, of 5.
        score_map: (8, 8) of the model; detail: (rows, columns) gradient energy; seen: (8, 8) energy of the features.
    """

    size: tuple[int, int]
    drawn: Floats
    pairs: Floats
    votes: Floats
    framing: Framing
    score_map: Floats
    detail: Floats
    seen: Floats


def main() -> None:
    """Measure all rules and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    views = _views(parser.parse_args().data)
    rules: dict[str, Rule] = {
        "middle": _middle,
        "thirds": _thirds,
        "most detail": lambda view, boxes: _mean(view.detail, boxes),
        "score's own map": lambda view, boxes: _mean(view.score_map, boxes),
        "energy of the features": lambda view, boxes: _mean(view.seen, boxes),
        "untrained rule": lambda view, boxes: _inside_and_border(view.seen, boxes),
        "popscore": lambda view, boxes: view.framing.quality(boxes),
        "larger one": lambda _, boxes: _areas(boxes),
    }
    _print_pairs(views, rules)
    _print_overlaps(views, rules)


# --- rules ------------------------------------------------------------------------------------------


def _middle(_: View, boxes: Boxes) -> Floats:
    return -np.hypot((boxes[:, 0] + boxes[:, 2]) / 2 - 0.5, (boxes[:, 1] + boxes[:, 3]) / 2 - 0.5)


def _thirds(view: View, boxes: Boxes) -> Floats:
    """How near the point that is seen most of inside a crop lies to one of the four crossings of its thirds."""
    found = []
    rows, columns = view.seen.shape
    at = np.stack(np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows), axis=-1)
    for left, top, right, bottom in boxes:
        inside = (at[..., 0] > left) & (at[..., 0] < right) & (at[..., 1] > top) & (at[..., 1] < bottom)
        x, y = at[np.unravel_index(np.where(inside, view.seen, -1).argmax(), inside.shape)]
        x, y = (x - left) / (right - left), (y - top) / (bottom - top)
        found.append(-min(np.hypot(x - a, y - b) for a in (1 / 3, 2 / 3) for b in (1 / 3, 2 / 3)))
    return np.array(found)


def _inside_and_border(cells: Floats, boxes: Boxes) -> Floats:
    """The untrained rule: what is inside by area, and more of it inside than along the border."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    core = boxes + 0.15 * np.stack([width, height, -width, -height], axis=1)
    whole, inside = _mean(cells, boxes) * _areas(boxes), _mean(cells, core) * _areas(core)
    strip = (whole - inside) / (_areas(boxes) - _areas(core))
    return np.asarray(whole / _areas(boxes) + inside / _areas(core) - strip)


def _mean(cells: Floats, boxes: Boxes) -> Floats:
    """Mean of a map over boxes, exactly."""
    rows, columns = cells.shape
    down = np.clip(boxes[:, 3:4] * rows - np.arange(rows), 0, 1) - np.clip(boxes[:, 1:2] * rows - np.arange(rows), 0, 1)
    along = np.clip(boxes[:, 2:3] * columns - np.arange(columns), 0, 1)
    along = along - np.clip(boxes[:, 0:1] * columns - np.arange(columns), 0, 1)
    sums = np.einsum("nr,rc,nc->n", down, cells, along)
    return np.asarray(sums / (rows * columns) / _areas(boxes))


def _areas(boxes: Boxes) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


# --- measuring --------------------------------------------------------------------------------------


def _print_pairs(views: Sequence[View], rules: dict[str, Rule]) -> None:
    print(f"{'pairs right':24} {'equal, 4:1':>20} {'equal size':>20} {'between sizes':>20} {'all':>20}")
    areas = [_areas(view.pairs.reshape(-1, 4)).reshape(-1, 2) for view in views]
    equal = [np.abs(area[:, 0] / area[:, 1] - 1) < _EQUAL_SIZE for area in areas]
    clear = [np.maximum(view.votes, 5 - view.votes) >= _CLEAR_VOTES for view in views]
    chosen = {
        "equal, 4:1": [e & c for e, c in zip(equal, clear, strict=True)],
        "equal": equal,
        "between": [~e for e in equal],
        "all": [np.ones_like(e) for e in equal],
    }
    counts = [sum(int(one.sum()) for one in kind) for kind in chosen.values()]
    for name, rule in rules.items():
        right = []
        for view in views:
            quality = rule(view, view.pairs.reshape(-1, 4)).reshape(-1, 2)
            first = np.where(quality[:, 0] == quality[:, 1], 0.5, quality[:, 0] > quality[:, 1])
            right.append(np.where(view.votes > 2.5, first, 1 - first))
        cells = []
        for kind in chosen.values():
            sums = np.array([(r[k].sum(), k.sum()) for r, k in zip(right, kind, strict=True)])
            cells.append(_with_interval(sums, ".3f"))
        print(f"{name:24} " + " ".join(f"{cell:>20}" for cell in cells))
    print(f"{'number of pairs':24} " + " ".join(f"{count:>20}" for count in counts))


def _print_overlaps(views: Sequence[View], rules: dict[str, Rule]) -> None:
    print(f"\n{'overlap less the middle':24} " + " ".join(f"{shape:>24}" for shape in _SHAPES))
    middle = {shape: [_overlap(_slides(view, shape)[80], view.drawn) for view in views] for shape in _SHAPES}
    print(f"{'middle (overlap itself)':24} " + " ".join(f"{np.mean(middle[shape]):>24.4f}" for shape in _SHAPES))
    for name, rule in rules.items():
        if name in ("middle", "larger one"):
            continue
        cells = []
        for shape in _SHAPES:
            gains = []
            for view, before in zip(views, middle[shape], strict=True):
                boxes = _slides(view, shape)
                gains.append(_overlap(boxes[_nearest_best(rule(view, boxes))], view.drawn) - before)
            cells.append(_with_interval(np.stack([gains, np.ones(len(gains))], axis=1), "+.4f"))
        print(f"{name:24} " + " ".join(f"{cell:>24}" for cell in cells))
    cells = []
    for shape in _SHAPES:
        gains = [
            _overlap(_chosen(view, shape), view.drawn) - before
            for view, before in zip(views, middle[shape], strict=True)
        ]
        cells.append(_with_interval(np.stack([gains, np.ones(len(gains))], axis=1), "+.4f"))
    print(f"{'popscore, as offered':24} " + " ".join(f"{cell:>24}" for cell in cells))
    free = [_chosen(view, "free") for view in views]
    offered = [_overlap(box, view.drawn) for box, view in zip(free, views, strict=True)]
    whole = [_overlap(np.array([0.0, 0, 1, 1]), view.drawn) for view in views]
    centred = []
    for box, view in zip(free, views, strict=True):
        half = (box[2:] - box[:2]) / 2
        centred.append(_overlap(np.concatenate([0.5 - half, 0.5 + half]), view.drawn))
    trimmed = np.mean([_areas(box[np.newaxis])[0] < 0.999 for box in free])
    print(f"\nfree shape: popscore trims {trimmed:.0%} of the photos")
    for name, values in {
        "overlap, popscore": offered,
        "the whole photo": whole,
        "of its size, in the middle": centred,
        "popscore less the whole": np.subtract(offered, whole),
        "popscore less the middle": np.subtract(offered, centred),
    }.items():
        print(f"{name:28} {_mean_with_interval(values)}")


def _slides(view: View, shape: str) -> Floats:
    """(161, 4) the largest crop of a shape at all its places, the middle one at 80."""
    ratio = (parse_aspect(shape).ratio or 1) / (view.size[0] / view.size[1])
    width, height = min(1, ratio), min(1, 1 / ratio)
    step = np.linspace(0, 1, 161)
    left, top = step * (1 - width), step * (1 - height)
    return np.stack([left, top, left + width, top + height], axis=1)


def _nearest_best(quality: Floats) -> int:
    """The best place; of several the one nearest to the middle."""
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    return int(best[np.abs(best - len(quality) // 2).argmin()])


def _chosen(view: View, shape: str) -> Floats:
    found = best_crop(parse_aspect(shape), view.size, view.framing)
    return np.array(found.box) / np.array([*view.size, *view.size])


def _overlap(box: Floats, other: Floats) -> float:
    width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
    height = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
    both = width * height
    return float(both / (_areas(np.stack([box, other])).sum() - both))


def _mean_with_interval(values: Sequence[float] | Floats) -> str:
    return _with_interval(np.stack([values, np.ones(len(values))], axis=1), ".4f")


def _with_interval(sums: Floats, form: str) -> str:
    """A ratio of sums over photos, and its interval when photos are drawn with replacement."""
    draws = np.random.default_rng(0).integers(0, len(sums), (_SAMPLES, len(sums)))
    drawn = sums[draws].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    middle = sums[:, 0].sum() / sums[:, 1].sum()
    return f"{middle:{form}} {low:{form}}..{high:{form}}"


# --- the set ----------------------------------------------------------------------------------------


def _views(data: Path) -> list[View]:
    embedded = load_model(Settings())
    views = []
    for record in json.loads((data / "crops.json").read_text(encoding="utf-8")):
        with Image.open(data / "images" / record["image"]) as image:
            pixels = image.convert("RGB")
        size = np.array([*pixels.size, *pixels.size])
        model_input = to_input(pixels, embedded.info.spec)
        seen = embedded.session.predict(model_input, activation_map=True, features=True)
        assert seen.features is not None
        assert seen.activation_map is not None
        grey = np.asarray(pixels.convert("L"), dtype=np.float64)
        detail = np.abs(np.diff(grey, axis=0))[:, 1:] + np.abs(np.diff(grey, axis=1))[1:]
        pairs = np.array([[pair["a"], pair["b"]] for pair in record["pairs"]]) / size
        votes = np.array([pair["votes_a"] for pair in record["pairs"]], dtype=float)
        views.append(
            View(
                size=pixels.size,
                drawn=np.array(record["best"]) / size,
                pairs=pairs,
                votes=votes,
                framing=Framing(seen.features),
                score_map=seen.activation_map.astype(np.float64),
                detail=detail,
                seen=layer_energies(seen.features)[-1],
            )
        )
    return views


if __name__ == "__main__":
    main()
