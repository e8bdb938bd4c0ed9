"""The Video tab: drop a video, get its best moments."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from PIL import Image

from popscore.foreign_text import file_stem
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.scoring.scorer import Scorer
from popscore.ui.kit.assets import asset
from popscore.ui.kit.downloads import download_folder, offered, remember_downloads
from popscore.ui.kit.messages import TOLD, refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import page_function, page_value, told
from popscore.ui.kit.page_parts import page_parts
from popscore.ui.kit.previews import data_address, fitted
from popscore.ui.kit.progress import Cancelled, Following, Report
from popscore.ui.kit.uploads import checked_upload
from popscore.video import VideoLimits, VideoRanking, frame_images, rank_video
from popscore.video.results import RankedFrame

_TOP = 5
_PREVIEW_SIDE = 960
_AT_ONCE = 1


def build_video_tab(door: ModelDoor, demo: gr.Blocks) -> None:
    """Lay out the tab and wire its events; call inside the context of `demo`."""
    moments = Moments(door, demo)
    page = gr.HTML(
        "",
        html_template=asset("video.html"),
        js_on_load=asset("video.js"),
        server_functions=[page_function("frame", moments.frame), page_function("pack", moments.pack)],
        label="Video",
        elem_id="video",
        parts=page_parts("Scored"),
        limits={"bytes": door.settings.max_video_bytes},
    )
    running = page.submit(
        moments.show_best_frames,
        None,
        page,
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="multiple",  # the page asks once at a time; after a stop the others would wait for ever
        concurrency_limit=_AT_ONCE,
    )
    page.stop(None, None, None, cancels=[running], api_visibility="private")


class Moments:
    """What the page asks the server. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, demo: gr.Blocks) -> None:
        self._door, self._demo = door, demo
        self._limits = VideoLimits.of(door.settings)

    def show_best_frames(self, event: gr.EventData) -> Iterator[str]:
        """Score the frames; tell how far it is, and then the best moments."""
        folder = download_folder()
        try:
            video, every = _asked(event)
            scorer = self._door.scorer()
            scoring = Following(
                lambda report, cancelled: self._score(video, scorer, every, bool(event.fast), folder, report, cancelled)
            )
            for done, total in scoring:
                doing = f"Scored {done} of {total} frames"
                share = done / max(total or 1, 1)
                yield page_value({"run": event.run, "phase": "scoring", "doing": doing, "share": share})
            remember_downloads(self._demo, folder)
            yield page_value({"run": event.run, "phase": "done", **_page_json(scoring.result)})
        except TOLD as error:
            yield told(error, event.run)

    def _score(
        self,
        video: NamedPhoto,
        scorer: Scorer,
        every: int,
        fast: bool,
        folder: Path,
        report: Report,
        cancelled: Cancelled,
    ) -> VideoRanking:
        return rank_video(
            video.location,
            scorer=scorer,
            every=every,
            fast=fast,
            top=_TOP,
            out=folder,
            name=video.name,
            limits=self._limits,
            on_progress=report,
            cancelled=cancelled,
        )

    # --- asked by the script of the page --------------------------------------------------------------

    def frame(self, video: object, index: object) -> Json:
        """A picture of one frame."""
        if not isinstance(index, int):
            raise refusal("This is no frame of the video. Reload the page.")
        location = checked_upload(str(video), None).location
        at_least = (_PREVIEW_SIDE, _PREVIEW_SIDE)
        for _, picture in frame_images(location, [index], at_least=at_least, limits=self._limits):
            return {"image": data_address(fitted(picture, _PREVIEW_SIDE))}
        raise refusal("This frame cannot be shown. Choose another place on the line.")

    def pack(self, name: object, paths: object) -> Json:
        """A ZIP with the frames that were chosen."""
        if not isinstance(paths, list) or len(paths) > _TOP:
            raise refusal("This cannot be saved. Reload the page.")
        frames = [checked_upload(str(path), None).location for path in paths]
        if not all(frame.is_file() for frame in frames):
            raise refusal("The ZIP could not be made: the frames were deleted by now. Choose the video again.")
        archive = download_folder() / f"{file_stem(str(name))} best frames.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for frame in frames:
                packed.write(frame, frame.name)
        return offered(self._demo, archive)


def _asked(event: gr.EventData) -> tuple[NamedPhoto, int]:
    """The video that the page sent, and which frames of it to score, checked."""
    video, every = event.video, event.every
    if not isinstance(video, dict) or not isinstance(every, int):
        raise refusal("The video did not arrive. Reload the page.")
    return checked_upload(str(video.get("id", "")), str(video.get("name", ""))), every


def _page_json(ranking: VideoRanking) -> Json:
    """What the page shows: the best frames with their files and small pictures, and the line of all scores."""
    return {
        "results": [_shown(result) for result in ranking.results],
        "points": [
            {"index": point.frame_index, "time_s": point.time_s, "score": point.score} for point in ranking.points
        ],
        "notices": [*ranking.notices, *(str(failed.error) for failed in ranking.errors)],
    }


def _shown(result: RankedFrame) -> Json:
    """A result with what it is called as a file, and a small picture."""
    if result.image is None:
        return {**result.to_json(), "image_name": None, "preview": None}
    with Image.open(result.image) as image:
        picture = data_address(fitted(image.convert("RGB"), _PREVIEW_SIDE))
    return {**result.to_json(), "image_name": result.image.name, "preview": picture}
