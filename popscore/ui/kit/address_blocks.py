"""The app's blocks: addresses in what a client sends are fetched by popscore, within limits, and never by Gradio."""

from typing import Any

import anyio.to_thread
import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState

from popscore.ui.kit.messages import refusal
from popscore.ui.kit.photo_input import PhotoInput, PhotosInput
from popscore.ui.kit.sent_files import PHOTO, VIDEO, Arrivals, SentFile, holds_an_address
from popscore.ui.kit.video_input import VideoInput


class AddressBlocks(gr.Blocks):
    """Blocks whose inputs for photos and videos take addresses, and whose other inputs refuse them.

    Attributes:
        arrivals: what puts files among the uploads; set by whoever makes the blocks.
    """

    arrivals: Arrivals

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> Any:
        """Put what was sent among the uploads, before Gradio looks at it.

        It happens here, before a session remembers its inputs, so that no session keeps a photo that came as text.

        Raises:
            gr.Error: something cannot be had; the reason is in the message.
        """
        # In a thread, because name servers, other servers and decoding take their time.
        arrived = await anyio.to_thread.run_sync(self._arrived, block_fn, inputs)
        return await super().preprocess_data(block_fn, arrived, state, explicit_call)

    def _arrived(self, block_fn: BlockFunction, inputs: list[Any]) -> list[Any]:
        # One that is sent too many or too few is Gradio's to refuse.
        known = [*block_fn.inputs, *[None] * len(inputs)]
        return [self._one(block, sent) for block, sent in zip(known, inputs, strict=False)]

    def _one(self, block: object, sent: Any) -> Any:
        if isinstance(block, PhotoInput):
            return self.arrivals.one(sent, PHOTO)
        if isinstance(block, PhotosInput):
            return self.arrivals.many(sent, PHOTO)
        if isinstance(block, VideoInput):
            return self.arrivals.one(sent, VIDEO)
        if holds_an_address(sent):
            raise refusal("An address was sent where none belongs. Send it as the photo or the video.")
        return sent


def video_input(**options: Any) -> VideoInput:
    """A VideoInput that takes what `Arrivals` makes of what was sent."""
    made = VideoInput(**options)
    made.data_model = SentFile  # gr.File sets its own when it is made
    return made
