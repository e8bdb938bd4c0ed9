"""The components that photos come in through.

A file of their own, because gradio writes a stub (photo_input.pyi) beside component classes. Options are
set by whoever makes one: with an `__init__` of its own, gradio would no longer find them.
"""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData, GradioRootModel, ImageData
from gradio.processing_utils import save_base64_to_cache, ssrf_protected_download
from gradio.utils import get_upload_folder
from httpx import HTTPError

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.uploads import checked_upload


class PhotoInput(gr.Image):
    """An image input that hands over the original file, unread.

    The stock component decodes the file, which loses 16 bits, CMYK and EXIF orientation, and it opens
    any server file that a request names.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> NamedPhoto | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        if payload is None or not payload.path:  # the second is what a cleared photo looks like
            return None
        return checked_upload(payload.path, payload.orig_name)


class SentPhotos(GradioRootModel):
    """What a client sends: uploads, or addresses, which is all that an MCP client can send."""

    root: list[FileData | str]


class PhotosInput(gr.File):
    """An input for many photos that hands over the original files, unread.

    Addresses (`https:` or `data:`) are fetched into the upload folder first; Gradio refuses those of private
    networks. The stock component describes its list in a way that Gradio's own MCP server cannot follow.
    """

    is_template = True

    def api_info(self) -> dict[str, Any]:
        """The list as MCP clients are told of it; gradio_client sends uploads all the same."""
        return {"type": "array", "items": {"type": "string", "description": "an https: or data: address of a photo"}}

    def preprocess(self, payload: SentPhotos | None) -> list[NamedPhoto]:  # type: ignore[override]
        """Check where the files lie; do not open them."""
        return [_fetched(sent) for sent in payload.root] if payload else []


def photos_input(**options: Any) -> PhotosInput:
    """A PhotosInput that takes addresses too."""
    made = PhotosInput(file_count="multiple", **options)
    made.data_model = SentPhotos  # gr.File sets its own when it is made
    return made


def _fetched(sent: FileData | str) -> NamedPhoto:
    if isinstance(sent, FileData):
        return checked_upload(sent.path, sent.orig_name)
    try:
        if sent.startswith(("https://", "http://")):
            path = ssrf_protected_download(sent, get_upload_folder())
        elif sent.startswith("data:image/"):
            path = save_base64_to_cache(sent, get_upload_folder())
        else:
            raise refusal("A photo is sent as an upload, or as an https: or data: address.")
    except (OSError, ValueError, HTTPError) as error:
        raise refusal(f"{sent[:80]} could not be fetched. Check the address.") from error
    return checked_upload(path, None)
