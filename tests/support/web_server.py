"""A web server on this machine whose every answer is written by the test, byte for byte."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[[socket.socket], None]


def answer(body: bytes = b"", status: int = 200, *headers: str, length: bool = True) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Said", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def redirect(to: str, status: int = 302) -> bytes:
    return answer(b"", status, f"Location: {to}")


class WebServer:
    """Answers each path with bytes or a script, and remembers what it was asked.

    Attributes:
        answers: by path, with the query.
        asked: the heads of all requests, as text.
        port: on 127.0.0.1.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, bytes | Script] = {}
        self.asked: list[str] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            self.asked.append(head.decode("latin-1"))
            said = self.answers.get(head.split(b" ", 2)[1].decode("latin-1"), answer(b"nothing here", 404))
            if callable(said):
                said(connection)
            else:
                connection.sendall(said)
            connection.close()


@contextmanager
def web_server(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    server = WebServer(context)
    try:
        yield server
    finally:
        server.close()


def dripping(head: bytes, drop: bytes = b"x", pause_s: float = 0.1) -> Script:
    """First the head, then one drop after another until nobody listens."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            connection.sendall(drop)
            time.sleep(pause_s)

    return drip
