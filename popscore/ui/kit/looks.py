"""A closer look at one photo, as the pages ask for it: why, crops, edits, facts, a card, another photo beside it.

The pages send where an upload lies, and shares of its sides: 0 to 1, so that they hold for a small copy and for the
original alike. Everything that they send is checked here.
"""

import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from popscore import scale, words
from popscore.gallery.comparison import compare_images
from popscore.models.loader import load_selfie_model
from popscore.models.spec import Json
from popscore.personal.looking import from_plain
from popscore.photos.sources import NamedPhoto
from popscore.results import ScoredPhoto, scored_photo
from popscore.ui.kit.asked_photo import asked_photo
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.banks import Banks
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import page_function, page_value
from popscore.ui.kit.previews import data_address, preview_if_needed
from popscore.ui.kit.visits import Visits
from popscore.workers import looks

_SIDE = 1200  # of the edited picture that is shown, in pixels
_AT_ONCE = 3
_MOST_FACES = 6  # whose expressions are shown
CARD_NAME = "popscore card.png"
_CARD_NOTE = "The card holds the photo and its score, and nothing of what the file says: no name, no place, no time."
_FACTS_NOTE = "Measured, not judged: none of these made the score."
_CROP_NOTE = (
    "Where a crop lies was learned from how photographers frame, not from the score: the score of a crop says little "
    "about it. A wider crop mostly looks better to people than a narrow one."
)


def photo_value(photo: ScoredPhoto, upload_id: str) -> str:
    """The value that tells a page which photo it may look at.

    Args:
        photo: with its score.
        upload_id: where the upload lies, or `example_id`.
    """
    known = photo.to_json()
    return page_value(
        {
            "key": f"{upload_id} {known['score']}",
            "id": upload_id,
            "name": Path(photo.file).name,
            "width": photo.width,
            "height": photo.height,
            "result": known,
        }
    )


class Looks:
    """What the pages ask the server about one photo. `missing` says that the upload is not there any more."""

    def __init__(self, door: ModelDoor, visits: Visits, banks: Banks) -> None:
        self._door, self._visits, self._banks = door, visits, banks

    def page_functions(self) -> list[Callable[[Any], Coroutine[Any, Any, Json]]]:
        """All of them, for a part of a page."""
        return [
            page_function(name, getattr(self, name), at_once=_AT_ONCE)
            for name in (
                *("why", "crops", "crop_score", "what_if", "edited", "facts", "card", "compare"),
                *("save_crop", "save_edit"),
            )
        ]

    def selfie_function(self) -> Callable[[Any], Coroutine[Any, Any, Json]]:
        """What is said about a photo as a selfie, for a part of a page."""
        return page_function("selfie", self.selfie, at_once=_AT_ONCE)

    # --- what is looked at ----------------------------------------------------------------------------

    def why(self, photo: object) -> Json:
        """Where the score comes from: the map with its colours, and words."""
        return self._told(photo, looks.explain)

    def crops(self, photo: object) -> Json:
        """The best crop for each shape; with the `bank` of a page the gains are those of the personal score."""
        return {"note": _CROP_NOTE, **self._told(photo, looks.crops, self._bank(photo))}

    def crop_score(self, photo: object, box: object) -> Json:
        """The score of a crop that a person moves by hand, and with a `bank` the personal one."""
        bank = self._banks.of(photo["bank"]) if isinstance(photo, dict) and photo.get("bank") else None
        found = self._told(photo, looks.crop_score, _shares(box), bank is not None)
        if "missing" in found:
            return found
        result = found["result"]
        if bank is not None:
            personal = bank.learnt.judge(from_plain(found["seen"], bank.learnt.dimensions))
            size, spec = (result["width"], result["height"]), self._door.scorer().model.spec
            result = scored_photo(result["file"], result["score"], size, spec, None, personal).to_json()
        return {"result": result}

    def what_if(self, photo: object) -> Json:
        """The edits that gain more than the noise."""
        found = self._told(photo, looks.what_if)
        return found if "missing" in found else {**found, **_tried(found)}

    def edited(self, photo: object, edit: object, strength: object) -> Json:
        """A picture of an edit."""
        picture = self._of(photo, looks.edited, str(edit), _number(strength), _SIDE)
        return picture if isinstance(picture, dict) else {"image": data_address(picture)}

    def facts(self, photo: object) -> Json:
        """What the file says and what can be measured."""
        found = self._told(photo, looks.facts)
        if "missing" in found:
            return found
        return {"rows": [[row["name"], row["words"]] for row in found["rows"]], "note": _FACTS_NOTE}

    def card(self, photo: object) -> Json:
        """The card to share, as a file, and its words."""
        path = download_folder(self._visits) / CARD_NAME
        found = self._told(photo, looks.card, path)
        if "missing" in found:
            return found
        model = self._door.scorer().model
        place = words.place(found["percentile"], model)
        said = f"{found['score']:.2f}, {found['label']}: {place} ({words.answered_by(model)}; popscore)"
        return {"file": str(path), "name": path.name, "words": said, "note": _CARD_NOTE}

    def compare(self, photo: object, other: object) -> Json:
        """Two photos against each other, each with its map."""
        first, second = self._photo(photo), self._photo(other)
        for one in (first, second):
            if not one.location.is_file():
                return {"missing": True}
        answer = compare_images(first, second, scorer=self._door.scorer())
        if answer.errors:
            raise answer.errors[0].error
        chance = answer.win_probability
        verdict = "One of the two has a warning, so its score means nothing."
        if chance is not None:
            verdict = words.beats("the first photo", "the other one", chance, too_close=answer.too_close)
        shown = preview_if_needed(second, _SIDE, self._door.scorer(), self._door.readers, self._visits)
        return {
            "words": verdict[0].upper() + verdict[1:],
            "results": [result.to_json() for result in answer.results],
            "maps": [self._look(looks.explain, one) for one in (first, second)],
            "picture": shown,
        }

    def selfie(self, photo: object) -> Json:
        """How popular as a selfie, and each face; only whether it is one where no face fills much of it."""
        model = load_selfie_model(self._door.settings)
        found = self._told(photo, looks.selfie_seen, model and model.location)
        if "missing" in found or not found["is_selfie"]:
            return {"is_selfie": False}
        faces, size = found["faces"], (found["width"], found["height"])
        shown = [
            {
                "box": [edge / side for edge, side in zip(face["box"], size * 2, strict=True)],
                "expressions": [[name, value] for name, value in face["expressions"].items()],
                "words": said[0].upper() + said[1:],
            }
            for face, said in zip(faces[:_MOST_FACES], found["said"], strict=False)
        ]
        more = len(faces) - len(shown)
        return {
            **{key: found[key] for key in ("is_selfie", "probability", "seen", "meaning", "note")},
            "name": "Popular" if found["probability_from"] == "selfie_model" else "Ahead of",
            "faces": shown,
            "more": f"And {words.people(more, 0)} more." if more else "",
        }

    # --- what is saved --------------------------------------------------------------------------------

    def save_crop(self, photo: object, box: object, shape: object, keep_location: object) -> Json:
        """A crop in full size, as a file."""
        return self._saved(photo, looks.save_crop, _shares(box), str(shape), keep_location is True)

    def save_edit(self, photo: object, edit: object, strength: object, keep_location: object) -> Json:
        """An edited photo in full size, as a file."""
        return self._saved(photo, looks.save_edit, str(edit), _number(strength), keep_location is True)

    def _saved(self, photo: object, task: Callable[..., Any], *arguments: object) -> Json:
        found = self._of(photo, task, *arguments, download_folder(self._visits))
        return found if isinstance(found, dict) else offered(found)

    # --- the photo ------------------------------------------------------------------------------------

    def _told(self, photo: object, task: Callable[..., Any], *arguments: object) -> Json:
        found: Json = self._of(photo, task, *arguments)
        return found

    def _of(self, photo: object, task: Callable[..., Any], *arguments: object) -> Any:
        known = self._photo(photo)
        if not known.location.is_file():
            return {"missing": True}
        return self._look(task, known, *arguments)

    def _look(self, task: Callable[..., Any], photo: NamedPhoto, *arguments: object) -> Any:
        scorer = self._door.scorer()
        return self._door.readers.look(scorer, task, photo, *arguments, cancelled=current_asker().gone)

    def _photo(self, sent: object) -> NamedPhoto:
        return asked_photo(sent, self._visits)

    def _bank(self, sent: object) -> Path | None:
        """Where the memory bank lies that the page asks with, if it does."""
        bank = sent.get("bank") if isinstance(sent, dict) else None
        return self._banks.upload(bank).location if bank else None


def _tried(found: Json) -> Json:
    """The edits that gain, with the words and bands that a page shows beside them."""
    count, noise = len(found["trials"]), found["noise"]
    lead = found["sentence"]
    if found["results"]:
        lead = f"{len(found['results'])} of {count} edits gain more than the model's noise of {noise:.2f}."
    late = [] if found["complete"] or not found["results"] else ["There was no time to try all edits."]
    better = [{**trial, "label": scale.band(trial["score"]).label} for trial in found["results"]]
    return {"words": lead, "better": better, "notes": [*late, found["note"]]}


def _number(sent: object) -> float:
    if isinstance(sent, bool) or not isinstance(sent, (int, float)) or not math.isfinite(sent):
        raise refusal("This did not arrive as it should. Reload the page.")
    return float(sent)


def _shares(sent: object) -> tuple[float, ...]:
    """Left, top, right, bottom of a part of a photo, as shares of its sides."""
    if not isinstance(sent, list) or len(sent) != 4:
        raise refusal("The crop did not arrive as it should. Reload the page.")
    left, top, right, bottom = (min(1.0, max(0.0, _number(value))) for value in sent)
    if left >= right or top >= bottom:
        raise refusal("The crop did not arrive as it should. Reload the page.")
    return left, top, right, bottom
