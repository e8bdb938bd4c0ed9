"""The components that photos come in through.

A file of their own, because gradio writes a stub (photo_input.pyi) beside component classes. Options are
set by whoever makes one: with an `__init__` of its own, gradio would no longer find them.

They are described to clients as strings. If they were described as files, Gradio's MCP server would decode `data:`
addresses itself, without a limit; gradio_client uploads files all the same.
"""

from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.sent_files import SentFiles
from popscore.ui.kit.uploads import checked_upload

_ADDRESS = "an https: or data: address of a photo; clients that can upload send the upload"


class PhotoInput(gr.Image):
    """An image input that hands over the original file, unread.

    The stock component decodes the file, which loses 16 bits, CMYK and EXIF orientation, and it opens
    any server file that a request names.
    """

    is_template = True

    def api_info(self) -> dict[str, Any]:
        """The photo as clients are told of it."""
        return {"type": "string", "description": _ADDRESS}

    def preprocess(self, payload: ImageData | None) -> NamedPhoto | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        if payload is None or not payload.path:  # the second is what a cleared photo looks like
            return None
        return checked_upload(payload.path, payload.orig_name)


class PhotosInput(gr.File):
    """An input for many photos that hands over the original files, unread."""

    is_template = True

    def api_info(self) -> dict[str, Any]:
        """The list as clients are told of it."""
        return {"type": "array", "items": {"type": "string", "description": _ADDRESS}}

    def preprocess(self, payload: SentFiles | None) -> list[NamedPhoto]:  # type: ignore[override]
        """Check where the files lie; do not open them."""
        return [checked_upload(sent.path, sent.orig_name) for sent in payload.root] if payload else []


def photos_input(**options: Any) -> PhotosInput:
    """A PhotosInput that takes what `Arrivals` makes of what was sent."""
    made = PhotosInput(file_count="multiple", **options)
    made.data_model = SentFiles  # gr.File sets its own when it is made
    return made
