"""The memory bank that a visitor brought along: one for the whole page, which keeps its file and sends it.

The server opens the upload and remembers what is learnt from it as long as the upload is there: until the visit ends,
or the file is old. Who it belongs to is known to nobody but the page that sent it: an upload lies under the hash of
its content.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from popscore import words
from popscore.errors import BankRefused
from popscore.files.opening import head_of
from popscore.models.spec import Json
from popscore.personal.bank import MemoryBank
from popscore.personal.learning import Learnt
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.messages import refusal
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.page_functions import page_function
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.uploads import checked_upload
from popscore.ui.kit.visits import Visits

MOST_BYTES = 100_000_000
"""Of a bank's file in the app; 5,000 posts with small pictures have 65 MB. Opened it takes about twice as much."""
SHOWN_NEIGHBOURS = 3
_MOST_OPEN, _MOST_OPEN_BYTES = 16, 200_000_000
_MOST_IDS = 16
_AT_ONCE = 4


@dataclass(frozen=True)
class OpenBank:
    """A bank that was opened.

    Attributes:
        bank: as a whole.
        size_bytes: of its file.
    """

    bank: MemoryBank
    size_bytes: int

    @property
    def learnt(self) -> Learnt:
        """What its posts and choices teach; found out once."""
        return self.bank.learnt

    @cached_property
    def counts(self) -> tuple[int, int]:
        """Posts with likes, and choices."""
        return len(self.learnt.ids), self.bank.choice_count

    @cached_property
    def alone(self) -> frozenset[str]:
        """Ids of the posts that have no other within a month, so that nobody knows how they did."""
        learnt = self.learnt
        return frozenset(one for one, others in zip(learnt.ids, learnt.local.others, strict=True) if others == 0)


class Banks:
    """The banks of all visitors. Threads may share it. What asks for one comes from outside, and is checked."""

    def __init__(self, door: ModelDoor, visits: Visits) -> None:
        self._door, self._visits = door, visits
        self._open: OrderedDict[tuple[Path, str], OpenBank] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()  # one at a time: it is then that memory is needed
        visits.when_files_went(self._forget_gone)

    def page_functions(self) -> list[Callable[[Any], Coroutine[Any, Any, Json]]]:
        """All that the page asks of them, for a part of a page."""
        return [page_function(name, getattr(self, name), at_once=_AT_ONCE) for name in ("take_bank", "neighbours")]

    # --- questions of the page ------------------------------------------------------------------------

    def take_bank(self, sent: object) -> Json:
        """What is in a bank that was brought along. `missing` says that the upload is not there any more."""
        known = sent if isinstance(sent, dict) else {}
        upload = _checked(known.get("id"), known.get("name"))
        if not upload.location.is_file():
            return {"missing": True}
        posts, choices = self._opened(upload).counts
        if not posts and not choices:
            raise BankRefused(
                "The bank has no post with likes and no choice, so nothing can be learned from it. "
                "Add posts: popscore bank add POSTS --images DIR --bank FILE"
            )
        return {"words": words.counted_history(posts, choices), "posts": posts, "choices": choices}

    def neighbours(self, sent: object) -> Json:
        """Small pictures of posts of the bank; null where it has none."""
        ids = sent.get("ids") if isinstance(sent, dict) else None
        if not isinstance(ids, list) or len(ids) > _MOST_IDS or not all(isinstance(one, str) for one in ids):
            raise refusal("The posts did not arrive as they should. Reload the page.")
        bank = self.of(sent.get("bank") if isinstance(sent, dict) else None).bank
        previews = [bank.preview(one) for one in ids]
        return {"pictures": [None if one is None else data_address(one) for one in previews]}

    # --- for the tabs -----------------------------------------------------------------------------------

    def of(self, sent: object) -> OpenBank:
        """The bank that lies where a page says.

        Raises:
            BankRefused: it cannot be used.
            gr.Error: it is not there, or no upload.
        """
        return self._opened(self.upload(sent))

    def upload(self, sent: object) -> NamedPhoto:
        """Where the bank lies, checked: for a worker, which opens it itself. Raises gr.Error as `of`."""
        upload = _checked(sent, "the bank")
        if not upload.location.is_file():
            raise refusal("The memory bank is not on the server any more. Try again.")
        self._visits.uses([upload.location])
        return upload

    def _opened(self, upload: NamedPhoto) -> OpenBank:
        self._visits.uses([upload.location])
        scorer = self._door.scorer()
        key = upload.location, scorer.model.sha256
        with self._opening:
            with self._lock:
                known = self._open.get(key)
                if known is not None:
                    self._open.move_to_end(key)
                    return known
            size_bytes = _checked_size(upload)
            known = OpenBank(MemoryBank.open(upload.location, scorer=scorer), size_bytes)
            _ = known.counts  # learnt here, so that what is wrong with it is told now
            self._keep(key, known)
            return known

    def _keep(self, key: tuple[Path, str], known: OpenBank) -> None:
        with self._lock:
            self._open[key] = known
            while len(self._open) > 1 and (
                len(self._open) > _MOST_OPEN or sum(one.size_bytes for one in self._open.values()) > _MOST_OPEN_BYTES
            ):
                self._open.popitem(last=False)

    def _forget_gone(self) -> None:
        with self._lock:
            for key in [key for key in self._open if not key[0].is_file()]:
                del self._open[key]


def _checked(sent: object, name: object) -> NamedPhoto:
    if not isinstance(sent, str):
        raise refusal("The memory bank did not arrive as it should. Choose it again.")
    return checked_upload(sent, str(name or ""))


def _checked_size(upload: NamedPhoto) -> int:
    """The size of the file, in bytes. Raises BankRefused where it cannot be a bank, or is too large here."""
    size_bytes = upload.location.stat().st_size
    if head_of(upload.location, 4) == b"PK\3\4":
        raise BankRefused(
            f"{upload.short_name} is a ZIP, not a memory bank. If it is your Instagram export, make the bank of it "
            "first: popscore bank add EXPORT.zip --bank FILE"
        )
    if size_bytes > MOST_BYTES:
        raise BankRefused(
            f"{upload.short_name} is too large: the limit for memory banks is {MOST_BYTES / 1e6:.0f} MB. Make it "
            "smaller: popscore bank forget --before DATE --bank FILE"
        )
    return size_bytes
