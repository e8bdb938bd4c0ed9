"""What a worker can be asked about one photo, besides its score: see `popscore.insight`.

As in `tasks`, each gets a path and opens the file itself. What is answered is made of plain values and of bytes,
because the app makes nothing else from what a worker sends. Each imports its part of `popscore.insight` when it is
first asked: a worker that only scores needs none of them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from popscore.foreign_text import file_stem
from popscore.models.spec import Json
from popscore.photos import decode, previews
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.results import scored_photo
from popscore.settings import Settings
from popscore.workers import memory
from popscore.workers.tasks import Report, ScorerFile, bank_of, scorer_of

if TYPE_CHECKING:
    from popscore.insight.edits import Edit, EditName
    from popscore.people.selfie import SelfieScore

# What a person waits for; the worker is ended somewhat later.
SECONDS = 15.0

# Of the legend, in shares of the limit.
_SCALE = (-1.0, -0.5, 0.0, 0.5, 1.0)

Shares = tuple[float, float, float, float]
"""Left, top, right, bottom of a part of a photo, as shares of its sides."""


def explain(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str) -> Json:
    """Where the score comes from, in JSON, with the words and the colours for it."""
    from popscore.insight import map_picture, places
    from popscore.insight.maps import explain

    scorer = scorer_of(file, limits)
    spec = scorer.model.spec
    found = explain(NamedPhoto(path, name), scorer=scorer, seconds=SECONDS)
    raising, lowering = places.strongest(found)
    most = map_picture.limit(found, spec)
    return {
        **found.to_json(),
        "colors": map_picture.cell_colors(found, spec),
        "signs": map_picture.cell_signs(found, spec),
        "limit": most,
        "scale": ["#" + bytes(map_picture.color_of(share * most, most)).hex() for share in _SCALE],
        "words": [
            f"Raises the score: {places.listed(raising)}.",
            f"Lowers the score: {places.listed(lowering)}.",
        ],
        "notes": [
            f"{places.addition(found)}.",
            f"The map has {places.resolution(found)}. {places.honesty(found, spec)}",
        ],
    }


def draw_map(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, out: Path) -> Json:
    """Where the score comes from, in JSON, and drawn over the photo into a PNG file."""
    from popscore.insight.map_picture import save_map
    from popscore.insight.maps import explain

    scorer, photo = scorer_of(file, limits), NamedPhoto(path, name)
    found = explain(photo, scorer=scorer, seconds=SECONDS)
    save_map(photo, found, out, scorer=scorer)
    return found.to_json()


def facts(_: Report, _file: ScorerFile, limits: ImageLimits, path: Path, name: str) -> Json:
    """What the file says, and what is measured."""
    from popscore.insight.facts import facts

    return facts(NamedPhoto(path, name), limits=limits).to_json()


def faces(_: Report, _file: ScorerFile, limits: ImageLimits, path: Path, name: str) -> Json:
    """Every face, and what is seen of each, as every door answers."""
    from popscore.people.find import NETWORKS, find_faces

    return {"model": NETWORKS, "results": [find_faces(NamedPhoto(path, name), limits=limits).to_json()], "errors": []}


def selfie_seen(
    _: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, selfie_model: Path | None
) -> Json:
    """As `selfie`, with a few words for each face."""
    from popscore.people.seen import expression_seen, eyes_seen

    found = _selfie(file, limits, path, name, selfie_model)
    said = [f"{expression_seen(face)}, {eyes_seen(face)}" for face in found.faces]
    return {**found.to_json(), "said": said}


def selfie(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, selfie_model: Path | None) -> Json:
    """How popular as a selfie; by the selfie model in this file, or by the one in use."""
    found = _selfie(file, limits, path, name, selfie_model)
    return {**found.to_json(), "model": found.model.to_json()}


def _selfie(file: ScorerFile, limits: ImageLimits, path: Path, name: str, selfie_model: Path | None) -> "SelfieScore":
    from popscore.people.selfie import SelfieScorer

    scorer = scorer_of(file, limits)
    with memory.unlimited():  # the model comes from the owner of the app
        selfies = SelfieScorer(Settings(selfie_path=selfie_model), scorer=scorer)
    return selfies.score(NamedPhoto(path, name))


def card(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, out: Path) -> Json:
    """The result of a photo; its share card goes into a PNG file."""
    from popscore.insight.card import share_card

    made = share_card(NamedPhoto(path, name), scorer=scorer_of(file, limits))
    made.save(out)
    return made.photo.to_json()


def crops(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, bank: Path | None = None) -> Json:
    """The best crop for each shape, with boxes in shares; with the file of a memory bank, by the personal score."""
    from popscore.insight.crops import best_crops

    scorer = scorer_of(file, limits)
    found = best_crops(NamedPhoto(path, name), scorer=scorer, bank=bank_of(bank, scorer))
    size = found.results[0].width, found.results[0].height
    return {
        "crops": [
            {**crop.to_json(), "box": [edge / side for edge, side in zip(crop.box, size * 2, strict=True)]}
            for crop in found.results
        ],
        "width": size[0],
        "height": size[1],
        "score_before": found.results[0].score_before,
        "personal_score_before": found.results[0].personal_before,
        "noise": found.results[0].noise,
    }


def best_crops(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, aspects: list[str]) -> Json:
    """The best crop for each of these shapes, as every door answers."""
    from popscore.insight.crops import best_crops

    return best_crops(NamedPhoto(path, name), aspects=aspects, scorer=scorer_of(file, limits)).to_json()


def crop_score(
    _: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str, box: Shares, seen: bool = False
) -> Json:
    """The score of a part of a photo; with `seen` what the model sees in it too, see `personal.looking.from_plain`."""
    from popscore.personal.looking import look_at_picture

    scorer = scorer_of(file, limits)
    photo = decode.read_photo(NamedPhoto(path, name), at_least=scorer.at_least, limits=limits)
    part = _pixels(box, photo.pixels.size)
    found = scorer.predict(photo.pixels, box=part, embedding=seen)
    result = scored_photo(name, found.score, (photo.width, photo.height), scorer.model.spec).to_json()
    return {"result": result, "seen": look_at_picture(scorer, found, photo.pixels.crop(part)) if seen else None}


def save_crop(
    _: Report,
    _file: ScorerFile,
    limits: ImageLimits,
    path: Path,
    name: str,
    box: Shares,
    shape: str,
    keep_location: bool,
    folder: Path,
) -> Path:
    """Write a part of a photo in full size into a folder."""
    from popscore.insight.aspects import parse_aspect
    from popscore.insight.crop_files import crop_name
    from popscore.photos.rewriting import rewrite

    photo = NamedPhoto(path, name)
    return rewrite(
        photo,
        folder / crop_name(photo, parse_aspect(shape).text),  # nothing else gets into the name
        lambda pixels: pixels.crop(_pixels(box, pixels.size)),
        keep_location=keep_location,
        limits=limits,
    )


def what_if(_: Report, file: ScorerFile, limits: ImageLimits, path: Path, name: str) -> Json:
    """The edits that the model scores higher than its noise."""
    from popscore.insight.trials import what_if

    return what_if(NamedPhoto(path, name), scorer=scorer_of(file, limits), seconds=SECONDS).to_json()


def edited(
    _: Report, _file: ScorerFile, limits: ImageLimits, path: Path, name: str, edit: str, strength: float, side: int
) -> bytes:
    """A picture of a photo with an edit as a WebP file, `side` pixels at most."""
    from popscore.insight.edits import apply

    photo = decode.read_photo(NamedPhoto(path, name), at_least=(side, side), limits=limits)
    return previews.as_webp(apply(previews.fitted(photo.pixels, side), _edit(edit, strength)))


def save_edit(
    _: Report,
    _file: ScorerFile,
    limits: ImageLimits,
    path: Path,
    name: str,
    edit: str,
    strength: float,
    keep_location: bool,
    folder: Path,
) -> Path:
    """Write a photo with an edit in full size into a folder."""
    from popscore.insight.edits import save_edit
    from popscore.photos.rewriting import fitting_suffix

    photo = NamedPhoto(path, name)
    out = folder / f"{file_stem(name)}_{edit}{fitting_suffix(photo)}"
    return save_edit(photo, _edit(edit, strength), out, keep_location=keep_location, limits=limits)


def _edit(name: str, strength: float) -> "Edit":
    from popscore.insight.edits import Edit

    return Edit(name=cast("EditName", name), strength=strength)


def _pixels(box: Shares, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part in whole pixels, of which it has one at least."""
    left, top, right, bottom = (round(share * side) for share, side in zip(box, size * 2, strict=True))
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)
