"""A person's own order of a gallery: by choices between two of the photos, and by a memory bank that was brought along.

The server keeps nothing of it but what it has seen in uploads, which goes when they go. Choices and the bank's file
stay with the page, which sends them along.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from popscore import words
from popscore.cpus import usable_cpus
from popscore.errors import BankRefused, PopscoreError
from popscore.files.atomic import replacing
from popscore.models.spec import Json
from popscore.personal.bank import MemoryBank
from popscore.personal.choices import WANTED, Album, Pair, next_pair, trust
from popscore.personal.looking import Seen, from_plain, look_at_picture
from popscore.photos.sources import NamedPhoto
from popscore.results import FailedPhoto, PersonalScore, scored_photo
from popscore.scoring.scorer import Candidate
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.downloads import download_folder, offered
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import page_function
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.uploads import checked_upload, checked_uploads
from popscore.ui.kit.visits import Visits
from popscore.workers.readers import IsolatedScorer

AT_ONCE = 4
"""Photos that are looked at in one answer."""
_MOST_CHOICES = 400
_MOST_PICTURES, _MOST_BANKS = 4000, 4  # of some 12 kB and 60 MB
_BANK_NAME = "popscore taste.bank"


class Tastes:
    """What the Rank tab asks about a person's taste. Everything that it sends comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits) -> None:
        self._door, self._visits = door, visits
        self._pictures: OrderedDict[tuple[Path, str], Seen] = OrderedDict()
        self._banks: OrderedDict[tuple[Path, str], MemoryBank] = OrderedDict()

    def page_functions(self) -> list[Callable[[Any], Coroutine[Any, Any, Json]]]:
        """All of them, for a part of a page."""
        return [
            page_function(name, getattr(self, name), at_once=AT_ONCE)
            for name in ("seen", "choose", "save_taste", "take_bank", "neighbours")
        ]

    # --- questions of the page ------------------------------------------------------------------------

    def seen(self, sent: object) -> Json:
        """Look at some photos, so that they can be chosen from. `missing` are those that have to be sent again."""
        uploads = checked_uploads(_of(sent, "photos"), AT_ONCE)
        found = self.pictures(uploads)
        return {"missing": [place for place, one in enumerate(found) if one is None and not _there(uploads[place])]}

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

    def take_bank(self, sent: object) -> Json:
        """What is in a bank that was brought along."""
        upload = checked_upload(str(_of(sent, "id")), str(_of(sent, "name")))
        if not _there(upload):
            return {"missing": [0]}
        bank = self._opened(upload.location)
        learnt = bank.learnt
        posts, choices = len(learnt.ids), len(bank.stored.choices)
        if not posts and not choices:
            raise BankRefused(
                "The bank has no post with likes and no choice, so nothing can be learned from it. "
                "Add posts: popscore bank add POSTS --images DIR --bank FILE"
            )
        parts = [f"{posts} {'post' if posts == 1 else 'posts'}"] if posts else []
        parts += [f"{choices} {'choice' if choices == 1 else 'choices'}"] if choices else []
        return {"words": " and ".join(parts), "posts": posts}

    def neighbours(self, sent: object) -> Json:
        """Small pictures of posts of the bank; null where it has none."""
        ids = _of(sent, "ids")
        if not isinstance(ids, list) or len(ids) > 2 * AT_ONCE or not all(isinstance(one, str) for one in ids):
            raise refusal("The posts did not arrive as they should. Reload the page.")
        upload = checked_upload(str(_of(sent, "bank")), "the bank")
        if not _there(upload):
            return {"missing": [0]}
        bank = self._opened(upload.location)
        previews = [bank.preview(one) for one in ids]
        return {"pictures": [None if one is None else data_address(one) for one in previews]}

    # --- for the order --------------------------------------------------------------------------------

    def personal(
        self, taste: object, uploads: list[NamedPhoto], found: Sequence[Candidate | FailedPhoto]
    ) -> list[Candidate | FailedPhoto]:
        """The photos with the scores of this person, where the page sends a taste along.

        Photos that cannot be looked at once more keep the general score.
        """
        if not isinstance(taste, dict):
            return list(found)
        pictures = self.pictures(uploads)
        choices, bank = taste.get("choices"), taste.get("bank")
        if not choices and not bank:
            return list(found)
        learnt = self._bank(bank, pictures, choices).learnt
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

    def pictures(self, uploads: Sequence[NamedPhoto]) -> list[Seen | None]:
        """What the model sees in uploads, remembered; None where one cannot be looked at."""
        scorer = self._door.scorer()
        self._visits.uses(upload.location for upload in uploads)
        gone = current_asker().gone

        def look(upload: NamedPhoto) -> Seen | None:
            key = upload.location, scorer.model.sha256
            known = self._pictures.get(key)
            if known is None and not gone() and _there(upload):
                known = self._look(scorer, upload)
                if known is not None:
                    self._pictures[key] = known
            return known

        with ThreadPoolExecutor(usable_cpus(), thread_name_prefix="popscore-taste") as pool:
            found = list(pool.map(look, uploads))
        while len(self._pictures) > _MOST_PICTURES:
            self._pictures.popitem(last=False)
        return found

    def _look(self, scorer: IsolatedScorer, upload: NamedPhoto) -> Seen | None:
        try:
            _, plain = scorer.content_with(upload, look_at_picture)
            return from_plain(plain, None)
        except BankRefused:  # the model has no embedding
            raise
        except PopscoreError:
            return None

    def _sent_pictures(self, sent: object) -> tuple[list[NamedPhoto], list[Seen | None], list[int]]:
        uploads = checked_uploads(_of(sent, "photos"), self._door.settings.max_files)
        pictures = self.pictures(uploads)
        missing = [place for place, one in enumerate(pictures) if one is None and not _there(uploads[place])]
        return uploads, pictures, missing

    def _album(self, sent: object, pictures: Sequence[Seen]) -> Album:
        """The photos with the scores that a bank, if there is one, gives them already."""
        embeddings = np.array([picture.embedding for picture in pictures], np.float32)
        general = np.array([picture.score for picture in pictures], np.float64)
        bank = _of(sent, "bank")
        if bank:
            learnt = self._bank(bank, [], None).learnt
            general = np.array([learnt.judge(picture).score for picture in pictures], np.float64)
        return Album(embeddings=embeddings, scores=general, model=self._door.scorer().model)

    def _bank(self, bank: object, pictures: Sequence[Seen | None], choices: object) -> MemoryBank:
        """The bank that was brought along, or an empty one, which also knows these choices between pictures."""
        if bank:
            known = self._opened(checked_upload(str(bank), "the bank").location)
        else:
            known = MemoryBank.empty(scorer=self._door.scorer())
        there = [place for place, picture in enumerate(pictures) if picture is not None]
        number = {place: index for index, place in enumerate(there)}
        pairs = [(number[a], number[b]) for a, b in _pairs(choices, len(pictures)) if {a, b} <= number.keys()]
        if not pairs:
            return known
        used = sorted({place for pair in pairs for place in pair})
        at = {place: index for index, place in enumerate(used)}
        seen = [picture for picture in pictures if picture is not None]
        return known.with_choices([seen[place] for place in used], [(at[a], at[b]) for a, b in pairs])

    def _opened(self, location: Path) -> MemoryBank:
        self._visits.uses([location])
        scorer = self._door.scorer()
        key = location, scorer.model.sha256
        known = self._banks.get(key)
        if known is None:
            known = self._banks[key] = MemoryBank.open(location, scorer=scorer)
            while len(self._banks) > _MOST_BANKS:
                self._banks.popitem(last=False)
        return known


def personal_json(personal: PersonalScore | None, percentile: float, label: str, *, posts: bool) -> Json | None:
    """What the page shows of a personal score.

    Args:
        percentile, label: of the personal score.
        posts: a bank with posts has taught it, not choices alone.
    """
    if personal is None:
        return None
    said = f"By your taste {personal.score:.2f}."
    if posts:
        said = words.liked_by_followers(personal.expected_ratio, personal.support)
    return {
        "score": round(personal.score, 4),
        "percentile": round(percentile, 1),
        "label": label,
        "words": said,
        "expected_ratio": round(personal.expected_ratio, 4),
        "support": round(personal.support, 4),
        "neighbours": [one.id for one in personal.neighbours],
    }


def _of(sent: object, name: str) -> object:
    return sent.get(name) if isinstance(sent, dict) else None


def _there(upload: NamedPhoto) -> bool:
    return upload.location.is_file()


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
