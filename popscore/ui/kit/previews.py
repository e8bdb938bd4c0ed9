"""Small pictures on their way to the browser."""

import base64

from popscore.photos.previews import is_shown_by_browsers
from popscore.photos.sources import NamedPhoto
from popscore.scoring.scorer import Scorer
from popscore.ui.kit.downloads import download_folder
from popscore.ui.kit.visits import Visits
from popscore.workers.readers import Readers


def data_address(webp: bytes) -> str:
    """A picture as a `data:` address, which costs the browser no further request."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def preview_if_needed(photo: NamedPhoto, side: int, scorer: Scorer, readers: Readers, visits: Visits) -> str | None:
    """Where a picture of a photo lies that browsers cannot show themselves (HEIC, TIFF).

    Args:
        photo: an upload.
        side: of the picture, in pixels.
        scorer: what it scores can be shown.
        readers: which make it.
        visits: which have it deleted in the end.

    Returns:
        None where browsers show the photo, or there can be no picture: it never costs an answer.
    """
    if is_shown_by_browsers(photo):
        return None
    picture = readers.preview(photo, side, scorer.limits)
    if picture is None:
        return None
    path = download_folder(visits) / "preview.webp"
    path.write_bytes(picture)
    return str(path)
