"""How well near-duplicates are found: recall for every kind of change, and which different photos look the same.

python tests/benchmarks/near_duplicates.py FOLDER [--montage PNG] [--photos 600]

FOLDER holds different photos, so every pair of them is a negative, unless a look at the montage says otherwise.
"""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

sys.path.insert(0, str(Path(__file__).parents[2]))

from popscore.photos.similarity import groups, signature

Pair = tuple[Image.Image, Image.Image]
_RANDOM = np.random.default_rng(0)


def cut(photo: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = photo.size
    return photo.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def pan(photo: Image.Image, right: float, down: float) -> Pair:
    """Two views of 92 % of the photo, this far apart."""
    one = cut(photo, 0.04 - right / 2, 0.04 - down / 2, 0.04 + right / 2, 0.04 + down / 2)
    return one, cut(photo, 0.04 + right / 2, 0.04 + down / 2, 0.04 - right / 2, 0.04 - down / 2)


def turned(photo: Image.Image, degrees: float) -> Image.Image:
    edge = 0.6 * float(np.sin(np.radians(abs(degrees))))
    return cut(photo.rotate(degrees, Image.Resampling.BICUBIC), edge, edge, edge, edge)


def saved_again(photo: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    with Image.open(file) as saved:
        return saved.convert("RGB")


def burst(photo: Image.Image) -> Pair:
    """The camera moved and turned a little, the light changed, and there is noise."""
    one, other = pan(photo, 0.025, 0.025)
    other = ImageEnhance.Brightness(turned(other, 0.8)).enhance(1.06)
    noisy = np.asarray(other, np.float32) + _RANDOM.normal(0, 4, (other.height, other.width, 3))
    return one, Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


CHANGES: dict[str, Callable[[Image.Image], Pair]] = {
    "saved again, quality 40": lambda photo: (photo, saved_again(photo, 40)),
    "half size": lambda photo: (photo, photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS)),
    "2 % cut from each side": lambda photo: (photo, cut(photo, 0.02, 0.02, 0.02, 0.02)),
    "5 % cut from one side": lambda photo: (photo, cut(photo, 0.05, 0, 0, 0)),
    "5 % cut from two sides": lambda photo: (photo, cut(photo, 0.05, 0.05, 0, 0)),
    "5 % cut from each side": lambda photo: (photo, cut(photo, 0.05, 0.05, 0.05, 0.05)),
    "turned by 1 degree": lambda photo: (photo, turned(photo, 1)),
    "turned by 2 degrees": lambda photo: (photo, turned(photo, -2)),
    "20 % brighter": lambda photo: (photo, ImageEnhance.Brightness(photo).enhance(1.2)),
    "darker (gamma 1.4)": lambda photo: (photo, photo.point([round(255 * (v / 255) ** 1.4) for v in range(256)] * 3)),
    "20 % less contrast": lambda photo: (photo, ImageEnhance.Contrast(photo).enhance(0.8)),
    "blurred": lambda photo: (photo, photo.filter(ImageFilter.GaussianBlur(photo.width / 150))),
    "camera moved by 2 %": lambda photo: pan(photo, 0.02, 0.02),
    "camera moved by 4 %": lambda photo: pan(photo, 0.04, -0.04),
    "camera moved by 8 %": lambda photo: pan(photo, 0.08, -0.04),
    "burst": burst,
}


def same(one: bytes, other: bytes, apart_s: float | None) -> bool:
    return groups([one, other], [None if apart_s is None else 0, apart_s])[1] == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=600, help="at most this many")
    parser.add_argument("--montage", type=Path, help="where to draw the pairs that were merged")
    options = parser.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    photos = []
    for path in files[: options.photos]:
        with Image.open(path) as opened:
            photos.append(opened.convert("RGB"))
    signatures = [signature(photo) for photo in photos]

    times: dict[str, float | None] = {"in a burst": 1.0, "time unknown": None, "hours apart": 7200.0}
    print(f"{'found, %':<28}" + "".join(f"{name:>16}" for name in times))
    for name, change in CHANGES.items():
        pairs = [tuple(map(signature, change(photo))) for photo in photos]
        found = (100 * np.mean([same(*pair, apart_s) for pair in pairs]) for apart_s in times.values())
        print(f"{name:<28}" + "".join(f"{share:16.1f}" for share in found))

    merged: list[tuple[int, int]] = []
    for name, between_s in times.items():
        taken_s = [None if between_s is None else at * between_s for at in range(len(photos))]
        if name == "in a burst":
            taken_s = [0.0] * len(photos)
        merged = [(founder, at) for at, founder in enumerate(groups(signatures, taken_s)) if founder != at]
        print(f"different photos, {name}: {len(merged)} of {len(photos)} put into another one's group")
        if between_s is None or len(merged) < 6:
            print("".join(f"    {files[one].name}, {files[other].name}\n" for one, other in merged), end="")
        if options.montage and name == "in a burst":
            draw(photos, merged, options.montage)


def draw(photos: list[Image.Image], pairs: list[tuple[int, int]], target: Path) -> None:
    width, height, columns = 160, 130, 4
    sheet = Image.new("RGB", (columns * (2 * width + 12), max(1, -(-len(pairs) // columns)) * (height + 8)), "white")
    for number, pair in enumerate(pairs):
        left, top = number % columns * (2 * width + 12), number // columns * (height + 8)
        for side, at in enumerate(pair):
            small = photos[at].copy()
            small.thumbnail((width - 2, height))
            sheet.paste(small, (left + side * width, top))
    sheet.save(target)


if __name__ == "__main__":
    main()
