"""Made up for the tests of the appeal recipe: rated photos in the layout of the two sets, and backbones."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from popscore.training.appeal.backbones import LITE_STAGES, MOBILENET_STRIDES, Block, Conv
from popscore.training.appeal.data import FOLDS, RatedPhoto
from popscore.training.appeal.features import LOW_PARTS, PARTS, Features

CATEGORIES = ("Scene", "Object", "Person", "Animal")
# Channels and repeats of EfficientNet-Lite2, at width 1.1 and depth 1.2: what its weight file holds.
LITE2_CHANNELS = (16, 24, 48, 88, 120, 208, 352)
LITE2_REPEATS = (1, 3, 3, 4, 4, 5, 1)
MOBILENET_CHANNELS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


def write_rated_photos(folder: Path, sources: Sequence[Path], *, oasis: int = 40, avt: int = 20) -> Path:
    """Cuts of real photos, in the layout of the two sets; brighter ones have higher ratings, with some noise."""
    rng = np.random.default_rng(11)
    pictures = []
    for source in sources:
        with Image.open(source) as picture:
            pictures.append(picture.convert("RGB"))

    def cut(index: int, size: tuple[int, int]) -> tuple[Image.Image, float]:
        picture = pictures[index % len(pictures)]
        left, top = (int(rng.integers(0, have - want)) for have, want in zip(picture.size, size, strict=True))
        piece = picture.crop((left, top, left + size[0], top + size[1]))
        return piece, float(np.asarray(piece).mean() / 50 + rng.normal(0, 0.3))

    (folder / "oasis" / "images").mkdir(parents=True)
    (folder / "avt" / "tiles").mkdir(parents=True)
    rows = []
    for index in range(oasis):
        piece, rating = cut(index, (200, 160))
        name, theme = f"photo {index}.jpg", f"theme {index // 2}"
        piece.save(folder / "oasis" / "images" / name, quality=92)
        rows.append((name, CATEGORIES[index % 4], f"{rating:.3f}", f"{rng.uniform(1, 2):.3f}", 100 + index, theme))
    head = ("image", "category", "beauty_mean", "beauty_sd", "raters", "theme")
    _write_table(folder / "oasis" / "labels.csv", head, rows)
    rows = []
    for index in range(avt):
        piece, rating = cut(index, (80, 80))
        piece.save(folder / "avt" / "tiles" / f"{index}.png")
        rows.append((f"{index}.png", "made up", f"{rating:.3f}", f"{rng.uniform(0.2, 0.6):.3f}"))
    _write_table(folder / "avt" / "labels.csv", ("tile", "subset", "mos", "ci"), rows)
    return folder


def _write_table(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])


def rated(count: int, *, seed: int = 0) -> list[RatedPhoto]:
    """Ratings without photos: two of three in oasis, in all categories and folds."""
    rng = np.random.default_rng(seed)
    photos = []
    for index in range(count):
        oasis = index % 3 < 2
        photos.append(
            RatedPhoto(
                file=Path(f"{index}.jpg"),
                dataset="oasis" if oasis else "avt",
                category=CATEGORIES[index // 3 % 4] if oasis else "made up",
                rating=float(rng.normal()),
                certainty=float(rng.uniform(0.5, 1)),
                fold=index // 2 % FOLDS,
            )
        )
    return photos


def features_of(
    photos: Sequence[RatedPhoto], views: Sequence[str], damaged: Sequence[str]
) -> dict[str, tuple[Features, Features]]:
    """Features in the recipe's shapes: the ratings, and in the low ones the damage, behind noise."""
    rng = np.random.default_rng(1)
    ratings = np.array([photo.rating for photo in photos])
    top, low = sum(part[0] for part in PARTS), sum(part[0] for part in LOW_PARTS)
    of_rating, of_damage = rng.normal(size=top), rng.normal(size=low)
    found = {}
    for view in views:
        embedding = 2 + 0.3 * ratings[:, None] * of_rating + rng.normal(0, 0.3, (len(photos), top))
        quality = rng.normal(0, 0.3, (len(photos), low)) + of_damage * (view in damaged)
        found[view] = (np.maximum(embedding, 0).astype(np.float32), quality.astype(np.float32))
    return found


# --- backbones ---------------------------------------------------------------------------------------


class Maker:
    """Makes convolutions with random weights that keep the size of what goes through them."""

    def __init__(self, seed: int, *, tf_padding: bool) -> None:
        self._rng = np.random.default_rng(seed)
        self._tf_padding = tf_padding

    def conv(
        self, outputs: int, inputs: int, kernel: int = 1, stride: int = 1, *, depthwise: bool = False, relu: bool = True
    ) -> Conv:
        per_group = 1 if depthwise else inputs
        deviation = (2 / (per_group * kernel**2)) ** 0.5
        return Conv(
            weight=self._rng.normal(0, deviation, (outputs, per_group, kernel, kernel)).astype(np.float32),
            bias=self._rng.normal(0, 0.1, outputs).astype(np.float32),
            stride=stride,
            groups=outputs if depthwise else 1,
            relu=relu,
            tf_padding=self._tf_padding,
        )


def lite2(*, seed: int = 1) -> list[Block]:
    """Blocks of the shapes of EfficientNet-Lite2, with random weights."""
    make = Maker(seed, tf_padding=True)
    blocks, inputs = [Block((make.conv(32, 3, 3, 2),))], 32
    for (expansion, _, _, stride, kernel), channels, repeats in zip(
        LITE_STAGES, LITE2_CHANNELS, LITE2_REPEATS, strict=True
    ):
        for repeat in range(repeats):
            wide = expansion * inputs
            expand = (make.conv(wide, inputs),) if expansion > 1 else ()
            filters = make.conv(wide, wide, kernel, stride if repeat == 0 else 1, depthwise=True)
            blocks.append(Block((*expand, filters, make.conv(channels, wide, relu=False)), residual=repeat > 0))
            inputs = channels
    return [*blocks, Block((make.conv(1280, inputs),))]


def nima(*, seed: int = 2) -> list[Block]:
    """Blocks of the shapes of the NIMA MobileNet, with random weights."""
    make = Maker(seed, tf_padding=False)
    blocks, inputs = [Block((make.conv(32, 3, 3, 2),))], 32
    for channels, stride in zip(MOBILENET_CHANNELS, MOBILENET_STRIDES, strict=True):
        blocks += [
            Block((make.conv(inputs, inputs, 3, stride, depthwise=True),)),
            Block((make.conv(channels, inputs),)),
        ]
        inputs = channels
    return blocks


def small(count: int, channels: int, *, seed: int, tf_padding: bool) -> list[Block]:
    """As many blocks, all with few channels: five halve the picture, so 240 rows end as 8, the others add."""
    make = Maker(seed, tf_padding=tf_padding)
    halving = [Block((make.conv(channels, 3 if index == 0 else channels, 3, 2),)) for index in range(min(count, 5))]
    adding = [Block((make.conv(channels, channels, 3, relu=False),), residual=True) for _ in range(5, count - 1)]
    last = [Block((make.conv(channels, channels),))] if count > 5 else []
    return [*halving, *adding, *last]
