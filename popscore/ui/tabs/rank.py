"""The Rank tab: drop many photos, get the best first. And the endpoint `/rank_images`."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from popscore import scale, words
from popscore.errors import PopscoreError
from popscore.gallery import export
from popscore.gallery.ranking import rank, rank_images
from popscore.models.spec import Json
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto
from popscore.scoring.scorer import Candidate, Scorer
from popscore.ui.api import add_endpoint
from popscore.ui.kit.assets import asset
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.photo_input import photos_input
from popscore.ui.kit.previews import data_address, preview
from popscore.ui.kit.remembered import RememberedScores
from popscore.ui.kit.uploads import checked_upload, download_folder, remember_downloads

_SMALL_SIDE, _LARGE_SIDE = 360, 1600
# Between two pictures of the work in progress; each carries all results so far.
_SHOW_EVERY_S = 0.5
_AT_ONCE = 2
# What a visitor can save, and the name it gets.
_DOWNLOADS = {"zip": "popscore.zip", "csv": "popscore.csv", "xmp": "popscore star ratings.zip"}


def build_rank_tab(door: ModelDoor, demo: gr.Blocks) -> None:
    """Lay out the tab and wire its events; call inside the context of `demo`."""
    remembered = RememberedScores()
    settings = door.settings

    def uploads_of(photos: object) -> list[NamedPhoto]:
        """What the page sent, checked: it comes from outside."""
        if not isinstance(photos, list) or not all(isinstance(photo, dict) for photo in photos):
            raise gr.Error("The list of photos did not arrive. Reload the page.", print_exception=False)
        check_count(len(photos))
        return [checked_upload(str(photo.get("id", "")), str(photo.get("name", ""))) for photo in photos]

    def check_count(found: int) -> None:
        if found > settings.max_files:
            raise gr.Error(
                f"{found} photos are too many: the limit is {settings.max_files}. Choose fewer at a time.",
                print_exception=False,
            )

    def show_ranking(event: gr.EventData) -> Iterator[Json]:
        found: list[Candidate | FailedPhoto] = []
        try:
            uploads = uploads_of(event.photos)
            scorer = door.scorer()
        except (PopscoreError, gr.Error) as error:
            yield {"phase": "error", "message": str(getattr(error, "message", error))}
            return
        candidates = scorer.candidates(uploads, cache=remembered)
        shown_s = time.monotonic()
        try:
            for candidate in candidates:
                found.append(candidate)
                if time.monotonic() - shown_s > _SHOW_EVERY_S:
                    yield _page_json(found, uploads, scorer, phase="scoring")
                    shown_s = time.monotonic()
        finally:
            candidates.close()
        yield _page_json(found, uploads, scorer, phase="done")

    def preview_of(arguments: Sequence[Any]) -> str:
        location, side = checked_upload(str(arguments[0]), None).location, arguments[1]
        return data_address(preview(location, _LARGE_SIDE if side == _LARGE_SIDE else _SMALL_SIDE))

    def verdict(arguments: Sequence[Any]) -> str:
        name_a, score_a, name_b, score_b = arguments
        return words.verdict(str(name_a), float(score_a), str(name_b), float(score_b), door.scorer().model)

    def save(arguments: Sequence[Any]) -> Json:
        kind, photos, chosen = arguments
        if kind not in _DOWNLOADS or not isinstance(chosen, list):
            raise gr.Error("This cannot be saved.", print_exception=False)
        uploads = uploads_of(photos)
        try:
            ranking = rank_images(
                uploads,
                scorer=door.scorer(),
                group_similar=True,
                cache=remembered,
            )
            wanted = set(map(str, chosen))
            results = [photo for photo in ranking.results if str(uploads[photo.index].location) in wanted]
            kept = replace(ranking, results=results)
            folder = download_folder()
            path = folder / _DOWNLOADS[kind]
            if kind == "zip":
                done = export.write_zip(kept, path, photos=uploads)
            elif kind == "csv":
                done = export.write_csv(kept, path)
            else:
                done = export.write_xmp_zip(kept, path)
        except PopscoreError as error:
            return {"message": str(error)}
        remember_downloads(demo, folder)
        missing = " ".join(str(failed.error) for failed in done.errors)
        return {"file": str(path), "name": path.name, "message": missing}

    preview_of.__name__ = "preview"

    def rank_photos(files: list[NamedPhoto], top_k: int, group_similar: bool) -> Json:
        """Rank photos, best first, by appeal, or by popularity where such a model is in use.

        Returns the model that answered, the results with rank, score, percentile, label, colour and the gap to the
        next one, and the files that could not be read with their reasons. Photos whose gap lies within the model's
        noise are marked `too_close`. MCP clients send addresses (https: or data:), other clients upload files.

        Args:
            files: the photos, as JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF or HEIC: uploads, or their addresses.
            top_k: how many of the best to return; 0 returns all.
            group_similar: put near-duplicates into groups, and with top_k return the best of each group.
        """
        if not files:
            raise gr.Error("There are no photos. Send some as `files`.", print_exception=False)
        check_count(len(files))
        try:
            ranking = rank_images(
                files,
                scorer=door.scorer(),
                top=top_k or None,
                group_similar=group_similar,
                cache=remembered,
            )
        except PopscoreError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return ranking.to_json()

    rank_photos.__name__ = "rank_images"

    page = gr.HTML(
        {"phase": "empty"},
        html_template=asset("rank.html"),
        js_on_load=asset("rank_views.js") + asset("rank.js"),
        server_functions=[preview_of, verdict, save],
        label="Rank",
        elem_id="rank",
        limits={
            "files": settings.max_files,
            "bytes": settings.max_image_bytes,
            "small": _SMALL_SIDE,
            "large": _LARGE_SIDE,
        },
        bands=[{"label": band.label, "from": max(band.lower, -1e9)} for band in scale.BANDS],
    )
    ranking_event = page.submit(
        show_ranking,
        None,
        page,
        api_visibility="private",
        show_progress="hidden",
        trigger_mode="multiple",  # the page asks once at a time; after a stop the others would wait for ever
        concurrency_limit=_AT_ONCE,
    )
    page.stop(None, None, None, cancels=[ranking_event], api_visibility="private")
    add_endpoint(
        rank_photos,
        photos_input(label="files", visible=False),
        gr.Number(0, label="top_k", precision=0, minimum=0, visible=False),
        gr.Checkbox(False, label="group_similar", visible=False),
    )


def _page_json(found: list[Candidate | FailedPhoto], uploads: list[NamedPhoto], scorer: Scorer, *, phase: str) -> Json:
    """What the page shows: the ranking so far, each result with the address of its upload."""
    ranking = rank(found, scorer.model, group_similar=True)
    results = []
    for photo in ranking.results:
        place = words.place(photo.percentile, scorer.model)
        results.append(
            {
                **photo.to_json(),
                "id": str(uploads[photo.index].location),
                "words": place[0].upper() + place[1:] + ".",
            }
        )
    return {
        "phase": phase,
        "done": len(found),
        "total": len(uploads),
        "results": results,
        "errors": [failed.to_json() for failed in ranking.errors],
        "scenes": ranking.scenes,
        "noise": ranking.noise,
    }
