"""The ways to score a gallery that rank_gallery.py compares; each runs in a process of its own.

python tests/benchmarks/gallery_sides.py SIDE MODEL PHOTO…     prints one JSON object
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore import Scorer, Settings, load_scorer, rank_images
from popscore.cpus import usable_cpus
from popscore.metrics import swapped_pairs
from popscore.models import load_model
from popscore.models.preprocess import to_input

Measured = dict[str, float]
_REPEATS = 9


def reference(_model: str, photos: Sequence[str]) -> Measured:
    """Pillow full decode, resize, torch eager, one photo at a time."""
    import torch

    network = torch_resnet50().eval()

    def score(path: str) -> float:
        with Image.open(path) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 255
        with torch.inference_mode():
            return float(network(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))[0, 0])

    return _timed(score, photos, lambda: [score(path) for path in photos])


def popscore(model: str, photos: Sequence[str], *, exact: bool = False) -> Measured:
    """`rank_images`, and how long the first result takes against a photo alone."""
    scorer = _scorer(model, exact)
    measured = _timed(scorer.score, photos, lambda: rank_images(photos, scorer=scorer))

    def first_result() -> None:
        candidates = scorer.candidates(photos)
        start_s = time.perf_counter()
        next(candidates)
        first_s.append(time.perf_counter() - start_s)
        candidates.close()

    first_s: list[float] = []
    alone_s = []
    for _ in range(_REPEATS):
        start_s = time.perf_counter()
        scorer.score(photos[0])
        alone_s.append(time.perf_counter() - start_s)
        first_result()
    return {**measured, "alone_s": statistics.median(alone_s), "first_s": statistics.median(first_s)}


def exact(model: str, photos: Sequence[str]) -> Measured:
    """The same with every photo decoded in full."""
    return popscore(model, photos, exact=True)


def decode_only(model: str, photos: Sequence[str]) -> Measured:
    """Reading, decoding at reduced size and resizing, as popscore does, with as many workers."""
    spec = load_model(Settings(model_path=Path(model))).info.spec
    at_least = (2 * spec.input_size[1], 2 * spec.input_size[0])

    def decode(path: str) -> None:
        to_input(decode.read_photo(path, at_least=at_least).pixels, spec)

    return _timed(decode, photos, lambda: _in_threads(decode, photos))


def inference_only(model: str, photos: Sequence[str]) -> Measured:
    """The model alone, with as many workers, on one input."""
    loaded = load_model(Settings(model_path=Path(model)))
    height, width = loaded.info.spec.input_size
    batch = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)

    def infer(_path: str) -> None:
        loaded.session.predict(batch)

    return _timed(infer, photos, lambda: _in_threads(infer, photos))


def swapped(model: str, photos: Sequence[str]) -> Measured:
    """Share of pairs of photos that come in another order when decoded at reduced size."""
    scores = [
        np.array([outcome.score for outcome in _scorer(model, exact).score_many(photos)])  # type: ignore[union-attr]
        for exact in (False, True)
    ]
    return {"swapped": swapped_pairs(*scores), "moved": float(np.abs(scores[0] - scores[1]).max())}


SIDES: dict[str, Callable[[str, Sequence[str]], Measured]] = {
    side.__name__: side for side in (reference, popscore, exact, decode_only, inference_only, swapped)
}


def _scorer(model: str, exact: bool) -> Scorer:
    return load_scorer(Settings(model_path=Path(model) if model else None), exact=exact)


def _in_threads(work: Callable[[str], None], photos: Sequence[str]) -> None:
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for _ in pool.map(work, photos):
            pass


def _timed(warm_up: Callable[[str], Any], photos: Sequence[str], work: Callable[[], Any]) -> Measured:
    for path in photos[:3]:
        warm_up(path)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    work()
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return {"wall_s": wall_s / len(photos), "cpu_s": cpu_s / len(photos)}


def torch_resnet50() -> Any:
    """A ResNet-50 with random weights and one output, as torchvision builds it. Source: He et al. 2016."""
    from torch import Tensor, nn

    def convolution(into: int, out: int, side: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(into, out, side, stride, side // 2, bias=False), nn.BatchNorm2d(out))

    class Bottleneck(nn.Module):  # type: ignore[misc]
        def __init__(self, into: int, width: int, stride: int) -> None:
            super().__init__()
            self.a, self.b = convolution(into, width, 1), convolution(width, width, 3, stride)
            self.c = convolution(width, 4 * width, 1)
            self.short = convolution(into, 4 * width, 1, stride) if into != 4 * width else nn.Identity()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            inner = self.c(self.relu(self.b(self.relu(self.a(x)))))
            return self.relu(inner + self.short(x))

    layers: list[nn.Module] = [convolution(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    into = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            layers.append(Bottleneck(into, width, stride if block == 0 else 1))
            into = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, 1))


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("POPSCORE_")]:
        del os.environ[name]
    print(json.dumps(SIDES[sys.argv[1]](sys.argv[2], sys.argv[3:])))
