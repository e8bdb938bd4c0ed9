"""The public endpoints: what gradio_client, curl and MCP clients call. Their docstrings are what these are told."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from popscore.gallery.comparison import compare_images
from popscore.gallery.ranking import rank_images
from popscore.insight.aspects import ASPECTS
from popscore.models.loader import load_selfie_model
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.address_blocks import video_input
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.downloads import download_folder
from popscore.ui.kit.looks import CARD_NAME
from popscore.ui.kit.messages import refusal, told_to_clients
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.photo_input import PhotoInput, photos_input
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.study_door import StudyDoor
from popscore.ui.kit.uploads import check_count
from popscore.ui.kit.visits import Visits
from popscore.ui.study_api import StudyEndpoints
from popscore.video import VideoLimits
from popscore.workers import looks
from popscore.workers.tasks import VideoTask

# A photo is scored in 40 ms, and its workers take turns; a gallery and a video keep all of them busy.
_PHOTOS_AT_ONCE, _AT_ONCE = 12, 4
_EVERY, _TOP = 25, 5


def add_endpoints(
    door: ModelDoor, visits: Visits, remembered: RememberedScores, study: StudyDoor | None = None
) -> None:
    """Offer all endpoints; call inside a gr.Blocks context.

    Args:
        remembered: scores of uploads, shared with the page.
        study: shared with the page; without one there are no endpoints of it.
    """
    endpoints = Endpoints(door, visits, remembered)
    _add(
        endpoints.score_image,
        _photo("Photo"),
        at_once=_PHOTOS_AT_ONCE,
    )
    _add(
        endpoints.rank_images,
        photos_input(label="files", visible=False),
        gr.Number(0, label="top_k", precision=0, minimum=0, visible=False),
        gr.Checkbox(False, label="group_similar", visible=False),
        gr.Checkbox(False, label="people", visible=False),
    )
    _add(
        endpoints.compare_images,
        _photo("first"),
        _photo("second"),
    )
    _add(
        endpoints.rank_video,
        video_input(label="video", visible=False),
        gr.Number(_EVERY, label="every_n", precision=0, minimum=1, visible=False),
        gr.Checkbox(False, label="fast", visible=False),
        gr.Number(_TOP, label="top_k", precision=0, minimum=1, maximum=50, visible=False),
    )
    overlay = gr.Image(label="overlay", type="filepath", format="png", visible=False)
    _add(endpoints.explain_image, _photo("image"), answers=[overlay, _json()])
    _add(
        endpoints.best_crops,
        _photo("image"),
        gr.Dropdown(
            ASPECTS, value=list(ASPECTS), multiselect=True, allow_custom_value=True, label="aspects", visible=False
        ),
    )
    _add(endpoints.what_if, _photo("image"))
    card = gr.Image(label="card", type="filepath", format="png", visible=False)
    _add(endpoints.share_card, _photo("image"), answers=[card])
    _add(endpoints.faces, _photo("image"))
    _add(endpoints.score_selfie, _photo("image"))
    _add(endpoints.model_info)
    if study is not None:
        asked = StudyEndpoints(study, visits)
        pictures = [gr.Image(label=side, type="filepath", format="webp", visible=False) for side in ("left", "right")]
        _add(asked.study_next, _text("session"), answers=[*pictures, _json()])
        place = gr.Number(0, label="place", precision=0, minimum=0, visible=False)
        _add(asked.study_answer, _text("session"), place, _text("chosen"))
        _add(asked.study_summary, _text("session"))


def _photo(label: str) -> PhotoInput:
    return PhotoInput(type="filepath", image_mode=None, label=label, visible=False)


def _text(label: str) -> gr.Textbox:
    return gr.Textbox("", label=label, visible=False)


def _json() -> gr.JSON:
    return gr.JSON(label="result", visible=False)


def _add(
    function: Callable[..., Any],
    *inputs: Component,
    answers: Sequence[Component] | None = None,
    at_once: int = _AT_ONCE,
) -> None:
    """Offer a function under its own name, as API endpoint and as MCP tool; its answer is JSON, or what `answers` say.

    It hangs on a button that is never shown, because the page's own events are private and return HTML.
    gr.api would do without the button, but leaves the result without a label.
    """
    button = gr.Button(visible=False)
    button.click(
        function, list(inputs), list(answers or [_json()]), api_name=function.__name__, concurrency_limit=at_once
    )


class Endpoints:
    """The functions behind the endpoints, which have their names. What cannot be done is raised as gr.Error."""

    def __init__(self, door: ModelDoor, visits: Visits, remembered: RememberedScores) -> None:
        self._door, self._visits, self._remembered = door, visits, remembered
        self._video_limits = VideoLimits.of(door.settings)

    def score_image(self, image: NamedPhoto | None) -> Json:
        """Score one photo from what it shows: its appeal, or its popularity where such a model is in use.

        Returns the score (higher is better), the percentile among reference photos, a label (Excellent, Good,
        Fair or Poor) with its colour, the photo's size, and the model that answered; `model.kind` says whether
        the score means appeal or popularity. Scores of different models cannot be compared.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        if image is None:
            raise refusal("There is no photo. Send one as `image`.")
        self._visits.uses([image.location])
        with told_to_clients():
            scorer = self._door.scorer()
            return {**scorer.score(image).to_json(), "model": scorer.model.to_json()}

    def rank_images(self, files: list[NamedPhoto], top_k: int, group_similar: bool, people: bool = False) -> Json:
        """Rank photos, best first, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, the results with rank, score, percentile, label, colour and the gap to the
        next one, and the files that could not be read with their reasons. Photos whose gap lies within the model's
        noise are marked `too_close`. MCP clients send addresses (https: or data:), other clients upload files.

        Args:
            files: the photos (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC), each by upload, https: or data: address.
            top_k: how many of the best to return; 0 returns all.
            group_similar: put near-duplicates into groups, and with top_k return the best of each group.
            people: look for faces: adds `faces`, `eyes_closed` and `face_sharpness` to each result.
        """
        if not files:
            raise refusal("There are no photos. Send some as `files`.")
        check_count(len(files), self._door.settings.max_files)
        self._visits.uses(photo.location for photo in files)
        with told_to_clients():
            scorer = self._door.scorer()
            ranking = rank_images(
                files,
                scorer=scorer,
                top=top_k or None,
                group_similar=group_similar,
                people=people,
                cancelled=current_asker().gone,
                cache=self._remembered.of(scorer.model),
            )
            return ranking.to_json()

    def compare_images(self, first: NamedPhoto | None, second: NamedPhoto | None) -> Json:
        """Say which of two photos is the better one, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, both results, and `win_probability`: how likely the first is the better one.
        `too_close` says that their scores differ by no more than the model's noise.

        Args:
            first: a photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
            second: the other photo, sent in the same way.
        """
        if first is None or second is None:
            raise refusal("Two photos are needed. Send them as `first` and `second`.")
        self._visits.uses([first.location, second.location])
        with told_to_clients():
            return compare_images(first, second, scorer=self._door.scorer()).to_json()

    def explain_image(self, image: NamedPhoto | None) -> tuple[str, Json]:
        """Show where in a photo its score comes from: what raised it, and what lowered it.

        Returns the photo with the map drawn over it, and the result with `grid`: rows of contributions in score units,
        whose mean plus `base` is the score. `method` says whether it is the model's own map or an occlusion map.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        photo = self._one(image)
        with told_to_clients():
            path = download_folder(self._visits) / "map.png"
            found = self._look(looks.draw_map, photo, path)
            return str(path), {**found, "model": self._door.scorer().model.to_json()}

    def best_crops(self, image: NamedPhoto | None, aspects: list[str]) -> Json:
        """Find the best crop of a photo for each shape. The score does not choose: it is information.

        Returns the model that answered, and for each shape `box` (left, top, right, bottom in pixels of the upright
        photo), why it lies there, its score, and the score of the whole photo.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
            aspects: shapes as width:height, or `free` for any.
        """
        photo = self._one(image)
        with told_to_clients():
            found: Json = self._look(looks.best_crops, photo, list(aspects or ASPECTS))
            return found

    def what_if(self, image: NamedPhoto | None) -> Json:
        """Try small edits on a photo, and tell which of them the model scores higher by more than its noise.

        Returns the model that answered, the edits with strength, score and gain, and the score before. It is the
        model's taste, not advice.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        photo = self._one(image)
        with told_to_clients():
            found: Json = self._look(looks.what_if, photo)
            return found

    def share_card(self, image: NamedPhoto | None) -> str:
        """Make a card to share: 1080 x 1350 pixels with the photo, its score, and its place among others.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        photo = self._one(image)
        with told_to_clients():
            path = download_folder(self._visits) / CARD_NAME
            self._look(looks.card, photo, path)
            return str(path)

    def faces(self, image: NamedPhoto | None) -> Json:
        """Find every face on a photo, and tell what is seen of each. Nobody is identified.

        Returns for each face its box in pixels of the upright photo, landmarks, size, sharpness, where the head looks,
        eyes open, closed or not visible, and the probabilities of seven expressions.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        photo = self._one(image)
        with told_to_clients():
            found: Json = self._look(looks.faces, photo)
            return found

    def score_selfie(self, image: NamedPhoto | None) -> Json:
        """Say how likely a photo is to be popular as a selfie, and what is seen of the faces on it.

        Returns the probability, `probability_from` (a selfie model, or the share of the reference photos of the model
        in use that the photo beats), what was seen in a sentence, every face with its expressions, and the model.

        Args:
            image: the photo (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC): an upload, or its https: or data: address.
        """
        photo = self._one(image)
        with told_to_clients():
            model = load_selfie_model(self._door.settings)
            found: Json = self._look(looks.selfie, photo, model and model.location)
            return found

    def _one(self, image: NamedPhoto | None) -> NamedPhoto:
        if image is None:
            raise refusal("There is no photo. Send one as `image`.")
        self._visits.uses([image.location])
        return image

    def _look(self, task: Callable[..., Any], photo: NamedPhoto, *arguments: object) -> Any:
        scorer = self._door.scorer()
        return self._door.readers.look(scorer, task, photo, *arguments, cancelled=current_asker().gone)

    def rank_video(self, video: NamedPhoto | None, every_n: int, fast: bool, top_k: int) -> Json:
        """Find the best frames of a video, best first, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, the results with frame index, time in seconds, score, percentile, label and
        colour, what was damaged, and notices. The chosen frames are different moments; blurred, almost black and
        almost white frames are never among them.

        Args:
            video: the video (MP4, MOV, MKV, WebM, AVI): an upload, or its https: or data: address.
            every_n: score each n-th frame.
            fast: score keyframes, and others only where these promise most.
            top_k: how many frames to return.
        """
        if video is None:
            raise refusal("There is no video. Send one as `video`.")
        self._visits.uses([video.location])
        with told_to_clients():
            task = VideoTask(
                path=video.location,
                name=video.name,
                every=every_n,
                fast=fast,
                top=top_k,
                out=None,
                limits=self._video_limits,
            )
            ranking, _ = self._door.readers.rank_video(self._door.scorer(), task, 0, cancelled=current_asker().gone)
            return ranking.to_json()

    def model_info(self) -> Json:
        """Say which model answers: name, kind, where it came from, hash, scale, measured accuracy, licence."""
        with told_to_clients():
            return self._door.scorer().model.to_full_json()
