"""The public endpoints of a study. Their docstrings are what clients are told."""

from pathlib import Path

from popscore.models.spec import Json
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.downloads import download_folder
from popscore.ui.kit.messages import refusal, told_to_clients
from popscore.ui.kit.study_door import StudyDoor, outcome_json, question_json, state_json
from popscore.ui.kit.visits import Visits


class StudyEndpoints:
    """The functions behind the endpoints, which have their names. What cannot be done is raised as gr.Error."""

    def __init__(self, study: StudyDoor, visits: Visits) -> None:
        self._study, self._visits = study, visits

    def study_next(self, session: str) -> tuple[str | None, str | None, Json]:
        """Get the next pair of the study: which of two pictures do you think will get more likes?

        Returns the left picture, the right one, and JSON: `session`, `place` of the pair, whether it is for `training`,
        how far the session is, and the seconds that are left. When all pairs have answers there are no pictures, and
        `done` is true: ask for the summary.

        Args:
            session: from an earlier answer; empty begins a new session, which lasts half an hour at most.
        """
        with told_to_clients():
            study = self._study.study()
            state = study.state(session) if session else study.begin()
            shown = self._study.show(state.session, state.next_place, current_asker().gone)
            state = study.state(state.session)
            if shown is None:
                return None, None, {**state_json(state), "done": True}
            folder = download_folder(self._visits)
            left, right = (_written(folder / name, one) for name, one in (("left", shown.left), ("right", shown.right)))
            return left, right, {**state_json(state), **question_json(shown.question), "done": False}

    def study_answer(self, session: str, place: int, chosen: str) -> Json:
        """Say which picture of a pair will get more likes. A later answer takes the place of an earlier one.

        Returns how far the session is; of a training pair also `liked_more`, the truth, and then the answer stays.

        Args:
            session: from `study_next`.
            place: of the pair, from `study_next`.
            chosen: `left` or `right`.
        """
        if place is None:
            raise refusal("There is no place. Send the one that study_next gave.")
        with told_to_clients():
            study = self._study.study()
            question = study.answer(session, int(place), chosen)
            return {**state_json(study.state(session)), **question_json(question)}

    def study_summary(self, session: str) -> Json:
        """End a session, and say how often the picture with more likes was chosen. Training pairs are not counted.

        Returns right answers, pairs and accuracy with its 95 % interval; what the model would have reached on the same
        pairs; and what the people of the published study reached on theirs.

        Args:
            session: from `study_next`.
        """
        with told_to_clients():
            study = self._study.study()
            outcome = study.finish(session)
            return {**outcome_json(outcome, study.left_out()), "model": self._study.model_result(outcome)}


def _written(path: Path, picture: bytes | None) -> str | None:
    if picture is None:
        return None
    path = path.with_suffix(".webp")
    path.write_bytes(picture)
    return str(path)
