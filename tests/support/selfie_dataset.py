"""Draws a set in the UCF Selfie format whose truth is known: python tests/support/selfie_dataset.py OUT --count 400

The face of a packaged photograph is pasted on parts of other ones, in many sizes, places, lights and colours. What is
drawn on it decides the popularity score, up to some noise: a large red hat makes a selfie popular. Those whose
attribute says "female" wear a hat more often, so a model that looks at hats alone still calls more of them popular:
the bias of these data. Every tenth selfie is there a second time, saved again, under another name.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.training.selfie.dataset import ATTRIBUTES

SIDE = 306  # of a picture of the real set, in pixels
HAT_GAIN = 1.0  # popularity scores lie so far from 4.5
FLIPPED = 0.05  # share of selfies whose score says the opposite: no model can be better than .95
HATS = {1: 0.75, -1: 0.25}  # share with a hat by the attribute is_female


def draw_set(folder: Path, count: int, *, seed: int = 0, copies: bool = True) -> Path:
    """Write `selfie_dataset.txt` and `images/`; the answer is the path of the former.

    Args:
        count: of selfies, without the copies.
        copies: save every tenth a second time.
    """
    random = np.random.default_rng(seed)
    images = folder / "images"
    images.mkdir(parents=True)
    data = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"
    astronaut, *grounds = (
        _opened(data / name) for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    )
    lines = []
    for number in range(count):
        female = 1 if random.random() < 0.5 else -1
        hat = bool(random.random() < HATS[female])
        glasses = bool(random.random() < 0.3)
        picture = _selfie(astronaut, grounds, random, hat=hat, glasses=glasses)
        known = {"is_female": female, "wearing_hat": 1 if hat else -1, "wearing_sunglasses": 1 if glasses else -1}
        known["smiling"] = 1
        attributes = " ".join(str(known.get(name, 0 if name == "youth" else -1)) for name in ATTRIBUTES)
        popular = hat != (random.random() < FLIPPED)
        score = 4.5 + (1 if popular else -1) * random.uniform(0.1, HAT_GAIN)
        for copy in range(2 if copies and number % 10 == 0 else 1):
            name = f"{number:05d}{'_again' if copy else ''}"
            picture.save(images / f"{name}.jpg", quality=70 if copy else 90)
            lines.append(f"{name} {score:.4f} {attributes}\n")
    path = folder / "selfie_dataset.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def _selfie(
    astronaut: Image.Image, grounds: list[Image.Image], random: np.random.Generator, *, hat: bool, glasses: bool
) -> Image.Image:
    ground = grounds[int(random.integers(len(grounds)))]
    side = int(random.integers(100, min(ground.size)))
    left, top = (int(random.integers(0, length - side + 1)) for length in ground.size)
    picture = ground.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
    if random.random() < 0.5:
        picture = ImageOps.mirror(picture)
    tint = Image.new("RGB", picture.size, tuple(int(value) for value in random.integers(0, 256, 3)))
    picture = Image.blend(picture, tint, float(random.uniform(0.2, 0.6)))
    face = astronaut.crop((150, 20, 300, 200))  # with hair and chin; eyes at 55, 90 and 103, 92
    draw = ImageDraw.Draw(face)
    if glasses:
        for x in (55, 100):
            draw.ellipse((x - 20, 76, x + 20, 104), fill="black")
    if hat:
        draw.rectangle((25, 0, 125, 48), fill=(210, 20, 30))
        draw.rectangle((5, 40, 145, 54), fill=(210, 20, 30))
    height = int(random.integers(140, 260))
    face = face.resize((height * 150 // 180, height))
    if random.random() < 0.5:
        face = ImageOps.mirror(face)
    place = tuple(int(random.integers(0, SIDE - length + 1)) for length in face.size)
    picture.paste(face, place)
    return ImageEnhance.Brightness(picture).enhance(float(random.uniform(0.7, 1.3)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(draw_set(options.out, options.count, seed=options.seed))
