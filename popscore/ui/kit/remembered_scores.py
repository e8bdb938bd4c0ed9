"""The scores of recent uploads, so that adding a photo to a gallery does not score the others again."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from popscore.models.spec import ModelInfo
from popscore.photos.sources import PhotoSource
from popscore.scoring.scorer import Content, ScoreCache

_MOST = 20_000  # about 10 MB


class RememberedScores:
    """Scores in memory, each by its upload and its model. Threads may share it.

    Uploads lie in folders named by their content, so the path says which photo it is.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._contents: OrderedDict[tuple[str, str], Content] = OrderedDict()
        self._lock = threading.Lock()
        self._most = most

    def of(self, model: ModelInfo) -> ScoreCache:
        """The scores of one model: the model of the app may change while it runs, and scores are never mixed."""
        return _OfModel(self, model.sha256)

    def get(self, model: str, photo: str) -> Content | None:
        """What the model of this SHA-256 found out about an upload."""
        with self._lock:
            known = self._contents.get((model, photo))
            if known is not None:
                self._contents.move_to_end((model, photo))
            return known

    def put(self, model: str, photo: str, content: Content) -> None:
        """Remember an upload; the one used longest ago is forgotten for it."""
        with self._lock:
            self._contents[model, photo] = content
            if len(self._contents) > self._most:
                self._contents.popitem(last=False)


@dataclass(frozen=True)
class _OfModel:
    """A ScoreCache for one model."""

    scores: RememberedScores
    model: str

    def get(self, photo: PhotoSource) -> Content | None:
        """What is known about an upload."""
        return self.scores.get(self.model, str(photo))

    def put(self, photo: PhotoSource, content: Content) -> None:
        """Remember an upload."""
        self.scores.put(self.model, str(photo), content)
