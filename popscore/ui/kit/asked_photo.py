"""The one photo that a page asks about: an upload, or one of the examples."""

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.example_photos import example
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.uploads import checked_upload
from popscore.ui.kit.visits import Visits

_EXAMPLE = "example "


def example_id(file: str) -> str:
    """What the page calls an example photo instead of an upload."""
    return _EXAMPLE + file


def asked_photo(sent: object, visits: Visits) -> NamedPhoto:
    """The photo in an object that a page sent, with `id` and `name`; the file may be gone by now.

    Raises:
        gr.Error: it is no such object, or the photo is none that the visitor may ask about.
    """
    if not isinstance(sent, dict):
        raise refusal("The photo did not arrive. Reload the page.")
    upload_id = str(sent.get("id", ""))
    if upload_id.startswith(_EXAMPLE):
        location = example(upload_id.removeprefix(_EXAMPLE))
        if location is not None:
            return NamedPhoto(location, location.name)
    upload = checked_upload(upload_id, str(sent.get("name", "")))
    visits.uses([upload.location])
    return upload
