"""The scores of recent uploads, so that adding a photo to a gallery does not score the others again."""

import threading
from collections import OrderedDict

from popscore.photos.sources import PhotoSource
from popscore.scoring.scorer import Content

_MOST = 20_000  # about 10 MB


class RememberedScores:
    """A ScoreCache in memory. Uploads lie in folders named by their content, so the path says which photo it is."""

    def __init__(self) -> None:
        self._contents: OrderedDict[str, Content] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, photo: PhotoSource) -> Content | None:
        """What is known about an upload."""
        with self._lock:
            known = self._contents.get(str(photo))
            if known is not None:
                self._contents.move_to_end(str(photo))
            return known

    def put(self, photo: PhotoSource, content: Content) -> None:
        """Remember an upload; the one used longest ago is forgotten for it."""
        with self._lock:
            self._contents[str(photo)] = content
            if len(self._contents) > _MOST:
                self._contents.popitem(last=False)
