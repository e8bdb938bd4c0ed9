"""The Video tab: drop a video, get its best moments."""

import zipfile
from collections.abc import Iterator, Sequence

import gradio as gr

from popscore.foreign_text import file_stem
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.assets import asset
from popscore.ui.kit.banks import Banks, OpenBank
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.messages import TOLD, refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_scores import own_json
from popscore.ui.kit.page_functions import page_function, page_value, told
from popscore.ui.kit.page_parts import page_parts
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.progress import Cancelled, Following, Report
from popscore.ui.kit.uploads import checked_upload
from popscore.ui.kit.visits import Visits
from popscore.video import VideoLimits, VideoRanking
from popscore.video.results import RankedFrame
from popscore.workers.readers import IsolatedScorer
from popscore.workers.tasks import VideoTask

_TOP = 5
_PREVIEW_SIDE = 960
_AT_ONCE = 1


def build_video_tab(door: ModelDoor, visits: Visits, banks: Banks) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context.

    Args:
        banks: of the visitors.
    """
    moments = Moments(door, visits, banks)
    page = gr.HTML(
        "",
        html_template=asset("video.html"),
        js_on_load=asset("video.js"),
        server_functions=[
            page_function("frame", moments.frame, at_once=2),
            page_function("save_frame", moments.save_frame, at_once=2),
            page_function("pack", moments.pack, at_once=2),
        ],
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

    def __init__(self, door: ModelDoor, visits: Visits, banks: Banks) -> None:
        self._door, self._visits, self._banks = door, visits, banks
        self._limits = VideoLimits.of(door.settings)

    def show_best_frames(self, event: gr.EventData) -> Iterator[str]:
        """Score the frames; tell how far it is, and then the best moments."""
        folder = download_folder(self._visits)
        try:
            video, every = _asked(event)
            self._visits.uses([video.location])
            scorer = self._door.scorer()
            asked_bank = getattr(event, "bank", None)
            bank = self._banks.of(asked_bank) if asked_bank else None
            task = VideoTask(
                path=video.location,
                name=video.name,
                every=every,
                fast=bool(event.fast),
                top=_TOP,
                out=folder,
                limits=self._limits,
                bank=self._banks.upload(asked_bank).location if asked_bank else None,
            )
            scoring = Following(lambda report, cancelled: self._score(task, scorer, report, cancelled))
            for done, total in scoring:
                doing = f"Scored {done} of {total} frames"
                share = done / max(total or 1, 1)
                yield page_value({"run": event.run, "phase": "scoring", "doing": doing, "share": share})
            yield page_value({"run": event.run, "phase": "done", **_page_json(*scoring.result, bank)})
        except TOLD as error:
            yield told(error, event.run)

    def _score(
        self, task: VideoTask, scorer: IsolatedScorer, report: Report, cancelled: Cancelled
    ) -> tuple[VideoRanking, list[bytes | None]]:
        return self._door.readers.rank_video(scorer, task, _PREVIEW_SIDE, on_progress=report, cancelled=cancelled)

    # --- asked by the script of the page --------------------------------------------------------------

    def frame(self, video: object, index: object) -> Json:
        """A picture of one frame."""
        if not isinstance(index, int):
            raise refusal("This is no frame of the video. Reload the page.")
        upload = checked_upload(str(video), None)
        picture = self._door.readers.frame(upload, index, _PREVIEW_SIDE, self._limits, current_asker().gone)
        if picture is None:
            raise refusal("This frame cannot be shown. Choose another place on the line.")
        return {"image": data_address(picture)}

    def save_frame(self, video: object, name: object, index: object) -> Json:
        """One frame in full size, as a file."""
        if not isinstance(index, int):
            raise refusal("This is no frame of the video. Reload the page.")
        upload = checked_upload(str(video), str(name))
        folder = download_folder(self._visits)
        frame = self._door.readers.save_frame(upload, index, folder, self._limits, current_asker().gone)
        if frame is None:
            raise refusal("The video has no picture at this place. Choose another place on the line.")
        return offered(frame)

    def pack(self, name: object, paths: object) -> Json:
        """A ZIP with the frames that were chosen."""
        if not isinstance(paths, list) or len(paths) > _TOP:
            raise refusal("This cannot be saved. Reload the page.")
        frames = [checked_upload(str(path), None).location for path in paths]
        if not all(frame.is_file() for frame in frames):
            raise refusal("The ZIP could not be made: the frames were deleted by now. Choose the video again.")
        archive = download_folder(self._visits) / f"{file_stem(str(name))} best frames.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
            for frame in frames:
                packed.write(frame, frame.name)
        return offered(archive)


def _asked(event: gr.EventData) -> tuple[NamedPhoto, int]:
    """The video that the page sent, and which frames of it to score, checked."""
    video, every = event.video, event.every
    if not isinstance(video, dict) or not isinstance(every, int):
        raise refusal("The video did not arrive. Reload the page.")
    return checked_upload(str(video.get("id", "")), str(video.get("name", ""))), every


def _page_json(ranking: VideoRanking, previews: Sequence[bytes | None], bank: OpenBank | None) -> Json:
    """What the page shows: the best frames with their files and small pictures, and the line of all scores."""
    return {
        "results": [_shown(result, preview, bank) for result, preview in zip(ranking.results, previews, strict=True)],
        "points": [
            {"index": point.frame_index, "time_s": point.time_s, "score": point.score} for point in ranking.points
        ],
        "duration_s": ranking.duration_s,
        "notices": [*ranking.notices, *(str(failed.error) for failed in ranking.errors)],
    }


def _shown(result: RankedFrame, preview: bytes | None, bank: OpenBank | None) -> Json:
    """A result with what it is called as a file, and a small picture; with a bank by its personal score."""
    known = result.to_json()
    if bank is not None:
        known |= {"score": round(result.order_score, 4), "general": known["score"], "own": own_json(result, bank)}
    return {**known, "image_name": result.image and result.image.name, "preview": preview and data_address(preview)}
