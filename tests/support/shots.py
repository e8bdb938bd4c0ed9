"""Makes series of shots of one moment from a photo: small turns and crops, and what can go wrong with a shot."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from popscore.people.faces import candidates, confirmed

# Outline of an eye in the mesh of 468 points: along the lower lid from one corner to the other, back along the upper.
_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
_LOWER = 9  # points of the outline that lie on the lower lid, corners included

Damage = Callable[[Image.Image, np.random.Generator], Image.Image]


def taken(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same moment once more: turned by up to a degree, cropped by up to 3 %, with a new JPEG of the camera."""
    turned = picture.rotate(float(random.uniform(-1, 1)), Image.Resampling.BICUBIC)
    width, height = turned.size
    # What turns in from outside is cropped off, from all shots the same.
    edge = 0.02 * max(width, height)
    left, top, right, bottom = edge + random.uniform(0, 0.015, 4) * max(width, height)
    return turned.crop((round(left), round(top), round(width - right), round(height - bottom)))


def shake(picture: Image.Image, pixels: float, angle: float) -> Image.Image:
    """The mean of the pictures along a straight way of the camera."""
    steps = np.linspace(-pixels / 2, pixels / 2, max(3, round(2 * pixels) + 1))
    total = np.zeros((picture.height, picture.width, 3))
    for step in steps:
        matrix = (1, 0, step * np.cos(angle), 0, 1, step * np.sin(angle))
        total += np.asarray(picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    return Image.fromarray((total / len(steps)).round().astype(np.uint8))


def defocus(picture: Image.Image, radius: float) -> Image.Image:
    """The mean over a disk, as a lens out of focus draws a point."""
    reach = int(np.ceil(radius))
    grid = np.arange(-reach, reach + 1)
    distance = np.hypot(*np.meshgrid(grid, grid))
    weights = np.clip(radius + 0.5 - distance, 0, 1)
    padded = np.pad(np.asarray(picture, np.float64), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total = sum(
        weights[row, column] * padded[row : row + picture.height, column : column + picture.width]
        for row in range(len(grid))
        for column in range(len(grid))
    )
    return Image.fromarray((total / weights.sum()).round().astype(np.uint8))


def exposed(picture: Image.Image, stops: float) -> Image.Image:
    """As with so many stops more light, in linear light."""
    linear = (np.arange(256) / 255) ** 2.2 * 2**stops
    return picture.point([round(255 * min(1.0, value) ** (1 / 2.2)) for value in linear] * 3)


def noisy(picture: Image.Image, deviation: float, random: np.random.Generator) -> Image.Image:
    """With noise of a small sensor: mostly of brightness, some of colour."""
    grey = random.normal(0, deviation, (picture.height, picture.width, 1))
    color = random.normal(0, deviation / 2, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + grey + color).round().clip(0, 255).astype(np.uint8))


def blinking(picture: Image.Image, *, faces: int | None = None) -> Image.Image:
    """With closed eyes: skin of the lid over each eye, and a dark line of lashes along the lower lid.

    Args:
        picture: mode RGB, with faces that the networks find.
        faces: how many of them blink, the surest first; all by default.
    """
    made = picture.copy()
    _, meshes = confirmed(picture, candidates(picture))
    for mesh in meshes[:faces]:
        for outline in _EYES:
            points = mesh.points[list(outline), :2]
            lower, upper = points[:_LOWER], points[_LOWER:]
            middle = points.mean(axis=0)
            width = float(np.hypot(*(points[8] - points[0])))
            # The skin between eye and brow, an upright way above the lid.
            above = upper.mean(axis=0) + (upper.mean(axis=0) - lower[2:7].mean(axis=0)) * 0.9
            patch = picture.crop((*(int(v - width / 8) for v in above), *(int(v + width / 8) + 2 for v in above)))
            color = tuple(int(v) for v in np.asarray(patch).reshape(-1, 3).mean(axis=0))
            layer, mask = made.copy(), Image.new("L", made.size)
            grown = middle + (points - middle) * (1.12, 1.35)
            ImageDraw.Draw(layer).rectangle((*(middle - width), *(middle + width)), fill=color)
            ImageDraw.Draw(mask).polygon([tuple(p) for p in grown], fill=255)
            made.paste(layer, mask=mask.filter(ImageFilter.GaussianBlur(max(0.5, width / 25))))
            lashes = tuple(int(0.35 * v) for v in color)
            ImageDraw.Draw(made).line([tuple(p) for p in lower], fill=lashes, width=max(1, round(width / 14)))
    return made


def _some_way(picture: Image.Image, pixels: float, random: np.random.Generator) -> Image.Image:
    return shake(picture, pixels, float(random.uniform(0, np.pi)))


DAMAGES: dict[str, Damage] = {
    "shaken, 4 px": lambda picture, random: _some_way(picture, 4, random),
    "shaken, 8 px": lambda picture, random: _some_way(picture, 8, random),
    "out of focus, 1.5 px": lambda picture, _: defocus(picture, 1.5),
    "out of focus, 3 px": lambda picture, _: defocus(picture, 3),
    "exposure +1.5": lambda picture, _: exposed(picture, 1.5),
    "exposure -2": lambda picture, _: exposed(picture, -2),
    "noise 12": lambda picture, random: noisy(picture, 12, random),
}
"""What is done to a shot, by name."""
