"""The Rank tab: drop many photos, get the best first.

The page owns the photos, what was decided about them, and what is done next; this file answers what it asks: one
photo scored, all of them put in order, a score explained. So a page that lost its connection, or was opened again
the next day, goes on where it was, and stopping means that it asks no more.
"""

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from popscore import words
from popscore.gallery import export
from popscore.gallery.looking_again import Sources, look_again
from popscore.gallery.ranking import people_seen, rank, shot_sides
from popscore.models.spec import Json, ModelInfo
from popscore.people.shots import ShotMeasure
from popscore.photos.similarity import BURST_S
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, PeopleSeen, Ranking
from popscore.scoring.scorer import Candidate, Scorer
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.assets import asset
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.explanation import explanation
from popscore.ui.kit.looks import Looks
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import OutOfDate, page_function
from popscore.ui.kit.page_parts import page_parts
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.remembered_scores import RememberedScores
from popscore.ui.kit.sample_photos import sample_photos
from popscore.ui.kit.sent_results import sent_result, sent_results
from popscore.ui.kit.tastes import AT_ONCE as TASTES_AT_ONCE
from popscore.ui.kit.tastes import Tastes
from popscore.ui.kit.uploads import checked_upload, checked_uploads
from popscore.ui.kit.visits import Visits

_SMALL_SIDE, _LARGE_SIDE = 360, 1600
# What is left of the shorter side of a photo before it is sent, in sides of the model's input: it keeps the change
# of a score at a standard deviation of .05, as decoding at reduced size does; see tests/benchmarks/shrink.py.
_INPUTS_KEPT = 3.5
# Photos that can be compared at one time, and the longest time within which photos are looked at as one moment.
_SIDE_BY_SIDE, _MOST_BURST_S = 4, 3600.0
_PEOPLE_AT_ONCE = 4  # photos on which faces are looked for in one answer
_MOST_LOOKS = 20_000  # about 20 MB
Measures = dict[int, ShotMeasure]
# What a visitor can save, beside the photos themselves: what it is called, and what writes it.
_Writer = Callable[[Ranking, Path, export.Decisions], export.Exported]
_DOWNLOADS: dict[str, tuple[tuple[str, str], _Writer]] = {
    "csv": (("table", ".csv"), lambda found, path, decisions: export.write_csv(found, path, decisions=decisions)),
    "xmp": (
        ("star ratings", ".zip"),
        lambda found, path, decisions: export.write_xmp_zip(found, path, decisions=decisions),
    ),
}


def build_rank_tab(door: ModelDoor, visits: Visits, remembered: RememberedScores, looks: Looks, tastes: Tastes) -> None:
    """Lay out the tab and wire its events; call inside a gr.Blocks context.

    Args:
        remembered: scores of uploads, shared with the endpoints.
        looks: what a closer look at a photo asks for.
        tastes: what is asked about a person's own order.
    """
    gallery = Gallery(door, visits, remembered, tastes)
    gr.HTML(
        "",
        html_template=asset("rank.html"),
        js_on_load=asset("rank.js"),
        server_functions=[
            page_function("begin", gallery.begin, at_once=4),
            page_function("score", gallery.score, at_once=6),
            page_function("order", gallery.order, at_once=2),
            page_function("people", gallery.people, at_once=4),
            page_function("preview", gallery.preview, at_once=6),
            page_function("explain", gallery.explain, at_once=4),
            page_function("verdict", gallery.verdict, at_once=4),
            page_function("save", gallery.save, at_once=2),
            page_function("sample", gallery.sample, at_once=4),
            *looks.page_functions(),
            *tastes.page_functions(),
        ],
        label="Rank",
        elem_id="rank",
        parts=page_parts("Ranked"),
        limits={
            "files": door.settings.max_files,
            "bytes": door.settings.max_image_bytes,
            "small": _SMALL_SIDE,
            "large": _LARGE_SIDE,
            "burst_s": BURST_S,
            "people": _PEOPLE_AT_ONCE,
            "seen": TASTES_AT_ONCE,
        },
    )


class Gallery:
    """What the page asks the server. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits, remembered: RememberedScores, tastes: Tastes) -> None:
        self._door, self._visits, self._remembered, self._tastes = door, visits, remembered, tastes
        # By upload, which never changes, the side at which it was measured, and whether faces were looked for; the
        # oldest goes first.
        self._looks: dict[tuple[Path, int | None, bool], ShotMeasure] = {}

    # --- scores and their order -----------------------------------------------------------------------

    def begin(self) -> Json:
        """Which model will score, and how many pixels the shorter side of a photo needs to keep for it."""
        model = self._door.scorer().model
        return {"model": _known(model), "short_side": math.ceil(_INPUTS_KEPT * min(model.spec.input_size))}

    def score(self, photo: object) -> Json:
        """The score of an upload. `missing` says that the upload is not there any more and has to be sent again."""
        (upload,) = checked_uploads([photo], 1)
        self._visits.uses([upload.location])
        scorer = self._door.scorer()
        found = self._found(scorer, [upload])[0]
        if isinstance(found, Candidate):
            return {"model": _known(scorer.model), "result": _result(found)}
        return {"missing": True} if not upload.location.is_file() else {"error": found.to_json()}

    def order(self, photos: object, burst_s: object, closer: object, people: object, taste: object) -> Json:
        """Put uploads in order. Photos go by their place in the list that was sent, so nothing but numbers moves.

        With `closer` those that share a scene are measured: which is sharper, better lit, and with `people` without
        closed eyes. With `taste` the order is that of the personal scores.

        Returns:
            Lists of the same length, best first, of the photos that have a score. The best of a group is the first
            that has its number. `missing` are those that have to be sent again.
        """
        uploads = checked_uploads(photos, self._door.settings.max_files)
        scorer = self._door.scorer()
        self._visits.uses(photo.location for photo in uploads)
        found, seconds = self._tastes.personal(taste, uploads, self._found(scorer, uploads)), _burst_s(burst_s)
        measures, seeks = None, people is True
        if closer is True:
            measures = self._measured(scorer, uploads, shot_sides(found, burst_s=seconds), people=seeks)
        ranking = rank(
            found,
            scorer.model,
            group_similar=True,
            burst_s=seconds,
            measures=measures,
            people=seeks and measures is not None,
        )
        placed = {photo.index for photo in ranking.results}
        return {
            "model": _known(scorer.model),
            "indexes": [photo.index for photo in ranking.results],
            "ranks": [photo.rank for photo in ranking.results],
            "groups": [photo.group for photo in ranking.results],
            "tiers": [photo.tier for photo in ranking.results],
            "gaps": [None if photo.gap is None else round(photo.gap, 4) for photo in ranking.results],
            "too_close": [photo.too_close for photo in ranking.results],
            "reasons": [photo.group_reason or "" for photo in ranking.results],
            "people": [_people(photo.people) for photo in ranking.results],
            "personal": self._tastes.shown(taste, ranking.results),
            "missing": [
                index for index, upload in enumerate(uploads) if index not in placed and not upload.location.is_file()
            ],
        }

    def people(self, sent: object) -> Json:
        """How many people are on uploads, and how many of them have their eyes closed.

        Args:
            sent: an object whose `photos` are the uploads.

        Returns:
            `people`, for each upload in the order sent; null where faces cannot be looked for. `missing` are those
            that have to be sent again.
        """
        uploads = checked_uploads(sent.get("photos") if isinstance(sent, dict) else None, _PEOPLE_AT_ONCE)
        self._visits.uses(photo.location for photo in uploads)
        sides: dict[int, int | None] = dict.fromkeys(range(len(uploads)))
        measures = self._measured(self._door.scorer(), uploads, sides, people=True)
        return {
            "people": [_people(people_seen(measures.get(index))) for index in sides],
            "missing": [index for index in sides if index not in measures and not uploads[index].location.is_file()],
        }

    def _found(self, scorer: Scorer, uploads: list[NamedPhoto]) -> list[Candidate | FailedPhoto]:
        """The photos with their scores, which are remembered; it ends when the visitor leaves."""
        gone = current_asker().gone
        found: list[Candidate | FailedPhoto] = []
        with contextlib.closing(scorer.candidates(uploads, cache=self._remembered.of(scorer.model))) as candidates:
            for candidate in candidates:
                found.append(candidate)
                if gone():
                    break
        return found

    def _measured(
        self, scorer: Scorer, uploads: list[NamedPhoto], sides: dict[int, int | None], *, people: bool
    ) -> Measures:
        """What tells the shots of a scene apart, remembered; it ends when the visitor leaves."""
        measures: Measures = {}
        for index, side in sides.items():
            known = self._looks.get((uploads[index].location, side, people))
            if known is not None:
                measures[index] = known
        wanted = {index: side for index, side in sides.items() if index not in measures}
        gone = current_asker().gone
        sources = Sources(uploads)
        for _ in sources:  # it knows those that it has handed on
            pass
        with contextlib.closing(look_again(sources, wanted, scorer, people=people)) as looked:
            for index, measure in looked:
                if measure is not None:
                    measures[index] = self._looks[uploads[index].location, wanted[index], people] = measure
                if gone():
                    break
        while len(self._looks) > _MOST_LOOKS:
            self._looks.pop(next(iter(self._looks)), None)
        return measures

    def sample(self) -> Json:
        """Photos to try the page with."""
        return {"photos": list(sample_photos())}

    # --- what is shown --------------------------------------------------------------------------------

    def preview(self, photo: object, side: object) -> Json:
        """A small picture of an upload that the browser cannot show; `image` is null where none can be made."""
        upload = checked_upload(str(photo), None)
        picture = self._door.readers.preview(
            upload,
            _LARGE_SIDE if side == _LARGE_SIDE else _SMALL_SIDE,
            self._door.scorer().limits,
            current_asker().gone,
        )
        return {"image": picture and data_address(picture)}

    def explain(self, model: object, result: object) -> Json:
        """The explanation of a score that the page has, as parts of HTML."""
        return explanation(sent_result(result), self._model(model)).to_json()

    def verdict(self, model: object, scores: object, stacked: object) -> Json:
        """Which of the photos that stand side by side, from left to right, is the best one, in one sentence."""
        known = self._model(model)
        if not isinstance(scores, list) or not 2 <= len(scores) <= _SIDE_BY_SIDE:
            raise refusal("Two to four photos can be compared. Pick others.")
        found = [float(score) for score in scores if isinstance(score, (int, float)) and math.isfinite(score)]
        if len(found) != len(scores):
            raise refusal("The scores did not arrive. Reload the page.")
        return {"verdict": words.verdict_of_places(found, known, stacked=stacked is True)}

    # --- what is saved --------------------------------------------------------------------------------

    def save(self, kind: object, results: object) -> Json:
        """A file with what the page knows about its photos: a table, or star ratings."""
        if str(kind) not in _DOWNLOADS:
            raise refusal("This cannot be saved. Reload the page.")
        photos, decisions = sent_results(results, self._door.settings.max_files)
        ranking = Ranking(model=self._door.scorer().model, results=photos, errors=[], noise=0, total=len(photos))
        kept = sum(decision == "keep" for decision in decisions.values())
        (what, suffix), write = _DOWNLOADS[str(kind)]
        path = download_folder(self._visits) / f"popscore {what} of {len(photos)}, {kept} kept{suffix}"
        write(ranking, path, decisions)
        return offered(path, "")

    def _model(self, sha256: object) -> ModelInfo:
        """The model, if it is still the one that the page shows scores of."""
        model = self._door.scorer().model
        if model.sha256 != sha256:
            raise OutOfDate
        return model


def _known(model: ModelInfo) -> Json:
    """What the page needs to know about a model."""
    return {"sha256": model.sha256, "noise": round(model.spec.likely_noise, 4)}


def _people(seen: PeopleSeen | None) -> Json | None:
    """What the page knows about the people on a photo; null where nobody looked."""
    if seen is None or seen.faces is None:
        return None
    said = words.people(seen.faces, seen.eyes_closed or 0)
    return {
        "faces": seen.faces,
        "eyes_closed": seen.eyes_closed,
        "face_sharpness": seen.face_sharpness and round(seen.face_sharpness, 3),
        "words": words.FACE_NOT_SHARP if seen.face_not_sharp and not seen.eyes_closed else said,
    }


_STAYS = ("file", "score", "percentile", "label", "color", "width", "height", "warning")


def _result(found: Candidate) -> Json:
    """What does not change any more, whatever other photos there are."""
    known = found.photo.to_json()
    return {**{key: known[key] for key in _STAYS}, "taken_s": found.taken_s}


def _burst_s(asked: object) -> float:
    """The time within which photos are looked at as one moment, in seconds: as the page asks, or the usual one."""
    if isinstance(asked, bool) or not isinstance(asked, (int, float)) or not 0 <= asked <= _MOST_BURST_S:
        return BURST_S
    return float(asked)
