"""Pictures that are no photo are told from photos, also from dark and empty ones."""

import io
import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from popscore.photos.faults import fault

PACKAGES = {"skimage": "data"}
PHOTOS = {
    "skimage": "astronaut.png brick.png camera.png chelsea.png clock_motion.png coffee.png coins.png grass.png "
    "gravel.png hubble_deep_field.jpg moon.png motorcycle_left.png retina.jpg rocket.jpg",
}
NAMES = [(package, name) for package, names in PHOTOS.items() for name in names.split()]
SCREENS = [(1080, 1920), (1920, 1080), (1170, 2532)]
LIGHT, DARK, SEPIA = ((255, 255, 255), (20, 20, 20)), ((18, 18, 18), (225, 225, 225)), ((245, 240, 225), (60, 50, 40))
SPOILT = {"png": (1, None), "jpeg": (1, 60), "half": (0.5, None), "half jpeg": (0.5, 85)}
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "people", "talk", "about", "water"]


def photo(package: str, name: str) -> Image.Image:
    folder = Path(str(find_spec(package).submodule_search_locations[0])) / PACKAGES[package]
    return Image.open(folder / name).convert("RGB")


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=quality)
    return Image.open(written).convert("RGB")


def spoilt(picture: Image.Image, how: str) -> Image.Image:
    scale, quality = SPOILT[how]
    if scale != 1:
        picture = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    return picture if quality is None else jpeg(picture, quality)


def noisy(color: tuple[float, ...], sigma: float, size: tuple[int, int] = (900, 600), seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, sigma, (size[1], size[0], 3))
    return Image.fromarray((np.array(color) + noise).round().clip(0, 255).astype(np.uint8))


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, or one of those that gradio brings along."""
    if name == "pillow":
        return ImageFont.load_default(size)
    gradio = Path(str(find_spec("gradio").submodule_search_locations[0]))
    file = next((gradio / "templates").rglob(f"{name}.*.ttf"))
    return ImageFont.truetype(str(file), size)


def words(chosen: random.Random, least: int, most: int) -> str:
    return " ".join(chosen.choice(WORDS) for _ in range(chosen.randint(least, most)))


def page(size: tuple[int, int], colors: tuple, written: ImageFont.FreeTypeFont, columns: int = 1) -> Image.Image:
    picture, chosen = Image.new("RGB", size, colors[0]), random.Random(1)  # noqa: S311
    draw, margin = ImageDraw.Draw(picture), size[0] // 16
    wide = (size[0] - 2 * margin) / columns
    for column in range(columns):
        for top in range(margin, size[1] - margin, int(written.size * 1.5)):
            line = ""
            while draw.textlength(line, font=written) < wide * 0.8:
                line += chosen.choice(WORDS)[:8] + " "
            draw.text((margin + column * wide, top), line[:-1], font=written, fill=colors[1])
    return picture


def chat(size: tuple[int, int], dark: bool) -> Image.Image:
    picture, chosen = Image.new("RGB", size, (11, 20, 26) if dark else (239, 234, 226)), random.Random(2)  # noqa: S311
    draw, written, top = ImageDraw.Draw(picture), ImageFont.load_default(44), 160
    draw.rectangle((0, 0, size[0], 120), fill=(32, 44, 51) if dark else (246, 246, 246))
    while top < size[1] - 400:
        lines = [words(chosen, 5, 7) for _ in range(chosen.randint(1, 4))]
        wide, own = max(draw.textlength(line, font=written) for line in lines), chosen.random() < 0.5
        left = size[0] - wide - 90 if own else 30
        bubble = ((0, 92, 75) if own else (38, 45, 49)) if dark else ((217, 253, 211) if own else (255, 255, 255))
        draw.rounded_rectangle((left, top, left + wide + 60, top + 60 * len(lines) + 30), 28, fill=bubble)
        for number, line in enumerate(lines):
            draw.text((left + 30, top + 12 + 60 * number), line, font=written, fill=(235,) * 3 if dark else (10,) * 3)
        top += 60 * len(lines) + 60
    return picture


def table(size: tuple[int, int], colors: tuple) -> Image.Image:
    picture, chosen = Image.new("RGB", size, colors[0]), random.Random(3)  # noqa: S311
    draw, written = ImageDraw.Draw(picture), ImageFont.load_default(22)
    for top in range(0, size[1], 38):
        draw.line((0, top, size[0], top), fill=(128, 128, 128))
        for left in range(0, size[0], 130):
            draw.text((left + 8, top + 7), f"{chosen.uniform(0, 99999):.2f}", font=written, fill=colors[1])
    return picture


# --- almost black -----------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [None, 90, 60])
@pytest.mark.parametrize(("level", "sigma", "seed"), [(0, 0, 0), (0, 4, 1), (6, 8, 2), (10, 6, 3), (16, 3, 4)])
def test_lens_cap_is_almost_black(level: float, sigma: float, seed: int, quality: int | None) -> None:
    picture = noisy((level, level * 0.8, level * 1.1), sigma, seed=seed)
    assert fault(picture if quality is None else jpeg(picture, quality)) == "almost_black"


def test_hot_pixels_and_a_small_picture_are_almost_black() -> None:
    picture = noisy((4, 4, 4), 3, size=(240, 320))
    picture.putpixel((20, 30), (255, 0, 0))
    assert fault(picture) == "almost_black"


def night(what: str) -> Image.Image:
    picture = noisy((4, 4, 8), 2)
    draw, chosen = ImageDraw.Draw(picture), random.Random(4)  # noqa: S311
    if what == "moon":
        draw.ellipse((600, 100, 640, 140), fill=(230, 228, 215))
    elif what == "window":
        draw.rectangle((300, 300, 318, 325), fill=(240, 190, 90))
    elif what == "candle":
        light = 200 * np.exp(-((np.indices((600, 900)) - np.array([[[300]], [[450]]])) ** 2).sum(axis=0) / 5000)
        picture = Image.fromarray((light[..., None] * [1, 0.7, 0.3] + 3).astype(np.uint8))
    elif what == "silhouette":
        draw.rectangle((0, 0, 900, 350), fill=(32, 34, 48))
        draw.polygon([(0, 350), (300, 200), (500, 340), (900, 260), (900, 600), (0, 600)], fill=(3, 3, 4))
    for _ in range({"stars": 60, "fireworks": 8, "town": 900}.get(what, 0)):
        x, y = chosen.uniform(50, 850), chosen.uniform(50, 550)
        if what == "stars":
            draw.ellipse((x, y, x + 2, y + 2), fill=(230, 230, 255))
        elif what == "town":
            draw.ellipse((x, 300 + y / 2, x + 2, 302 + y / 2), fill=(255, 220, 150))
        else:
            for angle in np.arange(0, 6.28, 0.15):
                draw.line((x, y, x + 90 * np.cos(angle), y + 90 * np.sin(angle)), fill=(255, 120, 60))
    return picture


@pytest.mark.parametrize("what", ["moon", "window", "candle", "silhouette", "stars", "fireworks", "town"])
def test_a_night_is_a_photo(what: str) -> None:
    assert fault(night(what)) is None
    assert fault(jpeg(night(what), 75)) is None


# --- one colour -------------------------------------------------------------------------------------

COLORS = [(255, 255, 255), (128, 128, 128), (60, 60, 60), (200, 30, 40), (20, 90, 200), (240, 220, 40), (0, 140, 60)]


@pytest.mark.parametrize("quality", [None, 92, 80])
@pytest.mark.parametrize("color", COLORS)
def test_blank_frame_has_one_color(color: tuple[int, ...], quality: int | None) -> None:
    picture = noisy(color, 5, seed=sum(color))
    assert fault(picture if quality is None else jpeg(picture, quality)) == "one_color"


@pytest.mark.parametrize("color", COLORS)
def test_darker_corners_are_one_color(color: tuple[int, ...]) -> None:
    y, x = np.indices((600, 900))
    darker = 1 - 0.05 * (((x - 450) / 450) ** 2 + ((y - 300) / 450) ** 2) / 1.44
    blank = np.asarray(noisy(color, 3)) * darker[..., None]
    assert fault(jpeg(Image.fromarray(blank.round().astype(np.uint8)), 92)) == "one_color"


def scene(what: str) -> Image.Image:
    """Nearly empty: a thing, or a gradient, in what would be blank."""
    fall = np.linspace(0, 1, 600)[:, None, None] + np.zeros((1, 900, 1))
    if what in {"bird", "plane"}:
        picture = Image.fromarray((np.array([90, 150, 220]) + fall * [70, 50, 20]).astype(np.uint8))
    else:
        level = {"fog": 190, "snow": 240, "product": 255, "grey": 128}[what]
        picture = noisy((level,) * 3, 0 if what == "product" else 3)
    draw = ImageDraw.Draw(picture)
    if what == "bird":
        draw.line((400, 200, 412, 208, 424, 200), fill=(30, 30, 30), width=4)
    elif what == "plane":
        draw.line((500, 100, 540, 96), fill=(245, 245, 250), width=4)
    elif what == "fog":
        draw.rectangle((440, 250, 460, 330), fill=(165, 165, 165))
    elif what == "snow":
        draw.ellipse((440, 420, 452, 446), fill=(40, 40, 60))
    elif what == "product":
        draw.ellipse((350, 200, 550, 400), fill=(225, 223, 220))
    else:
        draw.ellipse((440, 290, 455, 305), fill=(90, 90, 90))
    return picture


@pytest.mark.parametrize("what", ["bird", "plane", "fog", "snow", "product", "grey"])
def test_a_nearly_empty_picture_is_a_photo(what: str) -> None:
    assert fault(scene(what)) is None
    assert fault(jpeg(scene(what), 80)) is None


# --- text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("colors", [LIGHT, DARK, SEPIA], ids=["light", "dark", "sepia"])
@pytest.mark.parametrize("size", SCREENS, ids=str)
def test_page_of_text_is_not_a_photo(size: tuple[int, int], colors: tuple, how: str) -> None:
    assert fault(spoilt(page(size, colors, ImageFont.load_default(34)), how)) == "not_a_photo"


@pytest.mark.parametrize("name", ["KaTeX_Main-Regular", "KaTeX_SansSerif-Bold", "KaTeX_Typewriter-Regular", "pillow"])
@pytest.mark.parametrize(("height", "columns"), [(26, 2), (32, 1), (48, 1)])
def test_other_fonts_are_not_a_photo(name: str, height: int, columns: int) -> None:
    assert fault(jpeg(page((1240, 1754), LIGHT, font(name, height), columns), 80)) == "not_a_photo"


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("dark", [False, True])
def test_chat_is_not_a_photo(dark: bool, how: str) -> None:
    assert fault(spoilt(chat((1080, 1920), dark), how)) == "not_a_photo"


@pytest.mark.parametrize("how", ["png", "jpeg"])
@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_table_is_not_a_photo(colors: tuple, how: str) -> None:
    assert fault(spoilt(table((1920, 1080), colors), how)) == "not_a_photo"


def test_photo_of_a_page_in_a_scene_is_a_photo() -> None:
    room = photo("skimage", "coffee.png").resize((1200, 900))
    room.paste(page((400, 500), LIGHT, ImageFont.load_default(20)), (300, 200))
    assert fault(room) is None


@pytest.mark.parametrize("turned", [0, 30, 90])
@pytest.mark.parametrize("step", [9, 24, 60])
def test_stripes_are_a_photo(step: int, turned: int) -> None:
    picture = Image.new("RGB", (900, 600), (250, 250, 250))
    draw = ImageDraw.Draw(picture)
    for left in range(0, 900, step):
        draw.rectangle((left, 0, left + step // 2, 600), fill=(20, 20, 20))
    assert fault(picture.rotate(turned, expand=turned == 90, fillcolor=(250, 250, 250))) is None


# --- photos -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("package", "name"), NAMES, ids=str)
def test_a_photo_has_no_fault(package: str, name: str) -> None:
    picture = photo(package, name)
    assert fault(picture) is None
    assert fault(jpeg(picture.reduce(2), 60)) is None
    assert fault(picture.convert("L").convert("RGB")) is None


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"])
@pytest.mark.parametrize("exposure", [0.15, 0.4, 2])
def test_a_badly_exposed_photo_has_no_fault(name: str, exposure: float) -> None:
    assert fault(photo("skimage", name).point(lambda level: min(255, int(level * exposure)))) is None


# --- sizes ------------------------------------------------------------------------------------------


def test_one_pixel_has_one_color() -> None:
    assert fault(Image.new("RGB", (1, 1), (200, 10, 10))) == "one_color"
    assert fault(Image.new("RGB", (1, 1))) == "almost_black"


@pytest.mark.parametrize("size", [(2, 1), (1, 5000), (5000, 1), (30, 65000), (65000, 30), (7, 7), (64, 31)], ids=str)
def test_any_shape_is_judged(size: tuple[int, int]) -> None:
    assert fault(Image.new("RGB", size, (200, 10, 10))) == "one_color"
    assert fault(Image.new("RGB", size)) == "almost_black"
    assert fault(noisy((128, 128, 128), 90, size)) is None


def test_a_huge_picture_is_looked_at_in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    reduce, convert, to_array = Image.Image.reduce, Image.Image.convert, np.asarray

    def reduced(self: Image.Image, factor: int) -> Image.Image:
        found = reduce(self, factor)
        seen.append(found.width * found.height)
        return found

    def converted(self: Image.Image, *mode: str) -> Image.Image:
        seen.append(self.width * self.height)
        return convert(self, *mode)

    def as_array(pixels: object) -> object:
        found = to_array(pixels)
        seen.append(found.size // 3)
        return found

    huge = page((1250, 1000), LIGHT, ImageFont.load_default(30)).resize((7900, 6330))
    monkeypatch.setattr(Image.Image, "reduce", reduced)
    monkeypatch.setattr(Image.Image, "convert", converted)
    monkeypatch.setattr(np, "asarray", as_array)
    assert fault(huge) == "not_a_photo"
    assert max(seen) < 1_400_000
