"""The Score tab: drop a photo, read the answer. And the endpoint `/score_image`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.api import add_endpoint
from popscore.ui.kit import explanation
from popscore.ui.kit.assets import asset
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.photo_input import PhotoInput
from popscore.ui.kit.previews import preview
from popscore.ui.kit.uploads import KEEP_UPLOADS_WORDS
from popscore.ui.tabs.examples import example, examples_strip

_SHOWN_BY_BROWSERS = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"}
_PREVIEW_SIDE = 1600
_AT_ONCE = 4

_PRIVACY = f'<p class="ps-privacy">Scored on this server, deleted {KEEP_UPLOADS_WORDS}, never learned from.</p>'


def build_score_tab(door: ModelDoor) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context."""

    def show_score(upload: NamedPhoto | None) -> Iterator[tuple[Any, str]]:
        if upload is None:
            yield gr.skip(), explanation.empty_panel()
            return
        yield gr.skip(), explanation.waiting_panel(model_ready=door.settled)
        try:
            scorer = door.scorer()
            result = explanation.result_panel(scorer.score(upload.location, name=upload.name), scorer.model)
        except PopscoreError as error:
            # What cannot be read cannot be shown; the browser would draw a broken picture.
            yield (
                (None if isinstance(error, (UnreadableImage, ImageTooLarge)) else gr.skip()),
                explanation.error_panel(error),
            )
            return
        yield _preview(upload.location) or gr.skip(), result

    def show_example(event: gr.EventData) -> Iterator[tuple[Any, Any]]:
        location = example(event.file)
        if location is None:
            yield gr.skip(), gr.skip()
            return
        yield str(location), explanation.waiting_panel(model_ready=door.settled)
        try:
            scorer = door.scorer()
            yield gr.skip(), explanation.result_panel(scorer.score(location, name=location.name), scorer.model)
        except PopscoreError as error:
            yield gr.skip(), explanation.error_panel(error)

    def score_image(image: NamedPhoto | None) -> Json:
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
        gr.HTML(_PRIVACY, label="Privacy", elem_classes="ps-under")
        answer = gr.HTML(explanation.empty_panel(), label="Result", elem_id="answer", elem_classes="ps-answer")
        strip = gr.HTML(examples_strip(), label="Examples", elem_classes="ps-extras", js_on_load=asset("score.js"))
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


def _preview(location: Path) -> Image.Image | None:
    """A picture for browsers that cannot show the photo itself (HEIC, TIFF); None when they can."""
    try:
        with Image.open(location) as image:
            if image.format in _SHOWN_BY_BROWSERS:
                return None
    except OSError:  # not a format that Pillow alone knows
        pass
    return preview(location, _PREVIEW_SIDE)
