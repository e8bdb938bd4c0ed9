"""What a visitor's own memory bank says about a photo, as the pages show it: a score, sentences, posts like it."""

from collections.abc import Callable, Coroutine
from typing import Any

from popscore import words
from popscore.models.spec import Json
from popscore.results import ScoredPhoto, scored_photo
from popscore.ui.kit.asked_photo import asked_photo
from popscore.ui.kit.banks import SHOWN_NEIGHBOURS, Banks, OpenBank
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import page_function
from popscore.ui.kit.seen_pictures import SeenPictures
from popscore.ui.kit.visits import Visits

_AT_ONCE = 4


def own_json(photo: ScoredPhoto, bank: OpenBank | None, *, choices: int = 0) -> Json | None:
    """What a page shows of a photo's personal score; None where it has none.

    Args:
        photo: with `percentile` and `label` of the personal score.
        bank: which taught it; None where choices on the page alone did.
        choices: made on the page.
    """
    personal = photo.personal
    if personal is None:
        return None
    posts, known = (0, 0) if bank is None else bank.counts
    choices = max(choices, known)
    lead, said = "By your taste", "Learned from what you chose."
    if posts and bank is not None:
        lead, said = "For people who follow you", words.liked_by_followers(personal.expected_ratio, personal.support)
        if bank.learnt.slope <= 0 and personal.support >= words.NOTHING:
            said = words.LIKES_UNKNOWN
    return {
        "score": round(personal.score, 4),
        "percentile": round(photo.percentile, 1),
        "label": photo.label,
        "lead": lead,
        "words": said,
        "trust": words.decided_by_bank(personal.support, posts, choices),
        "expected_ratio": round(personal.expected_ratio, 4),
        "support": round(personal.support, 4),
        "neighbours": [
            {"id": one.id, "words": words.local_score(one.local_score, alone=bank is not None and one.id in bank.alone)}
            for one in personal.neighbours[:SHOWN_NEIGHBOURS]
        ],
    }


class OwnScores:
    """What the Score tab asks. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits, banks: Banks, pictures: SeenPictures) -> None:
        self._door, self._visits, self._banks, self._pictures = door, visits, banks, pictures

    def page_function(self) -> Callable[[Any], Coroutine[Any, Any, Json]]:
        """The one question, for a part of a page."""
        return page_function("own_score", self.own_score, at_once=_AT_ONCE)

    def own_score(self, sent: object) -> Json:
        """What the bank says about a photo.

        Args:
            sent: an object with `photo` and `bank`.

        Returns:
            `own`, see `own_json`; or `missing`, where the upload is not there any more.
        """
        known = sent if isinstance(sent, dict) else {}
        photo = asked_photo(known.get("photo"), self._visits)
        if not photo.location.is_file():
            return {"missing": True}
        bank = self._banks.of(known.get("bank"))
        (seen,) = self._pictures.of([photo])
        if seen is None:
            raise refusal("The photo could not be looked at once more. Add it again.")
        spec = self._door.scorer().model.spec
        personal = bank.learnt.judge(seen)
        return {"own": own_json(scored_photo(photo.name, seen.score, (1, 1), spec, None, personal), bank)}
