"""The component that videos come in through.

A file of its own, because gradio writes a stub (video_input.pyi) beside component classes.
"""

from typing import Any

import gradio as gr

from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.sent_files import SentFile
from popscore.ui.kit.uploads import checked_upload


class VideoInput(gr.File):
    """An input for one video that hands over the original file.

    The stock video component may re-encode what it gets, with a program that need not be there.
    """

    is_template = True

    def api_info(self) -> dict[str, Any]:
        """The video as clients are told of it: as in `photo_input`, no file, so that Gradio decodes none."""
        return {
            "type": "string",
            "description": "an https: or data: address of a video; clients that can upload send the upload",
        }

    def preprocess(self, payload: SentFile | None) -> NamedPhoto | None:  # type: ignore[override]
        """Check where the file lies; do not open it."""
        return checked_upload(payload.path, payload.orig_name) if payload and payload.path else None
