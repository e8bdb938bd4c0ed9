"""The component that photos come in through.

A file of its own, because gradio writes a stub (photo_input.pyi) beside each component class.
"""

import gradio as gr
from gradio.data_classes import ImageData

from popscore.ui.uploads import Upload, checked_upload


class PhotoInput(gr.Image):
    """An image input that hands over the original file, unread.

    The stock component decodes the file, which loses 16 bits, CMYK and EXIF orientation, and it opens
    any server file that a request names. Its options are set by whoever makes one: with an
    `__init__` of its own, gradio would no longer find them.
    """

    is_template = True

    def preprocess(self, payload: ImageData | None) -> Upload | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        if payload is None or not payload.path:  # the second is what a cleared photo looks like
            return None
        return checked_upload(payload.path, payload.orig_name)
