"""Train the ranker of crops: `python -m popscore.training.crops --photos DIR --out framing.npz`.

DIR holds photos (the file that ships: the 594 of OASIS). No person has to rate anything: a photographer's own frame
says what belongs into the middle. Two kinds of pairs, as view-finding networks were trained on (Chen et al. 2017,
"Learning to compose with professional photographs on the web"):

- The frame beats a random cut of it. Both are looked at by the embedded model by themselves, at its input size.
- Of two crops of one size within a random cut, the one that lies nearer to the middle of the frame is the better one.
  The cut hides where the frame's middle was, so the content has to tell.

The weights are linear (logistic regression on differences, with a penalty), so they come down to a few numbers per
feature. Everything is seeded: the same photos give the same file.
"""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from popscore.files.atomic import replacing
from popscore.insight.framing import CLIP, Boxes, Floats, Integral, layer_energies, region_means
from popscore.models import LoadedModel, load_model
from popscore.models.preprocess import Box, to_input
from popscore.photos.decode import read_photo
from popscore.photos.find import find_photos
from popscore.settings import Settings

Halves = npt.NDArray[np.float16]

_CUTS = 4  # of each photo
_PAIRS = 8  # in each cut
_SIDES = (0.5, 0.6, 0.7, 0.8)  # of the crops of a pair, as shares of the cut's
# Least difference of the squared distances to the middle of the frame, in sides of the frame: nearer than that, none
# of the two is better.
_CLEARLY_NEARER = 0.02
_COMPONENTS = 96  # of the features; they hold 47 % of the variance
_CELLS = 12_000  # that the components are found in
# Chosen in five folds that keep the photos of a theme together, between .001 and 1; see LOG.md.
_CONTENT_PENALTY, _CONTRAST_PENALTY = 0.1, 1.0
_ALL = np.array([[0.0, 0, 1, 1]])


@dataclass(frozen=True, eq=False)
class Looks:
    """What the embedded model sees in photos and in cuts of them.

    Attributes:
        frames: (P, C, 8, 8) of the photos.
        cuts: (P, 4, C, 8, 8) of the cuts.
        boxes: (P, 4, 4) where the cuts lie, as shares of the photo's sides.
    """

    frames: Halves
    cuts: Halves
    boxes: npt.NDArray[np.float32]


def main() -> None:
    """Look at the photos, fit, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    model = load_model(Settings())
    photos = [Path(photo) for photo in sorted(find_photos([options.photos]).photos)]
    found = fit(look(photos, model))
    with replacing(options.out) as file:
        np.savez_compressed(file, allow_pickle=False, model_sha256=np.array(model.info.sha256), **found)
    print(f"{options.out}: SHA-256 {hashlib.sha256(options.out.read_bytes()).hexdigest()}")


def look(photos: list[Path], model: LoadedModel) -> Looks:
    """Run the model on each photo, and on four random cuts of it."""
    rng = np.random.default_rng(7)
    frames, cuts, boxes = [], [], []
    for photo in photos:
        pixels = read_photo(photo).pixels
        width, height = pixels.size
        frames.append(_features(pixels, (0, 0, width, height), model))
        for _ in range(_CUTS):
            across = rng.uniform(0.5, 0.9)
            down = np.clip(across * rng.uniform(0.85, 1.18), 0.45, 0.92)
            left, top = rng.uniform(0, 1 - across), rng.uniform(0, 1 - down)
            box = int(left * width), int(top * height), int((left + across) * width), int((top + down) * height)
            cuts.append(_features(pixels, box, model))
            boxes.append((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    seen = np.stack(cuts)
    return Looks(
        np.stack(frames),
        seen.reshape(len(photos), _CUTS, *seen.shape[1:]),
        np.array(boxes, np.float32).reshape(len(photos), _CUTS, 4),
    )


def _features(pixels: Image.Image, box: Box, model: LoadedModel) -> Halves:
    found = model.session.predict(to_input(pixels, model.info.spec, box=box), features=True).features
    if found is None:
        raise SystemExit("the embedded model gives no features")
    return found.astype(np.float16)


def fit(looks: Looks) -> dict[str, Any]:
    """The arrays of `popscore.insight.framing.Weights`, but for the hash of the model."""
    mean, deviation, components = _components(looks)
    frames = _maps(looks.frames, mean, deviation, components)
    cuts = _maps(looks.cuts.reshape(-1, *looks.cuts.shape[2:]), mean, deviation, components)
    which, nearer, farther = _pairs(looks)
    moved = {
        name: _regions(cuts, which, nearer)[name] - values for name, values in _regions(cuts, which, farther).items()
    }
    every = np.arange(len(cuts))
    of_cuts = _regions(cuts, every, np.repeat(_ALL, len(cuts), axis=0))
    of_frames = _regions(frames, every // _CUTS, np.repeat(_ALL, len(cuts), axis=0))
    framed = {name: of_frames[name] - values for name, values in of_cuts.items()}

    content = _logistic(_content(moved), penalty=_CONTENT_PENALTY)
    contrast = _logistic(np.concatenate([_contrast(framed), _contrast(moved)]), penalty=_CONTRAST_PENALTY)
    energies = np.stack([content[:36].reshape(6, 6), contrast[:36].reshape(6, 6)])
    found = {
        "mean": mean,
        "deviation": deviation,
        "content": components @ content[36:],
        "contrast": (components @ contrast[36:].reshape(4, _COMPONENTS).T).T,
        "energies": energies,
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def _components(looks: Looks) -> tuple[Floats, Floats, Floats]:
    """Mean and deviation of the features, and (C, 96) what turns them into whitened principal components."""
    cells = looks.cuts[:, :2].transpose(0, 1, 3, 4, 2).reshape(-1, looks.cuts.shape[2])
    chosen = np.random.default_rng(0).choice(len(cells), min(_CELLS, len(cells)), replace=False)
    found = cells[chosen].astype(np.float64)
    mean, deviation = found.mean(axis=0), found.std(axis=0) + 1e-3
    found = np.clip((found - mean) / deviation, -CLIP, CLIP)
    vectors, variances, _ = np.linalg.svd(found.T @ found / len(found))
    return mean, deviation, vectors[:, :_COMPONENTS] / np.sqrt(variances[:_COMPONENTS])


def _maps(looked: Halves, mean: Floats, deviation: Floats, components: Floats) -> list[Integral]:
    """Of each look the components and the energies, ready to be averaged over boxes."""
    maps = []
    for one in looked:
        seen = np.clip((one.astype(np.float64) - mean[:, None, None]) / deviation[:, None, None], -CLIP, CLIP)
        shown = np.einsum("cij,ck->kij", seen, components, optimize=True)
        maps.append(Integral(np.concatenate([shown, layer_energies(one.astype(np.float32))])))
    return maps


def _pairs(looks: Looks) -> tuple[npt.NDArray[np.int64], Boxes, Boxes]:
    """Of each pair the cut that it lies in, the crop nearer to the middle of the photo, and the other one."""
    rng = np.random.default_rng(1)
    cuts = looks.boxes.reshape(-1, 4).astype(np.float64)
    which = np.repeat(np.arange(len(cuts)), _PAIRS)
    side = rng.choice(_SIDES, len(which))

    def crops() -> Boxes:
        left, top = rng.uniform(0, 1 - side), rng.uniform(0, 1 - side)
        return np.stack([left, top, left + side, top + side], axis=1)

    def distance(boxes: Boxes) -> Floats:
        corner, size = cuts[which, :2], cuts[which, 2:] - cuts[which, :2]
        middle = corner + (boxes[:, :2] + boxes[:, 2:]) / 2 * size
        return np.asarray(np.square(middle - 0.5).sum(axis=1))

    one, other = crops(), crops()
    clear = np.abs(distance(one) - distance(other)) > _CLEARLY_NEARER
    swap = (distance(one) > distance(other))[:, None]
    return which[clear], np.where(swap, other, one)[clear], np.where(swap, one, other)[clear]


def _regions(maps: list[Integral], which: npt.NDArray[np.int64], boxes: Boxes) -> dict[str, Floats]:
    """Means over the parts of each box, in the look that belongs to it."""
    found = [region_means(maps[index], box[np.newaxis]) for index, box in zip(which, boxes, strict=True)]
    return {name: np.concatenate([means[name] for means in found]) for name in found[0]}


def _content(means: dict[str, Floats]) -> Floats:
    return np.concatenate([_energies(means), means["all"][:, :_COMPONENTS]], axis=1)


def _contrast(means: dict[str, Floats]) -> Floats:
    parts = [(means[name] - means["all"])[:, :_COMPONENTS] for name in ("core", "sides", "top", "bottom")]
    return np.concatenate([_energies(means), *parts], axis=1)


def _energies(means: dict[str, Floats]) -> Floats:
    return np.concatenate([values[:, _COMPONENTS:] for values in means.values()], axis=1)


def _logistic(better: Floats, *, penalty: float) -> Floats:
    """Weights under which the differences come out positive: logistic regression without a constant, by Newton."""
    deviation = better.std(axis=0) + 1e-9
    scaled = better / deviation
    found = np.zeros(scaled.shape[1])
    for _ in range(12):
        wrong = 1 / (1 + np.exp(np.clip(scaled @ found, -30, 30)))
        slope = -(scaled * wrong[:, None]).mean(axis=0) + penalty * found
        bend = (scaled * (wrong * (1 - wrong))[:, None]).T @ scaled / len(scaled) + penalty * np.eye(len(found))
        step = np.linalg.solve(bend, slope)
        found -= step
        if np.abs(step).max() < 1e-4:
            break
    return np.asarray(found / deviation)


if __name__ == "__main__":
    main()
