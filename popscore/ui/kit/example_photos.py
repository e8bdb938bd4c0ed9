"""The example photos that ship with the app. Origins and licences: assets/examples/NOTICE."""

from importlib.resources import files
from pathlib import Path

from popscore.foreign_text import in_html
from popscore.photos.decode import read_photo
from popscore.photos.previews import as_webp
from popscore.ui.kit.previews import data_address

# File, name under the picture, what a screen reader says.
_EXAMPLES = (
    ("cat.png", "Cat", "a cat that looks past the camera"),
    ("coffee.png", "Coffee", "a cup of coffee on a table"),
    ("astronaut.png", "Astronaut", "an astronaut who smiles"),
    ("rocket.jpg", "Rocket", "a rocket on its pad at night"),
)
_THUMBNAIL_SIDE = 144


def example(file: object) -> Path | None:
    """Where an example lies; None if there is none of that name."""
    known = next((name for name, _, _ in _EXAMPLES if name == file), None)
    return None if known is None else Path(str(files("popscore.ui").joinpath("assets", "examples", known)))


def examples_strip() -> str:
    """A row of buttons, as HTML."""
    buttons = "".join(
        f'<button type="button" data-file="{file}">'
        f'<img src="{_thumbnail(file)}" alt="{in_html(alt)}" width="72" height="72"><span>{name}</span></button>'
        for file, name, alt in _EXAMPLES
    )
    return f'<div class="ps-examples"><p>Or try one</p><div>{buttons}</div></div>'


def _thumbnail(file: str) -> str:
    """A small square of an example as a data URI, so that the strip costs no further requests."""
    location = example(file)
    if location is None:
        raise ValueError(f"there is no example {file} to show")
    pixels = read_photo(location, at_least=(4 * _THUMBNAIL_SIDE, 4 * _THUMBNAIL_SIDE)).pixels
    side = min(pixels.size)
    left, top = (pixels.width - side) // 2, (pixels.height - side) // 2
    box = (left, top, left + side, top + side)
    return data_address(as_webp(pixels.resize((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), box=box)))
