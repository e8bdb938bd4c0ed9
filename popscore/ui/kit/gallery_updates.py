"""A ranking in the making, told to a page so that each result is sent when it is new, not again every time.

An update has the results since the one before, and the order of all: which photo, its rank, its group, and whether
it is too close to call. Photos go by their place in the list that the page sent, so nothing but numbers moves.

Updates may get lost: Gradio's page shows the latest value, and two that arrive together are one to it. So an order
may name photos that the page has not heard of, and it leaves them out until the end: the last update has all
results once more, and is right by itself. All that is sent grows with the number of photos, not with its square:
results are sent twice, and a new order only once a twentieth more photos have come, which makes all orders
together about twenty times the last one. In between, the page gets the count alone.
"""

from collections.abc import Sequence

from popscore.gallery.ranking import rank
from popscore.models.spec import Json, ModelInfo
from popscore.results import FailedPhoto, RankedPhoto, Ranking
from popscore.scoring.scorer import Candidate
from popscore.ui.kit.page_functions import page_value

Found = Sequence[Candidate | FailedPhoto]

_GROWTH = 1.05


class GalleryUpdates:
    """The updates of one run.

    Args:
        model: that scores the photos; the page sends its SHA-256 back with what it asks about them.
        total: how many photos there are.
        run: the page's own number for this run, by which it tells late updates of another one.
    """

    def __init__(self, model: ModelInfo, total: int, run: object = None) -> None:
        self._model = model
        self._told = 0
        self._head: Json = {"run": run, "model": model.sha256, "total": total}

    def next(self, found: Found) -> str:
        """What is new.

        Args:
            found: all photos that were looked at until now, in the order of the list.
        """
        head = {**self._head, "phase": "scoring", "done": len(found)}
        if self._told and len(found) < _GROWTH * self._told:
            return page_value(head)
        since, self._told = self._told, len(found)
        return page_value({**head, **self._results(found, since)})

    def last(self, found: Found) -> str:
        """All there is, whatever the page has heard before."""
        return page_value({**self._head, "phase": "done", "done": len(found), **self._results(found, 0)})

    def _results(self, found: Found, since: int) -> Json:
        ranking = rank(found, self._model, group_similar=True)
        failed = [(index, item) for index, item in enumerate(found) if isinstance(item, FailedPhoto)]
        return {
            "results": [_result(photo) for photo in ranking.results if photo.index >= since],
            "errors": [{"index": index, **item.to_json()} for index, item in failed if index >= since],
            "order": _order(ranking),
        }


def _result(photo: RankedPhoto) -> Json:
    """What does not change any more, whatever else is found."""
    known = photo.to_json()
    return {"index": photo.index, **{key: known[key] for key in ("file", "score", "label", "width", "height")}}


def _order(ranking: Ranking) -> Json:
    """Four lists of the same length, best first. The best of a group is the first that has its number."""
    return {
        "indexes": [photo.index for photo in ranking.results],
        "ranks": [photo.rank for photo in ranking.results],
        "groups": [photo.group for photo in ranking.results],
        "too_close": [int(photo.too_close) for photo in ranking.results],
    }
