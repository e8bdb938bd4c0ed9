"""Which addresses of the app's server answer. Gradio serves many more than popscore needs.

One of them runs ffmpeg on what is posted to it, and a playlist posted there brings back media files of the server;
others fetch addresses or show what goes on in the app. So an address answers only if it is listed here: what the
page, gradio_client, curl and MCP clients use as documented. A test fails when Gradio registers one that is neither
listed here nor known to be left out.
"""

import re

from popscore.ui.asgi import App, Receive, Scope, Send, answer_plainly

_READ = ("GET", "HEAD")
_PAGE = (
    r"/",
    r"/config/?",
    r"/theme\.css",
    r"/(?:assets|static|svelte)/.+",
    r"/favicon\.ico",
    r"/robots\.txt",
)
_API = (
    r"info/?",
    r"openapi\.json",
    r"theme\.css",
    r"startup-events",
    r"app_id/?",
    r"heartbeat/[^/]+",
    r"queue/data",
    r"upload_progress",
    r"call/(?:v2/)?[^/]+/[^/]+",
    # A file in the upload folder, which Gradio checks; never an address, which it would fetch.
    r"file=(?![a-z][a-z0-9+.-]*:/).+",
)
_API_POSTS = (
    r"upload",
    r"queue/join",
    r"call/(?:v2/)?[^/]+/?",
    r"cancel",
    r"reset/?",
    r"component_server/?",
)
_MCP = r"/gradio_api/mcp(?:/.*)?"

_READABLE = re.compile("|".join((*_PAGE, *(f"/gradio_api/{path}" for path in _API))), re.IGNORECASE)
_POSTABLE = re.compile("|".join(f"/gradio_api/{path}" for path in _API_POSTS))
_MCP_PATHS = re.compile(_MCP)


def is_served(method: str, path: str) -> bool:
    """Whether an address answers.

    Args:
        method: of the request, in capitals.
        path: as the server decoded it, without the query.
    """
    if _MCP_PATHS.fullmatch(path):
        return method in (*_READ, "POST", "DELETE", "OPTIONS")
    if method in _READ:
        return _READABLE.fullmatch(path) is not None
    if method == "OPTIONS":  # asked by browsers before a post from another site; Gradio answers which sites may
        return _READABLE.fullmatch(path) is not None or _POSTABLE.fullmatch(path) is not None
    return method == "POST" and _POSTABLE.fullmatch(path) is not None


class OnlyServedRoutes:
    """In front of Gradio: everything that is not served does not exist. An ASGI middleware.

    Args:
        app: what answers the rest.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404, or hand on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] == "http" and not is_served(scope["method"], _path(scope)):
            await answer_plainly(scope, send, 404, "There is nothing at this address.")
            return
        await self._app(scope, receive, send)


def _path(scope: Scope) -> str:
    """The path below where the app is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) or "/" if root else path
