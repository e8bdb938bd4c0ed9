"""Which model answers, always in sight, as HTML. Every text from outside is escaped."""

from popscore import words
from popscore.errors import PopscoreError
from popscore.foreign_text import in_html
from popscore.models.spec import ModelInfo
from popscore.ui.kit.messages import sentence


def model_badge(info: ModelInfo) -> str:
    """The model, and why it is not the one asked for if it is not."""
    return _badge("ps-fallback" if info.notice else "ps-ok", words.answered_by(info), info.notice)


def waiting_badge() -> str:
    """While the model is being loaded."""
    return _badge("ps-loading", "The model is on its way")


def failed_badge(error: PopscoreError) -> str:
    """When there is no model, and falling back is not allowed."""
    return _badge("ps-fallback", "No model", sentence(error))


def _badge(state: str, what: str, notice: str | None = None) -> str:
    more = f'<p class="ps-notice" role="status">{in_html(notice)}</p>' if notice else ""
    return f'<p class="ps-badge {state}"><i></i>{in_html(what)}</p>{more}'
