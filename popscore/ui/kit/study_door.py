"""The study of the app, opened in the background: pairs with their pictures, answers, and what they came to."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from popscore.errors import PopscoreError, TooBusy
from popscore.metrics import wilson_interval
from popscore.models.spec import Json
from popscore.photos.sources import ImageLimits, NamedPhoto
from popscore.posts.published import PUBLISHED
from popscore.results import FailedPhoto
from popscore.study import Study, open_study
from popscore.study.errors import StudyUnavailable
from popscore.study.model_scores import ModelScores
from popscore.study.records import Outcome, Question, State
from popscore.study.study import MOST_PAIRS, SESSION_S
from popscore.ui.kit.messages import sentence
from popscore.ui.kit.model_door import ModelDoor
from popscore.workers import tasks
from popscore.workers.readers import PHOTO_SECONDS
from popscore.workers.worker import NobodyWaits, TaskFailed, TookTooLong, WorkerEnded

_LOG = logging.getLogger("popscore")
# Side of a picture, in pixels: half a page on a screen with two pixels for one. About 100 kB.
SIDE = 1080
_MOST_KEPT_BYTES = 48_000_000
# A table that could not be read is tried again for the next visitor, but not by each one of many.
_TRY_AGAIN_S = 5.0
_MOST_REPLACED = 20
# Who waits for the model's figure waits no longer than this.
MODEL_SECONDS = 30.0
PEOPLE = tuple(one for one in PUBLISHED if "person alone" in one.name or "majority" in one.name)
"""What people reached in the paper, alone and together."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A pair with its pictures as WebP files; None where a picture that was answered before is gone by now."""

    question: Question
    left: bytes | None
    right: bytes | None


class StudyDoor:
    """Hands out the study, which is opened once. Threads may share it.

    Args:
        door: of the model, with the settings of the app and the workers that make pictures.
    """

    def __init__(self, door: ModelDoor) -> None:
        self._door = door
        self._lock = threading.Lock()
        self._study: Study | None = None
        self._failed: tuple[float, PopscoreError] | None = None
        self._scores, self._scored_by = ModelScores(self._score), ""
        self._pictures: OrderedDict[tuple[Path, int, int], bytes] = OrderedDict()
        self._kept_bytes = 0

    def open_in_background(self) -> None:
        """Begin to read the table. What goes wrong is told to whoever takes part, and to the log."""
        threading.Thread(target=self._open, name="popscore-study-pairs", daemon=True).start()

    def study(self) -> Study:
        """The study; waits for it if it is being opened.

        Raises:
            PopscoreError: it cannot be opened. A later call tries again.
        """
        with self._lock:
            if self._study is None:
                if self._failed is not None and time.monotonic() - self._failed[0] < _TRY_AGAIN_S:
                    raise self._failed[1]
                try:
                    self._study = open_study(self._door.settings)
                except PopscoreError as error:
                    self._failed = time.monotonic(), error
                    raise
                self._tell(self._study)
            return self._study

    def show(self, session: str, place: int, cancelled: Callable[[], bool]) -> Shown | None:
        """The pair at a place of a session with its pictures; another one where a picture is gone or broken.

        Returns:
            None where the session ends before this place.

        Raises:
            PopscoreError: as `Study.ask`, or too many wait for pictures.
        """
        study = self.study()
        for _ in range(_MOST_REPLACED):
            question = study.ask(session, place)
            if question is None:
                return None
            left, right = (self._picture(path, cancelled) for path in (question.left, question.right))
            if left is not None and right is not None:
                self._scores.want([question.left, question.right])
            elif question.chosen is None:
                study.leave_out(session, question)
                _LOG.warning("A pair of the study is left out: a photo of it is gone or cannot be read.")
                continue
            return Shown(question=question, left=left, right=right)
        raise StudyUnavailable("Too many pictures of this study are gone or cannot be read. Try again in a minute.")

    def model_result(self, outcome: Outcome) -> Json:
        """What the model would have chosen on the pairs of a session, as JSON; null and a message where it cannot."""
        try:
            model = self._door.scorer().model
        except PopscoreError as error:
            return {"accuracy": None, "pairs": 0, "name": None, "kind": None, "message": sentence(error)}
        with self._lock:
            if self._scored_by not in ("", model.sha256):  # one from the Hub took the place of the embedded one
                self._scores = ModelScores(self._score)
            self._scored_by = model.sha256
        found = self._scores.result(outcome.pairs, seconds=MODEL_SECONDS)
        return {
            "accuracy": None if found.accuracy is None else round(found.accuracy, 4),
            "pairs": found.pairs,
            "name": model.spec.name,
            "kind": model.spec.kind,
        }

    def _open(self) -> None:
        try:
            self.study()
        except PopscoreError as error:
            _LOG.warning("There is no study: %s", error)

    def _tell(self, study: Study) -> None:
        pairs = study.pairs
        counts = (
            (pairs.missing, "without both photos in the folder"),
            (pairs.repeated, "there before"),
            (pairs.unusable, "rows that are no pair"),
        )
        left_out = ", ".join(f"{count:,} {what}" for count, what in counts if count)
        if left_out:
            _LOG.warning("The study has %s pairs; left out: %s.", f"{len(pairs.pairs):,}", left_out)
        if study.answers.put_aside:
            _LOG.warning("The file of answers was damaged: it was put aside as .damaged, and a new one begun.")

    def _score(self, photo: Path) -> float:
        (found,) = self._door.scorer().score_many([NamedPhoto(photo, "a photo of the study")], workers=1)
        if isinstance(found, FailedPhoto):
            raise found.error
        return found.score

    def _picture(self, path: Path, cancelled: Callable[[], bool]) -> bytes | None:
        """The photo as a small WebP file, upright and without metadata; None where it is gone or cannot be read."""
        try:
            found = path.stat()
        except OSError:
            return None
        key = path, found.st_mtime_ns, found.st_size
        with self._lock:
            known = self._pictures.get(key)
            if known is not None:
                self._pictures.move_to_end(key)
                return known
        limits = ImageLimits(max_bytes=self._door.settings.max_image_bytes)
        try:
            made: bytes = self._door.readers.read(
                limits,
                lambda pool, allowed: pool.call(
                    tasks.show_photo,
                    (path, "the photo", SIDE, allowed),
                    seconds=PHOTO_SECONDS,
                    hurry=True,
                    cancelled=cancelled,
                ),
            )
        except NobodyWaits:
            raise TooBusy("The picture was not waited for. Ask again.") from None
        except TooBusy:
            raise
        except (PopscoreError, WorkerEnded, TookTooLong, TaskFailed):
            return None
        with self._lock:
            self._kept_bytes += len(made) - len(self._pictures.get(key, b""))
            self._pictures[key] = made
            while self._kept_bytes > _MOST_KEPT_BYTES:
                self._kept_bytes -= len(self._pictures.popitem(last=False)[1])
        return made


def state_json(state: State) -> Json:
    """How far a session is, for the page and for clients."""
    return {
        "session": state.session,
        "total": state.total,
        "training": state.training,
        "answered": state.answered,
        "next": state.next_place,
        "left_s": round(state.left_s, 1),
        "ended": state.ended,
    }


def question_json(question: Question) -> Json:
    """A pair without its pictures."""
    return {
        "place": question.place,
        "training": question.training,
        "chosen": question.chosen,
        "liked_more": question.liked_more,
    }


def outcome_json(outcome: Outcome, left_out: int) -> Json:
    """What a session came to, beside the people of the paper; without the model.

    Args:
        left_out: pairs that nobody is asked about any more, because a photo of theirs vanished.
    """
    right, pairs = sum(outcome.right), len(outcome.right)
    share = right / pairs if pairs else None
    return {
        "right": right,
        "pairs": pairs,
        "accuracy": None if share is None else round(share, 4),
        "interval": None if share is None else [round(end, 4) for end in wilson_interval(share, pairs)],
        "training": {"right": outcome.training_right, "pairs": outcome.training},
        "by_time": outcome.by_time,
        "left_out": left_out,
        "people": [one.to_json() for one in PEOPLE],
    }


def study_json(study: Study) -> Json:
    """What a person is told before the first pair."""
    training = sum(pair.training for pair in study.pairs.pairs)
    return {
        "training": training,
        "pairs": min(MOST_PAIRS, len(study.pairs.pairs) - training),
        "minutes": round(SESSION_S / 60),
    }
