"""The Rank tab: drop many photos, get the best first."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from popscore import words
from popscore.gallery import export
from popscore.gallery.ranking import rank_images
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, Ranking
from popscore.scoring.scorer import Candidate, Scorer
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.assets import asset
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.explanation import explanation
from popscore.ui.kit.gallery_updates import GalleryUpdates
from popscore.ui.kit.messages import TOLD, refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import OutOfDate, page_function, told
from popscore.ui.kit.page_parts import page_parts
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.progress import Cancelled, Following, Report
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.uploads import checked_upload, checked_uploads
from popscore.ui.kit.visits import Visits

_SMALL_SIDE, _LARGE_SIDE = 360, 1600
_AT_ONCE = 2
# What a visitor can save: the name it gets, and what writes it.
_Writer = Callable[[Ranking, Path, Sequence[NamedPhoto]], export.Exported]
_DOWNLOADS: dict[str, tuple[str, _Writer]] = {
    "zip": ("popscore.zip", lambda kept, path, photos: export.write_zip(kept, path, photos=photos)),
    "csv": ("popscore.csv", lambda kept, path, _: export.write_csv(kept, path)),
    "xmp": ("popscore star ratings.zip", lambda kept, path, _: export.write_xmp_zip(kept, path)),
}


def build_rank_tab(door: ModelDoor, visits: Visits, remembered: RememberedScores) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context.

    Args:
        remembered: scores of uploads, shared with the endpoints.
    """
    gallery = Gallery(door, visits, remembered)
    page = gr.HTML(
        "",
        html_template=asset("rank.html"),
        js_on_load=asset("rank.js"),
        server_functions=[
            page_function("preview", gallery.preview, at_once=6),
            page_function("explain", gallery.explain, at_once=4),
            page_function("verdict", gallery.verdict, at_once=4),
            page_function("save", gallery.save, at_once=2),
        ],
        label="Rank",
        elem_id="rank",
        parts=page_parts("Ranked"),
        limits={
            "files": door.settings.max_files,
            "bytes": door.settings.max_image_bytes,
            "small": _SMALL_SIDE,
            "large": _LARGE_SIDE,
        },
    )
    running = page.submit(
        gallery.show_ranking,
        None,
        page,
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="multiple",  # the page asks once at a time; after a stop the others would wait for ever
        concurrency_limit=_AT_ONCE,
    )
    page.stop(None, None, None, cancels=[running], api_visibility="private")


class Gallery:
    """What the page asks the server. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits, remembered: RememberedScores) -> None:
        self._door, self._visits, self._remembered = door, visits, remembered

    def show_ranking(self, event: gr.EventData) -> Iterator[str]:
        """Score the photos; give the ranking as it grows."""
        try:
            uploads = checked_uploads(event.photos, self._door.settings.max_files)
            self._visits.uses(photo.location for photo in uploads)
            scorer = self._door.scorer()
        except TOLD as error:
            yield told(error, event.run)
            return
        found: list[Candidate | FailedPhoto] = []
        updates = GalleryUpdates(scorer.model, len(uploads), event.run)
        scoring = Following(lambda report, cancelled: self._score(uploads, scorer, found, report, cancelled))
        for done, _ in scoring:
            yield updates.next(found[:done])
        try:
            scoring.result  # noqa: B018 - raises what went wrong in the thread
        except TOLD as error:
            yield told(error, event.run)
            return
        yield updates.last(found)

    def _score(
        self,
        uploads: Sequence[NamedPhoto],
        scorer: Scorer,
        found: list[Candidate | FailedPhoto],
        report: Report,
        cancelled: Cancelled,
    ) -> None:
        candidates = scorer.candidates(uploads, cache=self._remembered.of(scorer.model))
        with contextlib.closing(candidates):
            for candidate in candidates:
                found.append(candidate)
                report(len(found), len(uploads))
                if cancelled():
                    return

    # --- asked by the script of the page --------------------------------------------------------------

    def preview(self, photo: object, side: object) -> Json:
        """A small picture of an upload; `image` is null where none can be made."""
        upload = checked_upload(str(photo), None)
        picture = self._door.readers.preview(
            upload,
            _LARGE_SIDE if side == _LARGE_SIDE else _SMALL_SIDE,
            self._door.scorer().limits,
            current_asker().gone,
        )
        return {"image": picture and data_address(picture)}

    def explain(self, model: object, photo: object) -> Json:
        """The explanation of the score of an upload, as parts of HTML."""
        scorer = self._scorer_of(model)
        return explanation(self._candidate(scorer, photo).photo, scorer.model).to_json()

    def verdict(self, model: object, photo_a: object, photo_b: object) -> Json:
        """Which of two uploads is the better one, in one sentence."""
        scorer = self._scorer_of(model)
        a, b = (self._candidate(scorer, photo).photo for photo in (photo_a, photo_b))
        return {"verdict": words.verdict(a.file, a.score, b.file, b.score, scorer.model)}

    def save(self, model: object, kind: object, photos: object, chosen: object) -> Json:
        """A file with the photos that were chosen, or with their scores."""
        if str(kind) not in _DOWNLOADS or not isinstance(chosen, list):
            raise refusal("This cannot be saved. Reload the page.")
        uploads = checked_uploads(photos, self._door.settings.max_files)
        scorer = self._scorer_of(model)
        ranking = rank_images(
            uploads,
            scorer=scorer,
            group_similar=True,
            cancelled=current_asker().gone,
            cache=self._remembered.of(scorer.model),
        )
        wanted = set(map(str, chosen))
        results = [photo for photo in ranking.results if str(uploads[photo.index].location) in wanted]
        name, write = _DOWNLOADS[str(kind)]
        path = download_folder(self._visits) / name
        done = write(replace(ranking, results=results), path, uploads)
        return offered(path, " ".join(str(failed.error) for failed in done.errors))

    def _scorer_of(self, model: object) -> Scorer:
        """The scorer, if its model is still the one that the page shows scores of."""
        scorer = self._door.scorer()
        if scorer.model.sha256 != model:
            raise OutOfDate
        return scorer

    def _candidate(self, scorer: Scorer, photo: object) -> Candidate:
        """An upload that the page sent as an object, with its score, which is remembered."""
        (upload,) = checked_uploads([photo], 1)
        with contextlib.closing(scorer.candidates([upload], cache=self._remembered.of(scorer.model))) as candidates:
            found = next(candidates)
        if isinstance(found, FailedPhoto):
            raise found.error
        return found
