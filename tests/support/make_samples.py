"""Makes the sample gallery of the Rank tab from photographs of scikit-image.

python tests/support/make_samples.py
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

TARGET = Path(__file__).parents[2] / "popscore" / "ui" / "assets" / "samples"
SIDE, QUALITY = 560, 80
# Name, file of scikit-image, box of it in shares, brightness. Some show one scene twice, as holiday photos do.
SAMPLES = (
    ("cat 1.jpg", "chelsea.png", (0, 0, 1, 1), 1.0),
    ("cat 2.jpg", "chelsea.png", (0.03, 0.02, 0.99, 0.98), 0.92),
    ("cat 3.jpg", "chelsea.png", (0.0, 0.04, 0.96, 1.0), 1.08),
    ("coffee 1.jpg", "coffee.png", (0, 0, 1, 1), 1.0),
    ("coffee 2.jpg", "coffee.png", (0.02, 0.03, 0.98, 0.99), 0.85),
    ("astronaut 1.jpg", "astronaut.png", (0, 0, 1, 1), 1.0),
    ("astronaut 2.jpg", "astronaut.png", (0.02, 0.0, 0.98, 0.96), 1.1),
    ("launch.jpg", "rocket.jpg", (0, 0, 1, 1), 1.0),
    ("galaxies.jpg", "hubble_deep_field.jpg", (0.1, 0.1, 0.9, 0.7), 1.0),
    ("gravel.jpg", "gravel.png", (0, 0, 1, 0.75), 1.0),
    ("bricks.jpg", "brick.png", (0, 0.1, 1, 0.8), 1.0),
    ("lens cap.jpg", "coffee.png", (0, 0, 1, 1), 0.015),
)


def main() -> None:
    data = Path(str(find_spec("skimage").submodule_search_locations[0])) / "data"  # type: ignore[union-attr, index]
    TARGET.mkdir(exist_ok=True)
    for name, source, (left, top, right, bottom), brightness in SAMPLES:
        with Image.open(data / source) as opened:
            photo = opened.convert("RGB")
        width, height = photo.size
        photo = photo.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))
        photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        photo = ImageEnhance.Brightness(photo).enhance(brightness)
        if brightness < 0.1:
            noise = np.random.default_rng(1).normal(4, 1.5, (photo.height, photo.width, 3)).clip(0, 255)
            photo = Image.fromarray(noise.astype(np.uint8))
        photo.save(TARGET / name, "JPEG", quality=QUALITY, optimize=True)
        digest = hashlib.sha256((TARGET / name).read_bytes()).hexdigest()
        print(f"{name:<18}{source:<24}{(TARGET / name).stat().st_size:>8}  {digest}")
    print(sum(path.stat().st_size for path in TARGET.glob("*.jpg")), "bytes")


if __name__ == "__main__":
    main()
