"""The panel that answers about one photo, in each of its states, as HTML. Every text from outside is escaped."""

from popscore.errors import PopscoreError
from popscore.foreign_text import in_html
from popscore.models.spec import ModelInfo
from popscore.results import ScoredPhoto
from popscore.ui.kit.explanation import explanation
from popscore.ui.kit.messages import sentence
from popscore.ui.kit.page_parts import looks_row


def empty_panel() -> str:
    """Before the first photo."""
    return _panel(
        "empty",
        '<p class="ps-lead">Drop a photo to see its score.</p>'
        "<p>You get a number, its word, and its place among other photos.</p>",
    )


def waiting_panel(*, model_ready: bool) -> str:
    """While the answer is on its way: the shape of the answer, and a sentence."""
    doing = (
        "Scoring the photo." if model_ready else "The model is on its way. The photo is scored as soon as it is here."
    )
    bars = '<div class="ps-bone ps-bone-score"></div><div class="ps-bone ps-bone-curve"></div>'
    return _panel("waiting", f'{bars}<p class="ps-lead">{doing}</p>')


def error_panel(error: PopscoreError) -> str:
    """A photo that has no score, and why."""
    reason, _, next_step = sentence(error).partition(". ")
    step = f"<p>{in_html(next_step)}</p>" if next_step else ""
    return _panel("error", f'<p>No score</p><p class="ps-lead">{in_html(reason.rstrip("."))}.</p>{step}')


def result_panel(photo: ScoredPhoto, info: ModelInfo) -> str:
    """The score with its word, its place among others, and what it means; and what can be looked at."""
    name = in_html(photo.file)
    file = f'<p class="ps-file" title="{name}"><span>{name}</span> {photo.width} x {photo.height}</p>'
    parts = explanation(photo, info)
    # The page fills it where there is a memory bank, which stays with the page.
    own = '<div class="ps-own" hidden></div>'
    return _panel("result", file + parts.score + parts.place + own + parts.curve + parts.meaning + looks_row())


def _panel(state: str, inside: str) -> str:
    return f'<section class="ps-panel ps-panel-{state}" aria-live="polite" aria-label="Result">{inside}</section>'
