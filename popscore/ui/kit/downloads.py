"""Files that are made for a visitor to save."""

import secrets
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from popscore.models.spec import Json


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


def offered(demo: gr.Blocks, path: Path, message: str = "") -> Json:
    """A file for the page to save, deleted like an upload.

    Args:
        path: in a `download_folder`.
        message: what the visitor is told beside, such as photos that are missing from it.
    """
    remember_downloads(demo, path.parent)
    return {"file": str(path), "name": path.name, "message": message}
