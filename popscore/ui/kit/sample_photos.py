"""A gallery to try: photos that may be shipped. Origins and licences: assets/samples/NOTICE."""

import base64
from functools import cache
from importlib.resources import files

from popscore.models.spec import Json


@cache
def sample_photos() -> tuple[Json, ...]:
    """The sample photos, each with its `name` and as a `data:` address, `image`."""
    folder = files("popscore.ui").joinpath("assets", "samples")
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".jpg")), key=lambda entry: entry.name)
    return tuple(
        {
            "name": entry.name,
            "image": "data:image/jpeg;base64," + base64.b64encode(entry.read_bytes()).decode("ascii"),
        }
        for entry in found
    )
