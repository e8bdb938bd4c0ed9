"""Sharpness and light, on real photos that are blurred, shaken, lit and made noisy by program."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from popscore.people.light import Light, blur, light

NAMES = ("astronaut", "cat", "coffee", "rocket")


@pytest.fixture(params=NAMES)
def shot(request: pytest.FixtureRequest, photos: dict[str, Path]) -> Image.Image:
    with Image.open(photos[request.param]) as image:
        return image.convert("RGB")


def defocused(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def shaken(picture: Image.Image, length: float, angle: float) -> Image.Image:
    """The mean of shots along a straight way of so many pixels."""
    steps = np.linspace(-length / 2, length / 2, round(2 * length) + 1)
    total = np.zeros((picture.height, picture.width, 3))
    for step in steps:
        matrix = (1, 0, step * np.cos(angle), 0, 1, step * np.sin(angle))
        total += np.asarray(picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
    return Image.fromarray((total / len(steps)).astype(np.uint8)).crop((8, 8, picture.width - 8, picture.height - 8))


def noisy(picture: Image.Image, deviation: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, deviation, (picture.height, picture.width, 1))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def test_more_blur_is_less_sharp(shot: Image.Image) -> None:
    values = [light(picture).sharpness for picture in (shot, *(defocused(shot, radius) for radius in (0.7, 1.5)))]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.5 * values[2]
    assert light(defocused(shot, 3)).sharpness < values[0] / 1.5


def test_blur_is_told_from_shake(shot: Image.Image) -> None:
    sharp = light(shot)
    assert blur(sharp, sharp) == "none"
    assert blur(light(defocused(shot, 1)), sharp) == "focus"
    assert blur(light(shaken(shot, 6, 0)), sharp) == "shake"


def test_most_shake_along_a_diagonal_is_told_too(photos: dict[str, Path]) -> None:
    found = []
    for name in NAMES:
        with Image.open(photos[name]) as image:
            picture = image.convert("RGB")
        found.append(blur(light(shaken(picture, 8, 0.8)), light(picture)))
    assert found.count("shake") >= 3
    assert "none" not in found


def test_light_and_noise_are_no_blur(shot: Image.Image) -> None:
    sharp = light(shot)
    for other in (shot.point(lambda value: min(255, int(1.5 * value))), shot.point(lambda value: value // 2)):
        assert blur(light(other), sharp) == "none"
    assert blur(light(noisy(shot, 8)), sharp) == "none"


def test_noise_is_measured_and_is_no_sharpness(shot: Image.Image) -> None:
    before, after = light(shot), light(noisy(shot, 8))
    assert before.noise < 2
    assert after.noise == pytest.approx(8, abs=2)
    assert after.sharpness < 1.3 * before.sharpness


def test_a_sharp_middle_is_told_from_all_blurred(photos: dict[str, Path]) -> None:
    with Image.open(photos["cat"]) as image:
        picture = image.convert("RGB")
    soft = defocused(picture, 3)
    box = (150, 75, 300, 225)
    soft.paste(picture.crop(box), box[:2])
    found, sharp = light(soft, subject=[box]), light(picture, subject=[box])
    assert blur(found, sharp) == "part"
    assert found.evenness < 0.6 * sharp.evenness
    # The subject is as sharp as before, whatever the background is.
    assert found.subject == pytest.approx(sharp.subject, rel=0.05)
    elsewhere = light(soft, subject=[(10, 75, 140, 225)]).subject
    assert elsewhere is not None
    assert elsewhere < 0.7 * found.subject


def test_lights_and_shadows(shot: Image.Image) -> None:
    plain = light(shot)
    assert light(shot.point(lambda value: min(255, 3 * value))).blown > plain.blown + 0.05
    assert light(shot.point(lambda value: max(0, value - 120))).blocked > plain.blocked + 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (40, 40), (11, 11)])
def test_plain_and_tiny_pictures_have_an_answer(size: tuple[int, int]) -> None:
    found = light(Image.new("RGB", size, "white"), subject=[(0, 0, *size)])
    assert found == Light(sharpness=0, evenness=1, subject=None, directions=(0, 0, 0, 0), blown=1, blocked=0, noise=0)
    assert blur(found, found) == "none"


def test_noise_alone_is_not_sharp() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    assert light(Image.fromarray(noise)).sharpness == 0
