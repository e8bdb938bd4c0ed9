"""The component that videos come in through.

A file of its own, because gradio writes a stub (video_input.pyi) beside component classes.
"""

import gradio as gr
from gradio.data_classes import FileData

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.uploads import checked_upload


class VideoInput(gr.File):
    """An input for one video that hands over the original file.

    The stock video component may re-encode what it gets, with a program that need not be there.
    """

    is_template = True

    def preprocess(self, payload: FileData | None) -> NamedPhoto | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        return checked_upload(payload.path, payload.orig_name) if payload else None
