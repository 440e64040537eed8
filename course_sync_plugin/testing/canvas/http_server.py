"""The HTTP server of the fake, on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from course_sync_plugin.testing.canvas.exchange import Answer, Request
from course_sync_plugin.testing.canvas.parameters import read_parameters
from course_sync_plugin.testing.server import Handler, Listener


class CanvasServer(Listener):
    """Serves until it is stopped. ``answer`` answers a request with any method."""

    def __init__(self, port: int, answer: Callable[[Request], Answer]):
        super().__init__(port, _CanvasHandler)
        self.answer = answer


class _CanvasHandler(Handler):
    server: CanvasServer

    def _respond(self) -> None:
        self._send(self.server.answer(self._read()))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _respond  # noqa: N815  # the names that http.server calls

    def _read(self) -> Request:
        body = self.read_body()
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        parameters = read_parameters(address.query, headers.get("content-type", ""), body)
        return Request(self.command, address.path, address.query, headers, parameters)

    def _send(self, answer: Answer) -> None:
        self.close_connection = answer.cut or self.server.stopping.is_set()
        if not answer.cut:
            self.write(answer.status, answer.headers, answer.body)
