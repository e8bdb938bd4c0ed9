"""The public endpoints: what gradio_client, curl and MCP clients call. Their docstrings are what these are told."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from popscore.gallery.comparison import compare_images
from popscore.gallery.ranking import rank_images
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.address_blocks import video_input
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.messages import refusal, told_to_clients
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.photo_input import PhotoInput, photos_input
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.uploads import check_count
from popscore.ui.kit.visits import Visits
from popscore.video import VideoLimits
from popscore.workers.tasks import VideoTask

# A photo is scored in 40 ms, and its workers take turns; a gallery and a video keep all of them busy.
_PHOTOS_AT_ONCE, _AT_ONCE = 12, 4
_EVERY, _TOP = 25, 5


def add_endpoints(door: ModelDoor, visits: Visits, remembered: RememberedScores) -> None:
    """Offer all endpoints; call inside a gr.Blocks context.

    Args:
        remembered: scores of uploads, shared with the page.
    """
    endpoints = Endpoints(door, visits, remembered)
    _add(
        endpoints.score_image,
        PhotoInput(type="filepath", image_mode=None, label="Photo", visible=False),
        at_once=_PHOTOS_AT_ONCE,
    )
    _add(
        endpoints.rank_images,
        photos_input(label="files", visible=False),
        gr.Number(0, label="top_k", precision=0, minimum=0, visible=False),
        gr.Checkbox(False, label="group_similar", visible=False),
    )
    _add(
        endpoints.compare_images,
        PhotoInput(type="filepath", image_mode=None, label="first", visible=False),
        PhotoInput(type="filepath", image_mode=None, label="second", visible=False),
    )
    _add(
        endpoints.rank_video,
        video_input(label="video", visible=False),
        gr.Number(_EVERY, label="every_n", precision=0, minimum=1, visible=False),
        gr.Checkbox(False, label="fast", visible=False),
        gr.Number(_TOP, label="top_k", precision=0, minimum=1, maximum=50, visible=False),
    )
    _add(endpoints.model_info)


def _add(function: Callable[..., Any], *inputs: Component, at_once: int = _AT_ONCE) -> None:
    """Offer a function under its own name, as API endpoint and as MCP tool; its answer is JSON.

    It hangs on a button that is never shown, because the page's own events are private and return HTML.
    gr.api would do without the button, but leaves the result without a label.
    """
    answer = gr.JSON(label="result", visible=False)
    button = gr.Button(visible=False)
    button.click(function, list(inputs), answer, api_name=function.__name__, concurrency_limit=at_once)


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

    def rank_images(self, files: list[NamedPhoto], top_k: int, group_similar: bool) -> Json:
        """Rank photos, best first, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, the results with rank, score, percentile, label, colour and the gap to the
        next one, and the files that could not be read with their reasons. Photos whose gap lies within the model's
        noise are marked `too_close`. MCP clients send addresses (https: or data:), other clients upload files.

        Args:
            files: the photos (JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF, HEIC), each by upload, https: or data: address.
            top_k: how many of the best to return; 0 returns all.
            group_similar: put near-duplicates into groups, and with top_k return the best of each group.
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
