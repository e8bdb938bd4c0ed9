"""The Score tab: drop a photo, read the answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from popscore.errors import ImageTooLarge, PopscoreError, UnreadableImage
from popscore.files.kinds import READABLE_PHOTOS
from popscore.foreign_text import shortened
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.answer_panel import empty_panel, error_panel, result_panel, waiting_panel
from popscore.ui.kit.asked_photo import example_id
from popscore.ui.kit.assets import asset
from popscore.ui.kit.example_photos import example, examples_strip
from popscore.ui.kit.looks import Looks, photo_value
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_scores import OwnScores
from popscore.ui.kit.photo_input import PhotoInput
from popscore.ui.kit.previews import preview_if_needed
from popscore.ui.kit.uploads import privacy_line
from popscore.ui.kit.visits import Visits

_PREVIEW_SIDE = 1600
_AT_ONCE = 8


def build_score_tab(door: ModelDoor, visits: Visits, looks: Looks, own_scores: OwnScores) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context.

    Args:
        looks: what a closer look at a photo asks for.
        own_scores: what the memory bank of the page says.
    """
    answers = Answers(door, visits)
    with gr.Row(elem_classes="ps-stage"):
        photo = _photo_area()
        gr.HTML(privacy_line("Scored"), label="Privacy", elem_classes="ps-under")
        answer = gr.HTML(empty_panel(), label="Result", elem_id="answer", elem_classes="ps-answer")
        strip = gr.HTML(
            examples_strip(),
            label="Examples",
            elem_classes="ps-extras",
            js_on_load=asset("score.js"),
            limits={"bytes": door.settings.max_image_bytes},
        )
    look = gr.HTML(
        "",
        html_template='<section class="ps-look ps-page" aria-label="A closer look" hidden></section>'
        '<section class="ps-selfie ps-page" aria-label="As a selfie" hidden></section>',
        js_on_load=asset("score_look.js"),
        server_functions=[*looks.page_functions(), looks.selfie_function(), own_scores.page_function()],
        label="A closer look",
        elem_id="look",
    )
    private: dict[str, Any] = {
        "api_visibility": "private",
        "show_progress": "hidden",
        "trigger_mode": "always_last",
        "concurrency_limit": _AT_ONCE,
    }
    gr.on([photo.input, photo.clear], answers.show_score, photo, [photo, answer, look], **private)
    strip.select(answers.show_chosen, None, [photo, answer, look], **private)


def _photo_area() -> PhotoInput:
    return PhotoInput(
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


# For the photo area, the panel beside it, and the closer look.
_Shown = tuple[Any, str | Any, str | Any]


class Answers:
    """What is shown in the photo area, in the panel beside it, and which photo can be looked at: in this order."""

    def __init__(self, door: ModelDoor, visits: Visits) -> None:
        self._door, self._visits = door, visits

    def show_score(self, upload: NamedPhoto | None) -> Iterator[_Shown]:
        """Score what was dropped; show a picture of it where the browser cannot show the photo itself."""
        if upload is None:
            yield gr.skip(), empty_panel(), ""
            return
        self._visits.uses([upload.location])
        yield gr.skip(), waiting_panel(model_ready=self._door.settled), ""
        try:
            scorer = self._door.scorer()
            found = scorer.score(upload)
            yield gr.skip(), result_panel(found, scorer.model), photo_value(found, str(upload.location))
        except PopscoreError as error:
            # What cannot be read cannot be shown; the browser would draw a broken picture.
            unreadable = isinstance(error, (UnreadableImage, ImageTooLarge))
            yield (None if unreadable else gr.skip()), error_panel(error), ""
            return
        # After the answer, which must not wait for the picture.
        picture = preview_if_needed(upload, _PREVIEW_SIDE, scorer, self._door.readers, self._visits)
        if picture is not None:
            yield picture, gr.skip(), gr.skip()

    def show_chosen(self, event: gr.EventData) -> Iterator[_Shown]:
        """Score the example that was chosen, or say why a file that the page did not send cannot be scored."""
        chosen = event._data if isinstance(event._data, dict) else {}
        if "refused" in chosen:
            yield None, error_panel(self._refused(chosen)), ""
            return
        location = example(chosen.get("file"))
        if location is None:
            yield gr.skip(), gr.skip(), gr.skip()
            return
        yield str(location), waiting_panel(model_ready=self._door.settled), ""
        try:
            scorer = self._door.scorer()
            found = scorer.score(NamedPhoto(location, location.name))
            yield gr.skip(), result_panel(found, scorer.model), photo_value(found, example_id(location.name))
        except PopscoreError as error:
            yield gr.skip(), error_panel(error), ""

    def _refused(self, chosen: Json) -> PopscoreError:
        name = shortened(Path(str(chosen.get("name") or "The file")).name or "The file")
        if chosen["refused"] == "size":
            limit = f"{self._door.settings.max_image_bytes / 1e6:.0f} MB"
            return ImageTooLarge(f"{name} is too large: the limit is {limit}. Save it smaller.")
        return UnreadableImage(f"{name} could not be read: it is not a photo. Choose a {READABLE_PHOTOS} file.")
