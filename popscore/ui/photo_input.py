"""The components that photos come in through.

A file of their own, because gradio writes a stub (photo_input.pyi) beside component classes. Options are
set by whoever makes one: with an `__init__` of its own, gradio would no longer find them.
"""

import gradio as gr
from gradio.components.file import ListFiles
from gradio.data_classes import FileData, ImageData

from popscore.ui.uploads import Upload, checked_upload


class PhotoInput(gr.Image):
    """An image input that hands over the original file, unread.

    The stock component decodes the file, which loses 16 bits, CMYK and EXIF orientation, and it opens
    any server file that a request names.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> Upload | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        if payload is None or not payload.path:  # the second is what a cleared photo looks like
            return None
        return checked_upload(payload.path, payload.orig_name)


class PhotosInput(gr.File):
    """An input for many photos that hands over the original files, unread."""

    is_template = True

    def preprocess(self, payload: ListFiles | FileData | None) -> list[Upload]:  # type: ignore[override]
        """Check where the files lie; do not open them."""
        if payload is None:
            return []
        files = payload.root if isinstance(payload, ListFiles) else [payload]
        return [checked_upload(file.path, file.orig_name) for file in files]
