"""Files that are made for a visitor to save."""

import secrets
from pathlib import Path

from popscore.models.spec import Json
from popscore.ui.kit.visits import Visits


def download_folder(visits: Visits) -> Path:
    """A new folder for files that whoever asks is going to download; deleted with the visit, like uploads."""
    folder = visits.folder.location / secrets.token_hex(20)
    folder.mkdir(mode=0o700)
    visits.uses([folder])
    return folder


def offered(path: Path, message: str = "") -> Json:
    """A file for the page to save.

    Args:
        path: in a `download_folder`.
        message: what the visitor is told beside, such as photos that are missing from it.
    """
    return {"file": str(path), "name": path.name, "message": message}
