"""Results that a page kept and sends back, to have them explained or written down. They come from outside.

The page keeps what it was told: so a session of yesterday has its table and its star ratings, although the server
has deleted the photos long ago. What is sent can make nothing but the sender's own file wrong.
"""

import math
from typing import Any

from popscore import scale
from popscore.gallery.export import Decision, Decisions
from popscore.models.spec import Json
from popscore.results import FAULTS, PeopleSeen, PersonalScore, RankedPhoto
from popscore.ui.kit.messages import refusal

_MOST_LETTERS = 4096
_MOST = 1e9
_COLORS = {band.label: band.color for band in scale.BANDS}


def sent_results(sent: object, most: int) -> tuple[list[RankedPhoto], Decisions]:
    """The results in a list of objects as the page has them, and what was decided about each, by its `index`.

    Args:
        sent: the keys of the JSON result, and `decision`.
        most: how many are allowed.

    Raises:
        gr.Error: it is no such list, or it is too long.
    """
    if not isinstance(sent, list) or not sent or len(sent) > most:
        raise _refused()
    results = [sent_result(item, index) for index, item in enumerate(sent)]
    decisions: dict[int, Decision] = {}
    for index, item in enumerate(sent):
        decision = item.get("decision")
        if decision == "keep":
            decisions[index] = "keep"
        elif decision == "reject":
            decisions[index] = "reject"
        elif decision is not None:
            raise _refused()
    return results, decisions


def sent_result(sent: object, index: int = 0) -> RankedPhoto:
    """One result that a page sent. Errors as `sent_results`."""
    if not isinstance(sent, dict):
        raise _refused()
    label = sent.get("label")
    file = sent.get("file")
    warning = sent.get("warning")
    best = sent.get("group_best")
    named = isinstance(file, str) and 0 < len(file) <= _MOST_LETTERS
    if not named or not isinstance(label, str) or label not in _COLORS:
        raise _refused()
    if warning is not None and warning not in FAULTS:
        raise _refused()
    gap = sent.get("gap")
    return RankedPhoto(
        file=str(file),
        score=_number(sent, "score"),
        percentile=_number(sent, "percentile"),
        label=label,
        color=_COLORS[label],
        width=_whole(sent, "width"),
        height=_whole(sent, "height"),
        warning=warning,
        rank=_whole(sent, "rank"),
        index=index,
        gap=None if gap is None else _number(sent, "gap"),
        too_close=sent.get("too_close") is True,
        tier=_whole(sent, "tier"),
        group=_whole(sent, "group"),
        group_best=best is True,
        people=_people(sent) if "faces" in sent else None,
        personal=_personal(sent) if "personal_score" in sent else None,
    )


def _number(sent: Json, key: str) -> float:
    value: Any = sent.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused()
    if not math.isfinite(value) or abs(value) > _MOST:
        raise _refused()
    return float(value)


def _whole(sent: Json, key: str, *, least: int = 1) -> int:
    value = _number(sent, key)
    if value != int(value) or value < least:
        raise _refused()
    return int(value)


def _personal(sent: Json) -> PersonalScore:
    return PersonalScore(
        score=_number(sent, "personal_score"),
        expected_ratio=_number(sent, "expected_ratio"),
        support=_number(sent, "support"),
    )


def _people(sent: Json) -> PeopleSeen:
    sharpness = sent.get("face_sharpness")
    return PeopleSeen(
        faces=_faces(sent, "faces"),
        eyes_closed=_faces(sent, "eyes_closed"),
        face_sharpness=None if sharpness is None else _number(sent, "face_sharpness"),
    )


def _faces(sent: Json, key: str) -> int | None:
    """A number of faces; None where nobody looked for any."""
    return None if sent.get(key) is None else _whole(sent, key, least=0)


def _refused() -> Exception:
    return refusal("The results did not arrive as they should. Reload the page.")
