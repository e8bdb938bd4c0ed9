"""A person's own order of a gallery: by choices between two of the photos, and by the memory bank of the page.

The server keeps nothing of it but what it has seen in uploads, which goes when they go. Choices stay with the page,
which sends them along.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from popscore.files.atomic import replacing
from popscore.models.spec import Json
from popscore.personal.bank import MemoryBank
from popscore.personal.choices import WANTED, Album, Pair, next_pair, trust
from popscore.personal.learning import Learnt
from popscore.personal.looking import Seen
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, RankedPhoto, scored_photo
from popscore.scoring.scorer import Candidate
from popscore.ui.kit.banks import Banks
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.own_scores import own_json
from popscore.ui.kit.page_functions import page_function
from popscore.ui.kit.seen_pictures import SeenPictures
from popscore.ui.kit.uploads import checked_uploads
from popscore.ui.kit.visits import Visits

AT_ONCE = 4
"""Photos that are looked at in one answer."""
_MOST_CHOICES = 400
_BANK_NAME = "popscore taste.bank"


class Tastes:
    """What the Rank tab asks about a person's taste. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits, banks: Banks, pictures: SeenPictures) -> None:
        self._door, self._visits, self._banks, self._pictures = door, visits, banks, pictures

    def page_functions(self) -> list[Callable[[Any], Coroutine[Any, Any, Json]]]:
        """All of them, for a part of a page."""
        return [page_function(name, getattr(self, name), at_once=AT_ONCE) for name in ("seen", "choose", "save_taste")]

    # --- questions of the page ------------------------------------------------------------------------

    def seen(self, sent: object) -> Json:
        """Look at some photos, so that they can be chosen from. `missing` are those that have to be sent again."""
        uploads = checked_uploads(_of(sent, "photos"), AT_ONCE)
        return {"missing": _missing(uploads, self._pictures.of(uploads))}

    def choose(self, sent: object) -> Json:
        """Which two photos to ask about next, and how far the choices can be trusted."""
        uploads, pictures, missing = self._sent_pictures(sent)
        if missing:
            return {"missing": missing}
        places = [place for place, picture in enumerate(pictures) if picture is not None]
        number = {place: index for index, place in enumerate(places)}
        album = self._album(sent, [picture for picture in pictures if picture is not None])
        choices, skipped = (
            [(number[a], number[b]) for a, b in _pairs(_of(sent, name), len(uploads)) if {a, b} <= number.keys()]
            for name in ("choices", "skipped")
        )
        found = next_pair(album, choices, skipped)
        return {
            "missing": [],
            "pair": None if found is None else [places[place] for place in found],
            "words": trust(album, choices).sentence if choices else "",
            "wanted": WANTED,
        }

    def save_taste(self, sent: object) -> Json:
        """What was learnt, with the bank that was brought along, as a bank's file."""
        _, pictures, missing = self._sent_pictures(sent)
        if missing:
            return {"missing": missing}
        content = self._bank(_of(sent, "bank"), pictures, _of(sent, "choices")).to_bytes()
        path = download_folder(self._visits) / _BANK_NAME
        with replacing(path) as file:
            file.write(content)
        return {"missing": [], **offered(path)}

    # --- for the order --------------------------------------------------------------------------------

    def personal(
        self, taste: object, uploads: list[NamedPhoto], found: Sequence[Candidate | FailedPhoto]
    ) -> list[Candidate | FailedPhoto]:
        """The photos with the scores of this person, where the page sends a taste along.

        Photos that cannot be looked at once more keep the general score.
        """
        if not isinstance(taste, dict):
            return list(found)
        choices, bank = taste.get("choices"), taste.get("bank")
        if not choices and not bank:
            return list(found)
        pictures = self._pictures.of(uploads)
        learnt = self._learnt(bank, pictures, choices)
        spec = self._door.scorer().model.spec
        made: list[Candidate | FailedPhoto] = []
        for one, picture in zip(found, pictures, strict=False):
            if isinstance(one, Candidate) and picture is not None:
                known = one.photo
                size = known.width, known.height
                personal = learnt.judge(replace(picture, score=known.score))
                photo = scored_photo(known.file, known.score, size, spec, known.warning, personal)
                one = replace(one, photo=photo)
            made.append(one)
        return [*made, *found[len(made) :]]

    def shown(self, taste: object, photos: Sequence[RankedPhoto]) -> list[Json | None]:
        """What the page shows of the personal scores, photo by photo."""
        sent, choices = _of(taste, "bank"), _of(taste, "choices")
        bank = self._banks.of(sent) if sent else None
        made = len(choices) if isinstance(choices, list) else 0
        return [own_json(photo, bank, choices=made) for photo in photos]

    def _sent_pictures(self, sent: object) -> tuple[list[NamedPhoto], list[Seen | None], list[int]]:
        uploads = checked_uploads(_of(sent, "photos"), self._door.settings.max_files)
        pictures = self._pictures.of(uploads)
        return uploads, pictures, _missing(uploads, pictures)

    def _album(self, sent: object, pictures: Sequence[Seen]) -> Album:
        """The photos with the scores that a bank, if there is one, gives them already."""
        embeddings = np.array([picture.embedding for picture in pictures], np.float32)
        general = np.array([picture.score for picture in pictures], np.float64)
        bank = _of(sent, "bank")
        if bank:
            learnt = self._banks.of(bank).learnt
            general = np.array([learnt.judge(picture).score for picture in pictures], np.float64)
        return Album(embeddings=embeddings, scores=general, model=self._door.scorer().model)

    def _bank(self, bank: object, pictures: Sequence[Seen | None], choices: object) -> MemoryBank:
        """The bank that was brought along, or an empty one, which also knows these choices between pictures."""
        known = self._banks.of(bank).bank if bank else MemoryBank.empty(scorer=self._door.scorer())
        there = [place for place, picture in enumerate(pictures) if picture is not None]
        number = {place: index for index, place in enumerate(there)}
        pairs = [(number[a], number[b]) for a, b in _pairs(choices, len(pictures)) if {a, b} <= number.keys()]
        if not pairs:
            return known
        used = sorted({place for pair in pairs for place in pair})
        at = {place: index for index, place in enumerate(used)}
        seen = [picture for picture in pictures if picture is not None]
        return known.with_choices([seen[place] for place in used], [(at[a], at[b]) for a, b in pairs])

    def _learnt(self, bank: object, pictures: Sequence[Seen | None], choices: object) -> Learnt:
        return self._bank(bank, pictures, choices).learnt


def _of(sent: object, name: str) -> object:
    return sent.get(name) if isinstance(sent, dict) else None


def _missing(uploads: Sequence[NamedPhoto], pictures: Sequence[Seen | None]) -> list[int]:
    """Places of the uploads that are not there any more, and have to be sent again."""
    return [place for place, one in enumerate(pictures) if one is None and not uploads[place].location.is_file()]


def _pairs(sent: object, count: int) -> list[Pair]:
    """Pairs of different photos, by their place among those sent."""
    if sent is None:
        return []
    if not isinstance(sent, list) or len(sent) > _MOST_CHOICES:
        raise refusal("The choices did not arrive as they should. Reload the page.")
    found: list[Pair] = []
    for pair in sent:
        whole = isinstance(pair, list) and len(pair) == 2 and all(type(place) is int for place in pair)
        if not whole or not all(0 <= place < count for place in pair) or pair[0] == pair[1]:
            raise refusal("The choices did not arrive as they should. Reload the page.")
        found.append((pair[0], pair[1]))
    return found
