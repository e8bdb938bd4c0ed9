"""The texts that the page is made of: style sheets, templates, scripts."""

from importlib.resources import files


def asset(name: str) -> str:
    """The text of a file in the assets folder."""
    return files("popscore.ui").joinpath("assets", name).read_text(encoding="utf-8")
