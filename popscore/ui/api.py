"""The public endpoints: what gradio_client, curl and MCP clients call."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

_AT_ONCE = 4


def add_endpoint(function: Callable[..., Any], *inputs: Component) -> None:
    """Offer a function under its own name, as API endpoint and as MCP tool; its answer is JSON.

    It hangs on a button that is never shown, because the page's own events are private and return HTML.
    gr.api would do without the button, but leaves the result without a label.
    """
    answer = gr.JSON(label="result", visible=False)
    button = gr.Button(visible=False)
    button.click(function, list(inputs), answer, api_name=function.__name__, concurrency_limit=_AT_ONCE)
