"""The Score tab: drop a photo, read the answer. And the endpoint `/score_image`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from popscore import images
from popscore.errors import PopscoreError
from popscore.models import Json
from popscore.ui import panel
from popscore.ui.endpoints import add_endpoint
from popscore.ui.examples import PICK_EXAMPLE_JS, example, examples_strip
from popscore.ui.model_door import ModelDoor
from popscore.ui.photo_input import PhotoInput
from popscore.ui.uploads import KEEP_UPLOADS_WORDS, Upload

_SHOWN_BY_BROWSERS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"}
_PREVIEW_SIDE = 1600
_AT_ONCE = 4

_PRIVACY = (
    '<p class="ps-privacy">Photos go to this server, are scored there '
    f"and deleted {KEEP_UPLOADS_WORDS}. Nothing is kept or learned from.</p>"
)


def build_score_tab(door: ModelDoor) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context."""

    def show_score(upload: Upload | None) -> Iterator[tuple[Any, str]]:
        if upload is None:
            yield gr.skip(), panel.empty_panel()
            return
        yield gr.skip(), panel.waiting_panel(model_ready=door.settled)
        yield _preview(upload.location) or gr.skip(), _answer(door, upload.location, upload.name)

    def show_example(event: gr.EventData) -> Iterator[tuple[Any, Any]]:
        location = example(event.file)
        if location is None:
            yield gr.skip(), gr.skip()
            return
        yield str(location), panel.waiting_panel(model_ready=door.settled)
        yield gr.skip(), _answer(door, location, location.name)

    def score_image(image: Upload | None) -> Json:
        """Score one photo from what it shows: its appeal, or its popularity where such a model is in use.

        Returns the score (higher is better), the percentile among reference photos, a label (Excellent, Good,
        Fair or Poor) with its colour, the photo's size, and the model that answered; `model.kind` says whether
        the score means appeal or popularity. Scores of different models cannot be compared.

        Args:
            image: the photo, as JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC.
        """
        if image is None:
            raise gr.Error("There is no photo. Send one as `image`.", print_exception=False)
        try:
            scorer = door.scorer()
            return {**scorer.score(image.location, name=image.name).to_json(), "model": scorer.model.to_json()}
        except PopscoreError as error:
            raise gr.Error(str(error), print_exception=False) from error

    with gr.Row(elem_classes="ps-stage"):
        photo = PhotoInput(
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard", "webcam"],
            buttons=["fullscreen"],
            label="Photo",
            show_label=False,
            elem_id="photo",
            elem_classes="ps-photo",
            placeholder="Drop a photo here\nor choose, paste or take one",
            alt_text="Your photo",
            container=False,
        )
        answer = gr.HTML(panel.empty_panel(), label="Result", elem_id="answer", elem_classes="ps-answer")
        strip = gr.HTML(
            examples_strip() + _PRIVACY, label="Examples", elem_classes="ps-extras", js_on_load=PICK_EXAMPLE_JS
        )
    gr.on(
        [photo.input, photo.clear],
        show_score,
        photo,
        [photo, answer],
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=_AT_ONCE,
    )
    strip.select(
        show_example,
        None,
        [photo, answer],
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=_AT_ONCE,
    )
    add_endpoint(score_image, photo)


def _answer(door: ModelDoor, location: Path, name: str) -> str:
    try:
        scorer = door.scorer()
        return panel.result_panel(scorer.score(location, name=name), scorer.model)
    except PopscoreError as error:
        return panel.error_panel(error)


def _preview(location: Path) -> Image.Image | None:
    """A picture for browsers that cannot show the photo itself (HEIC, TIFF); None when they can."""
    try:
        with Image.open(location) as image:
            if image.format in _SHOWN_BY_BROWSERS:
                return None
    except OSError:  # not a format that Pillow alone knows
        pass
    try:
        pixels = images.read_photo(location, at_least=(_PREVIEW_SIDE, _PREVIEW_SIDE)).pixels
    except PopscoreError:
        return None  # the answer says what is wrong
    pixels.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
    return pixels
