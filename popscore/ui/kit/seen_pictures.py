"""What the model sees in uploads, beside their scores: remembered as long as the uploads are there."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from popscore.cpus import usable_cpus
from popscore.errors import BankRefused, PopscoreError
from popscore.personal.looking import Seen, from_plain, look_at_picture
from popscore.photos.sources import NamedPhoto
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.visits import Visits
from popscore.workers.readers import IsolatedScorer

_MOST = 4000  # of some 12 kB


class SeenPictures:
    """Embeddings by upload. Threads may share it."""

    def __init__(self, door: ModelDoor, visits: Visits) -> None:
        self._door, self._visits = door, visits
        self._known: OrderedDict[tuple[Path, str], Seen] = OrderedDict()
        self._lock = threading.Lock()
        visits.when_files_went(self._forget_gone)

    def of(self, photos: Sequence[NamedPhoto]) -> list[Seen | None]:
        """What the model sees in uploads, or in examples; None where one cannot be looked at.

        Raises:
            BankRefused: the model has no embedding.
        """
        scorer = self._door.scorer()
        self._visits.uses(photo.location for photo in photos)
        gone = current_asker().gone

        def look(photo: NamedPhoto) -> Seen | None:
            key = photo.location, scorer.model.sha256
            with self._lock:
                known = self._known.get(key)
            if known is None and not gone() and photo.location.is_file():
                known = _look(scorer, photo)
                if known is not None:
                    self._keep(key, known)
            return known

        if len(photos) == 1:  # nobody starts threads for one
            return [look(photos[0])]
        with ThreadPoolExecutor(usable_cpus(), thread_name_prefix="popscore-seen") as pool:
            return list(pool.map(look, photos))

    def _keep(self, key: tuple[Path, str], seen: Seen) -> None:
        with self._lock:
            self._known[key] = seen
            while len(self._known) > _MOST:
                self._known.popitem(last=False)

    def _forget_gone(self) -> None:
        with self._lock:
            keys = list(self._known)
        gone = [key for key in keys if not key[0].is_file()]
        with self._lock:
            for key in gone:
                self._known.pop(key, None)


def _look(scorer: IsolatedScorer, photo: NamedPhoto) -> Seen | None:
    try:
        _, plain = scorer.content_with(photo, look_at_picture)
        return from_plain(plain, None)
    except BankRefused:  # the model has no embedding
        raise
    except PopscoreError:
        return None
