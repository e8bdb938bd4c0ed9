"""The Video tab: drop a video, get its best moments. And the endpoint `/rank_video`."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from popscore import scale
from popscore.errors import PopscoreError
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.api import add_endpoint
from popscore.ui.kit.assets import asset
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.previews import data_address, fitted
from popscore.ui.kit.progress import Following
from popscore.ui.kit.uploads import checked_upload, download_folder, remember_downloads
from popscore.ui.kit.video_input import VideoInput
from popscore.video import VideoLimits, VideoRanking, frame_images, rank_video

_TOP = 5
_EVERY = 25
_PREVIEW_SIDE = 960
_AT_ONCE = 1


def build_video_tab(door: ModelDoor, demo: gr.Blocks) -> None:
    """Lay out the tab and wire its events; call inside the context of `demo`."""
    limits = VideoLimits.of(door.settings)

    def show_best_frames(event: gr.EventData) -> Iterator[Json]:
        folder = download_folder()
        try:
            video, every, fast = _asked(event)
            scorer = door.scorer()
            following = Following(
                lambda report, cancelled: rank_video(
                    video.location,
                    scorer=scorer,
                    every=every,
                    fast=fast,
                    top=_TOP,
                    out=folder,
                    name=video.name,
                    limits=limits,
                    on_progress=report,
                    cancelled=cancelled,
                )
            )
            for done, total in following:
                yield {
                    "phase": "scoring",
                    "doing": f"Scored {done} of {total} frames",
                    "share": done / max(total or 1, 1),
                }
            remember_downloads(demo, folder)
            yield _page_json(following.result)
        except (PopscoreError, gr.Error) as error:
            yield {"phase": "error", "message": str(getattr(error, "message", error))}

    def frame(arguments: Sequence[Any]) -> str:
        video, index = checked_upload(str(arguments[0]), None), int(arguments[1])
        for _, picture in frame_images(video.location, [index], at_least=(_PREVIEW_SIDE, _PREVIEW_SIDE), limits=limits):
            return data_address(fitted(picture, _PREVIEW_SIDE))
        raise gr.Error("This frame cannot be shown.", print_exception=False)

    def pack(arguments: Sequence[Any]) -> Json:
        name, paths = str(arguments[0]), arguments[1]
        if not isinstance(paths, list) or len(paths) > _TOP:
            raise gr.Error("This cannot be saved.", print_exception=False)
        frames = [checked_upload(str(path), None).location for path in paths]
        folder = download_folder()
        archive = folder / f"{Path(name).stem[:80]} best frames.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for path in frames:
                packed.write(path, path.name)
        remember_downloads(demo, folder)
        return {"file": str(archive), "name": archive.name}

    def best_frames(video: NamedPhoto | None, every_n: int, fast: bool, top_k: int) -> Json:
        """Find the best frames of a video, best first, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, the results with frame index, time in seconds, score, percentile, label and
        colour, what was damaged, and notices. The chosen frames are different moments; blurred, almost black and
        almost white frames are never among them.

        Args:
            video: the video, as MP4, MOV, MKV, WebM or AVI.
            every_n: score each n-th frame.
            fast: score keyframes, and others only where these promise most.
            top_k: how many frames to return.
        """
        if video is None:
            raise gr.Error("There is no video. Send one as `video`.", print_exception=False)
        try:
            return rank_video(
                video.location,
                scorer=door.scorer(),
                every=every_n,
                fast=fast,
                top=top_k,
                name=video.name,
                limits=limits,
            ).to_json()
        except PopscoreError as error:
            raise gr.Error(str(error), print_exception=False) from error

    best_frames.__name__ = "rank_video"

    page = gr.HTML(
        {"phase": "empty"},
        html_template=asset("video.html"),
        js_on_load=asset("video.js"),
        server_functions=[frame, pack],
        label="Video",
        elem_id="video",
        limits={"bytes": door.settings.max_video_bytes},
        bands=[{"label": band.label, "from": max(band.lower, -1e9)} for band in scale.BANDS],
    )
    ranking = page.submit(
        show_best_frames,
        None,
        page,
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="multiple",  # the page asks once at a time; after a stop the others would wait for ever
        concurrency_limit=_AT_ONCE,
    )
    page.stop(None, None, None, cancels=[ranking], api_visibility="private")
    add_endpoint(
        best_frames,
        VideoInput(label="video", visible=False),
        gr.Number(_EVERY, label="every_n", precision=0, minimum=1, visible=False),
        gr.Checkbox(False, label="fast", visible=False),
        gr.Number(_TOP, label="top_k", precision=0, minimum=1, maximum=50, visible=False),
    )


def _asked(event: gr.EventData) -> tuple[NamedPhoto, int, bool]:
    """What the page sent, checked: it comes from outside."""
    video, every = event.video, event.every
    if not isinstance(video, dict) or not isinstance(every, int):
        raise gr.Error("The video did not arrive. Reload the page.", print_exception=False)
    return checked_upload(str(video.get("id", "")), str(video.get("name", ""))), every, bool(event.fast)


def _page_json(ranking: VideoRanking) -> Json:
    """What the page shows: the best frames with their files and small pictures, and the line of all scores."""
    results = []
    for result in ranking.results:
        preview = None
        if result.image is not None:
            with Image.open(result.image) as image:
                preview = data_address(fitted(image.convert("RGB"), _PREVIEW_SIDE))
        name = None if result.image is None else result.image.name
        results.append({**result.to_json(), "image_name": name, "preview": preview})
    return {
        "phase": "done",
        "results": results,
        "points": [
            {"index": point.frame_index, "time_s": point.time_s, "score": point.score} for point in ranking.points
        ],
        "notices": [*ranking.notices, *(str(failed.error) for failed in ranking.errors)],
    }
