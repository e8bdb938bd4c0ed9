"""The scores of recent uploads, so that adding a photo to a gallery does not score the others again."""

import threading
from collections import OrderedDict

from popscore.photos.decode import PhotoSource
from popscore.scoring.scorer import Candidate

_MOST = 20_000  # about 10 MB


class RememberedScores:
    """A ScoreCache in memory. Uploads lie in folders named by their content, so the path says which photo it is."""

    def __init__(self) -> None:
        self._candidates: OrderedDict[str, Candidate] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, photo: PhotoSource) -> Candidate | None:
        """What is known about an upload."""
        with self._lock:
            known = self._candidates.get(str(photo))
            if known is not None:
                self._candidates.move_to_end(str(photo))
            return known

    def put(self, photo: PhotoSource, candidate: Candidate) -> None:
        """Remember an upload; the one used longest ago is forgotten for it."""
        with self._lock:
            self._candidates[str(photo)] = candidate
            if len(self._candidates) > _MOST:
                self._candidates.popitem(last=False)
