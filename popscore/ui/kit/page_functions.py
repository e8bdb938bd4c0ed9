"""What passes between a page's script and the server: functions that the script calls, and values that it watches."""

import json
from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any

import gradio as gr
from anyio import CapacityLimiter, to_thread

from popscore.errors import PopscoreError
from popscore.models.spec import Json
from popscore.ui.kit.messages import TOLD, sentence

# A page asks for four previews at a time, and a gallery has 500 photos: that many pages can wait at once.
_MOST_WAITING = 200


class OutOfDate(gr.Error):
    """What the page shows was scored by another model than the one that answers now."""

    def __init__(self) -> None:
        super().__init__("Another model answers by now, so the photos are scored again.", print_exception=False)


def page_function(
    name: str, answer: Callable[..., Json], *, at_once: int
) -> Callable[[Any], Coroutine[Any, Any, Json]]:
    """A function for `server_functions` of gr.HTML, called in the script as `server.name(…)`.

    The arguments arrive as one list, from outside and unchecked. What goes wrong is an answer too, `{"message": …}`:
    an exception would reach the script without its words. With `stale` the script has to ask for new scores,
    with `busy` it may ask again later.

    Gradio calls it outside its queue, so it has places of its own. Who waits for one takes no thread from others, and
    leaves the line when the visitor leaves.

    Args:
        name: what the script calls it.
        answer: gets the arguments one by one.
        at_once: how many may be answered at one time.
    """

    wanted = signature(answer)
    places = CapacityLimiter(at_once)
    asked = 0

    async def called(sent: Any) -> Json:
        arguments = [sent] if isinstance(sent, dict) else sent  # one object alone is sent without its list
        try:
            wanted.bind(*arguments)
        except TypeError:  # too many, too few, or no list
            return {"message": "The page is out of step with the server. Reload it."}
        nonlocal asked
        if asked >= at_once + _MOST_WAITING:
            return {"message": "The server has too much to do. Try again in a minute.", "busy": True}
        asked += 1
        try:
            return await to_thread.run_sync(answer, *arguments, limiter=places)
        except OutOfDate as error:
            return {"message": sentence(error), "stale": True}
        except TOLD as error:
            return {"message": sentence(error)}
        finally:
            asked -= 1

    called.__name__ = name
    return called


def page_value(document: Json) -> str:
    """A value of gr.HTML that its script reads, as text.

    Gradio sends only what differs between two values, place by place, which makes lists of numbers that move
    several times as long. A text is sent as it is. No tag can begin in it, because Gradio looks for scripts.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def told(error: PopscoreError | gr.Error, run: object) -> str:
    """The value that has a page show why it cannot go on.

    Args:
        run: the page's own number for what it asked.
    """
    return page_value({"run": run, "phase": "error", "message": sentence(error)})
