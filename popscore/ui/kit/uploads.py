"""Only files that a visitor uploaded are ever opened."""

from pathlib import Path

from gradio.utils import get_upload_folder

from popscore.files.kinds import READABLE_PHOTOS
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.messages import refusal

# Files of visitors that are older are deleted, in seconds.
KEEP_UPLOADS_S = 3000.0
# The same for people; every page and the README say it in these words.
KEEP_UPLOADS_WORDS = "within the hour"


def privacy_line(done: str) -> str:
    """What happens to a photo or a video, in one sentence, as HTML.

    Args:
        done: what the server does with it, as in `Scored`.
    """
    return f'<p class="ps-privacy">{done} on this server, deleted {KEEP_UPLOADS_WORDS}, never learned from.</p>'


def copies_line(done: str) -> str:
    """The same for small copies that are made in the browser, as HTML."""
    return (
        f'<p class="ps-privacy">{done} on this server from small copies, deleted {KEEP_UPLOADS_WORDS}, never learned '
        "from. Photos that are small already, and those that this browser cannot make smaller, go up as they are.</p>"
    )


def bank_line() -> str:
    """What happens to a memory bank, as HTML."""
    return (
        '<p class="ps-privacy">It stays in this browser until you remove it. The server forgets it when you leave, '
        f"{KEEP_UPLOADS_WORDS} at the latest.</p>"
    )


def checked_upload(path: str | None, name: str | None) -> NamedPhoto:
    """The upload at `path`, and what the visitor called it.

    Raises:
        gr.Error: the path does not lie in the upload folder, so it is not an upload.
    """
    folder = Path(get_upload_folder()).resolve()
    try:
        location = Path(path or "").resolve()
    except (OSError, ValueError):  # a path with a null byte, or a circle of links
        location = folder
    if not path or not location.is_relative_to(folder) or location == folder:
        raise refusal(f"This is not an uploaded photo. Upload a {READABLE_PHOTOS} file.")
    return NamedPhoto(location, Path(name).name if name and Path(name).name else location.name)


def checked_uploads(sent: object, most: int) -> list[NamedPhoto]:
    """The uploads in a list that a page sent, as objects with `id` (where it lies) and `name`.

    Args:
        most: how many are allowed.

    Raises:
        gr.Error: it is no such list, it is too long, or one of its files is not an upload.
    """
    if not isinstance(sent, list) or not all(isinstance(photo, dict) for photo in sent):
        raise refusal("The list of photos did not arrive. Reload the page.")
    check_count(len(sent), most)
    return [checked_upload(str(photo.get("id", "")), str(photo.get("name", ""))) for photo in sent]


def check_count(found: int, most: int) -> None:
    """Refuse more photos than the app takes at a time.

    Raises:
        gr.Error: there are more than `most`.
    """
    if found > most:
        raise refusal(f"{found} photos are too many: the limit is {most}. Choose fewer at a time.")
