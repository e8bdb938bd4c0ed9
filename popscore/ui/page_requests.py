"""Requests for the functions of a page, which Gradio answers outside its queue.

Here they get what queued work has: a size that is read before anything is done, and somebody who notices when the
visitor leaves, so that work for nobody ends.
"""

import asyncio
import json
import threading
from contextlib import suppress
from typing import Any

from popscore.ui.asgi import App, Receive, Scope, Send, answer_plainly
from popscore.ui.kit.asker import Asker, set_asker

_PATH = "/gradio_api/component_server"
# The longest: 500 photos with their names and places, and those that are chosen.
MAX_BODY_BYTES = 2_000_000


class WatchedPageRequests:
    """In front of Gradio. An ASGI middleware.

    Args:
        app: what answers.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, hand it on, and notice when nobody waits for the answer any more."""
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith(_PATH):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await answer_plainly(scope, send, 413, "The request is too large. Reload the page.")
            return
        gone = threading.Event()
        set_asker(Asker(_session(body), gone.is_set))
        given = False

        async def receive_again() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        answering = asyncio.ensure_future(self._app(scope, receive_again, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                gone.set()  # for the thread that is at work
                answering.cancel()  # for who waits for one
            with suppress(asyncio.CancelledError):
                await answering
        finally:
            leaving.cancel()


async def _read(receive: Receive) -> bytes | None:
    """The body of the request; None if it is too large, or its sender left."""
    parts: list[bytes] = []
    left = MAX_BODY_BYTES
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        left -= len(parts[-1])
        if left < 0:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _left(receive: Receive) -> None:
    """Ends when the visitor leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _session(body: bytes) -> str | None:
    try:
        found = json.loads(body).get("session_hash")
    except (ValueError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, str) else None
