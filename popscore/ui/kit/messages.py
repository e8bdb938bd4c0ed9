"""What a visitor or a client is told when something cannot be done.

A page shows the sentence in a place of its own; an endpoint raises it as gr.Error. Nothing else leaves the app.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from popscore.errors import PopscoreError

# What is raised on purpose, with words that can be shown as they are.
TOLD = (PopscoreError, gr.Error)


def refusal(message: str) -> gr.Error:
    """The error to raise from an endpoint or an input; it is no fault of the app, so nothing is logged.

    Args:
        message: the thing, the reason and the next step.
    """
    return gr.Error(message, print_exception=False)


def sentence(error: PopscoreError | gr.Error) -> str:
    """The words of an error, for a page."""
    return str(error.message) if isinstance(error, gr.Error) else str(error)


@contextmanager
def told_to_clients() -> Iterator[None]:
    """Inside it a PopscoreError becomes an error of the endpoint, with the same words.

    Raises:
        gr.Error: in place of a PopscoreError.
    """
    try:
        yield
    except PopscoreError as error:
        raise refusal(sentence(error)) from error
