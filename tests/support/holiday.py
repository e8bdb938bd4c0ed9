"""Holiday photos to choose from: scenes of several shots, over two days, as a camera writes them."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

SIZE = (1600, 1200)


def holiday(folder: Path, photographs: list[Path], scenes: int, shots: int) -> list[Path]:
    """Write `scenes` times `shots` JPEGs. Shots of one scene are near-duplicates, one second apart.

    Args:
        folder: for the photos; made if need be.
        photographs: what the scenes are cut from.
    """
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(12)
    sources = [Image.open(path).convert("RGB") for path in photographs]
    began = datetime(2026, 7, 1, 9)
    files = []
    for scene in range(scenes):
        source = sources[scene % len(sources)].resize(SIZE, Image.Resampling.LANCZOS)
        # Other parts, turned and coloured: so that no two scenes look alike.
        share = 0.45 + 0.4 * float(random.random())
        left, top = (float(random.random()) * (1 - share) * side for side in SIZE)
        part = source.crop((round(left), round(top), round(left + share * SIZE[0]), round(top + share * SIZE[1])))
        part = part.rotate(90 * int(random.integers(4)), expand=True).resize(SIZE, Image.Resampling.BICUBIC)
        part = Image.merge("RGB", [part.getchannel(int(at)) for at in random.permutation(3)])
        taken = began + timedelta(days=scene % 2, minutes=30 * scene)
        for shot in range(shots):
            moved = part.crop((6 * shot, 4 * shot, SIZE[0] - 6 * (shots - shot), SIZE[1] - 4 * (shots - shot)))
            exif = Image.Exif()
            exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = (
                taken + timedelta(seconds=shot)
            ).strftime("%Y:%m:%d %H:%M:%S")
            files.append(folder / f"IMG_{len(files) + 1:04}.jpg")
            moved.save(files[-1], quality=88, exif=exif)
    return files
