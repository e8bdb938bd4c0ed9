"""The texts that the page is made of: style sheets, templates, scripts."""

import json
from importlib.resources import files

from popscore.ui.kit.band_chart import page_bands

_STYLES = (
    *("kit.css", "parts.css", "look.css", "bank.css", "score.css", "selfie.css", "rank.css", "video.css"),
    "study.css",
)
# Each adds to window.popscore; a later one may use what an earlier one has added.
_SHARED_SCRIPTS = (
    "study_link.js",
    *("parts.js", "bands.js", "bank.js", "own_part.js"),
    *("files.js", "pictures.js", "saved.js", "shots.js", "shrink.js", "pipeline.js", "zoom.js"),
    *(
        "look.js",
        "look_why.js",
        "look_crop.js",
        "look_try.js",
        "look_more.js",
        "selfie.js",
        "grid.js",
        "photo_views.js",
        "taste.js",
        "exports.js",
    ),
)
# A library that other people wrote; the page loads it when it first makes a ZIP. Licence beside it.
_ZIP_LIBRARY = "vendor/client-zip.js"


def asset(name: str) -> str:
    """The text of a file in the assets folder."""
    return files("popscore.ui").joinpath("assets", name).read_text(encoding="utf-8")


def styles() -> str:
    """All style sheets as one."""
    return "\n".join(map(asset, _STYLES))


def shared_scripts() -> str:
    """What the scripts of all tabs share, as a script in the head of the page.

    It is there before any tab is, stands in the page itself, and so needs no address that files are served from.
    """
    scripts = "\n".join(asset(f"kit/{name}") for name in _SHARED_SCRIPTS)
    library = json.dumps(asset(_ZIP_LIBRARY)).replace("<", "\\u003c")
    return f"<script>window.popscore = {{bands: {json.dumps(page_bands())}, zipModule: {library}}};\n{scripts}</script>"
