"""Only files that a visitor uploaded are ever opened."""

import secrets
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from popscore.files.kinds import READABLE_PHOTOS
from popscore.photos.sources import NamedPhoto

# Gradio looks for files older than the second number every so often as the first says, in seconds.
DELETE_UPLOADS = (600, 3000)
KEEP_UPLOADS_WORDS = "within the hour"


def download_folder() -> Path:
    """A new folder for files that a visitor is going to download."""
    folder = Path(get_upload_folder()) / secrets.token_hex(20)
    folder.mkdir(parents=True)
    return folder


def remember_downloads(demo: gr.Blocks, folder: Path) -> None:
    """Have the files of a folder deleted like uploads.

    Args:
        demo: the app, which remembers what it has to delete.
        folder: from `download_folder`, with everything written into it.
    """
    demo.upload_file_set.update(str(path) for path in folder.iterdir())


def checked_upload(path: str | None, name: str | None) -> NamedPhoto:
    """The upload at `path`, and what the visitor called it.

    Raises:
        gr.Error: the path does not lie in the upload folder, so it is not an upload.
    """
    folder = Path(get_upload_folder()).resolve()
    location = Path(path or "").resolve()
    if not path or not location.is_relative_to(folder) or location == folder:
        raise gr.Error(f"This is not an uploaded photo. Upload a {READABLE_PHOTOS} file.", print_exception=False)
    return NamedPhoto(location, Path(name).name if name and Path(name).name else location.name)
