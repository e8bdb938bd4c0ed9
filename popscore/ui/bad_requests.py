"""Requests that are wrong or too large are refused with a sentence, before they become errors of the server.

Gradio reads what is posted to it without checking all of it: a call without its argument, a form without a file or an
unknown number of a function raise KeyError, TypeError and the like, which would be answered with 500 and a traceback
in the log. It also reads a whole body into memory, whatever its size; only uploads have a limit of their own.
"""

import json
import logging
from collections.abc import MutableMapping
from typing import Any

from gradio.route_utils import FnIndexInferError
from starlette.requests import ClientDisconnect

from popscore.settings import BYTES_PER_MB, Settings
from popscore.ui.asgi import App, Receive, Scope, Send

_log = logging.getLogger(__name__)

# What reading a request of the wrong shape raises. Other errors, as of disk and memory, are the server's own.
_WRONG_SHAPE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, FnIndexInferError, ClientDisconnect)
_NOT_UNDERSTOOD = (
    "The request could not be understood: something in it is missing, unknown or of the wrong kind. "
    "/gradio_api/openapi.json tells what is expected."
)
_API = "/gradio_api/"
_MAX_BYTES = 2 * BYTES_PER_MB
# A photo may come inside the request as a data: address, in base64: four bytes for three.
_WITH_PHOTOS = ("call/", "queue/join", "mcp")
_BASE64 = 1.4
_UPLOAD = "upload"


class RefuseBadRequests:
    """Answer 400 in place of an error of a request's shape, and 413 to a body that is too large. An ASGI middleware.

    A stream of events that breaks off with such an error ends as a stream should. Each error is logged.

    Args:
        app: what answers the rest.
        max_image_bytes: of one photo; requests that may carry photos may be so large, in base64.
    """

    def __init__(self, app: App, max_image_bytes: int = Settings.max_image_bytes) -> None:
        self._app = app
        self._with_photos = _MAX_BYTES + int(max_image_bytes * _BASE64)

    def most_bytes(self, path: str) -> int | None:
        """The largest body at an address; None where Gradio checks it: uploads, which are written to disk."""
        inner = path.removeprefix(_API).rstrip("/")
        if inner == _UPLOAD:
            return None
        return self._with_photos if inner.startswith(_WITH_PHOTOS) else _MAX_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and answer in place of what goes wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self.most_bytes(_path(scope))
        answer = _Answer(send, head=scope["method"] == "HEAD")
        if most is not None and _declared_bytes(scope) > most:
            await answer.refuse(413, _too_large(most))
            return
        body = _Body(receive, most)
        try:
            await self._app(scope, body.receive, answer.send if most is None else answer.unless(body))
        except _WRONG_SHAPE as error:
            if not body.too_large:
                _log.warning("A request was refused", exc_info=error)
                await answer.refuse(400, _NOT_UNDERSTOOD)
        except RuntimeError as error:
            # How Starlette hands on an HTTPException when the answer has begun: events of an unknown session.
            if not answer.is_stream:
                raise
            _log.warning("A stream of events was ended", exc_info=error)
            await answer.end()
        if body.too_large and most is not None:
            await answer.refuse(413, _too_large(most))


class _Body:
    """The body as it arrives, up to a number of bytes; then it is as if the client had left."""

    def __init__(self, receive: Receive, most: int | None) -> None:
        self._receive, self._most, self._read = receive, most, 0
        self.too_large = False

    async def receive(self) -> MutableMapping[str, Any]:
        if self.too_large:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._most is not None and self._read > self._most:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message


class _Answer:
    """What was answered already, and what can still be."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self._send, self._head = send, head
        self._started = self._ended = self.is_stream = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self.is_stream = any(
                name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                for name, value in message.get("headers", ())
            )
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    def unless(self, body: _Body) -> Send:
        """Send, but nothing of what is answered to a body that was cut off."""

        async def send(message: MutableMapping[str, Any]) -> None:
            if self._started or not body.too_large:
                await self.send(message)

        return send

    async def refuse(self, status: int, sentence: str) -> None:
        """Answer with a sentence, as JSON like FastAPI's own refusals; if the answer has begun, end it."""
        if self._started:
            await self.end()
            return
        text = json.dumps({"detail": sentence}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if self._head else text})

    async def end(self) -> None:
        """Say that nothing more comes."""
        if self._started and not self._ended:
            await self.send({"type": "http.response.body", "body": b""})


def _too_large(most: int) -> str:
    return f"The request is too large: at most {most / BYTES_PER_MB:.0f} MB here. Send files to /gradio_api/upload."


def _declared_bytes(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0


def _path(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) or "/" if root else path
