"""The Study tab: two pictures, and which of them will get more likes.

The page keeps which pair it shows and the answers that have not arrived yet, so a reload or a lost connection loses
nothing. What is asked, and what is true, the server decides; the page learns the truth of training pairs alone.
"""

from collections.abc import Callable

import gradio as gr

from popscore.models.spec import Json
from popscore.study.errors import SessionEnded, StudyRefused, UnknownSession
from popscore.study.study import SESSION_S
from popscore.ui.kit.asker import current_asker
from popscore.ui.kit.assets import asset
from popscore.ui.kit.messages import refusal, sentence
from popscore.ui.kit.page_functions import page_function
from popscore.ui.kit.page_parts import page_parts
from popscore.ui.kit.previews import data_address
from popscore.ui.kit.study_door import StudyDoor, outcome_json, question_json, state_json, study_json

# An answer takes a moment, a pair two pictures, the model's figure up to half a minute.
_ANSWERS_AT_ONCE, _PAIRS_AT_ONCE, _FIGURES_AT_ONCE = 8, 8, 4


def build_study_tab(study: StudyDoor) -> None:
    """Lay out the tab; call inside a gr.Blocks context."""
    questions = Questions(study)
    gr.HTML(
        "",
        html_template=asset("study.html"),
        js_on_load=asset("study.js"),
        server_functions=[
            page_function("about", questions.about, at_once=_ANSWERS_AT_ONCE),
            page_function("begin", questions.begin, at_once=_ANSWERS_AT_ONCE),
            page_function("state", questions.state, at_once=_ANSWERS_AT_ONCE),
            page_function("pair", questions.pair, at_once=_PAIRS_AT_ONCE),
            page_function("answer", questions.answer, at_once=_ANSWERS_AT_ONCE),
            page_function("finish", questions.finish, at_once=_ANSWERS_AT_ONCE),
            page_function("model", questions.model, at_once=_FIGURES_AT_ONCE),
        ],
        label="Study",
        elem_id="study",
        parts=page_parts("Shown"),
    )


class Questions:
    """What the page asks the server, each time with one object. Everything in it comes from outside, and is checked.

    Besides what it asked for the page may get `ended`, `unknown` or `refused`, and then knows that asking again is of
    no use; with a `message` alone it is.
    """

    def __init__(self, study: StudyDoor) -> None:
        self._study = study

    def about(self) -> Json:
        """What a person is told before the first pair."""
        return study_json(self._study.study())

    def begin(self) -> Json:
        """A new session."""
        return state_json(self._study.study().begin())

    def state(self, asked: object) -> Json:
        """How far a session is."""
        session = _text(asked, "session")
        return _told(lambda: state_json(self._study.study().state(session)))

    def pair(self, asked: object) -> Json:
        """A pair with its pictures; `none` where the session has become shorter than that."""
        session, place = _text(asked, "session"), _whole(asked, "place")

        def show() -> Json:
            shown = self._study.show(session, place, current_asker().gone)
            state = state_json(self._study.study().state(session))
            if shown is None:
                return {"none": True, "state": state}
            left, right = (picture and data_address(picture) for picture in (shown.left, shown.right))
            return {**question_json(shown.question), "left": left, "right": right, "state": state}

        return _told(show)

    def answer(self, asked: object) -> Json:
        """Keep an answer; of a training pair the truth comes back."""
        session, place, side = _text(asked, "session"), _whole(asked, "place"), _text(asked, "side")
        seconds = asked.get("seconds") if isinstance(asked, dict) else None
        # JSON has whole numbers that are too large for a float.
        looked = float(min(seconds, SESSION_S)) if isinstance(seconds, (int, float)) else None

        def keep() -> Json:
            study = self._study.study()
            question = study.answer(session, place, side, seconds=looked)
            return {**question_json(question), "state": state_json(study.state(session))}

        return _told(keep)

    def finish(self, asked: object) -> Json:
        """End the session, and say what it came to."""
        session = _text(asked, "session")
        study = self._study.study()
        return _told(lambda: outcome_json(study.finish(session), study.left_out()))

    def model(self, asked: object) -> Json:
        """What the model would have chosen, of a session that has ended."""
        session = _text(asked, "session")
        return _told(lambda: self._study.model_result(self._study.study().finish(session)))


def _told(answer: Callable[[], Json]) -> Json:
    """The answer, or why there is none and never will be."""
    try:
        return answer()
    except SessionEnded as error:
        return {"ended": True, "message": sentence(error)}
    except UnknownSession as error:
        return {"unknown": True, "message": sentence(error)}
    except StudyRefused as error:
        return {"refused": True, "message": sentence(error)}


def _text(asked: object, name: str) -> str:
    found = asked.get(name) if isinstance(asked, dict) else None
    if not isinstance(found, str):
        raise refusal("The page is out of step with the server. Reload it.")
    return found


def _whole(asked: object, name: str) -> int:
    found = asked.get(name) if isinstance(asked, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > 1_000_000:
        raise refusal("The page is out of step with the server. Reload it.")
    return found
