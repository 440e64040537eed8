"""The HTTP server of the receiver kit, on 127.0.0.1. It can answer in ways that real servers answer only by mistake."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs

from course_sync_plugin.testing.faults import Response


def port_number(text: str) -> int:
    """Parse a port number. Raises ArgumentTypeError if it is not valid."""
    if not (text.isdecimal() and int(text) < 2**16):
        raise ArgumentTypeError(f"'{text}' is not a port number (0 to 65535)")
    return int(text)


@contextmanager
def port_refusal(port: int) -> Iterator[None]:
    """End the process with an error message of one sentence if a server cannot listen on a port."""
    try:
        yield
    except OSError as error:
        sys.exit(f"Cannot listen on port {port}: {error.strerror}.")


def wait_for_interrupt() -> None:
    """Return when the process is interrupted (Ctrl-C)."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


@attrs.frozen
class Request:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Listener(ThreadingHTTPServer):
    """Serves until it is stopped. Connections stay open between requests.

    ``port`` 0: any free port. ``handler``: answers the requests of one connection; see :class:`Handler`.
    """

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, port: int, handler: type[Handler], tls: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", port), handler)
        self.stopping = threading.Event()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}/"
        self._tls = tls
        self._connections: set[socket.socket] = set()

    def stop(self) -> None:
        """Stop serving and close every connection, as if the process had died."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:  # the connection's own thread makes the handshake
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that closes the connection or does not trust our certificate."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """The base of the handlers of all our servers. It logs nothing, because the servers keep their requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet

    def read_body(self) -> bytes:
        """Return the body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def write(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer. A header in ``headers`` takes the place of ours with the same name."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


class Server(Listener):
    """The server of the receiver kit.

    ``post`` and ``get`` return the answer to a request. ``unanswered``: the ports of the clients whose requests have
    come and are not answered yet.
    """

    def __init__(
        self,
        port: int,
        post: Callable[[Request], Response],
        get: Callable[[SplitResult], Response],
        tls: ssl.SSLContext | None = None,
    ):
        super().__init__(port, _ReceiverHandler, tls)
        self.post = post
        self.get = get
        self.unanswered: set[int] = set()


class _ReceiverHandler(Handler):
    server: Server

    def do_POST(self) -> None:
        body = self.read_body()
        self.server.unanswered.add(self.client_address[1])
        try:
            self._answer(self.server.post(Request(self.path, dict(self.headers), body)))
        finally:
            self.server.unanswered.discard(self.client_address[1])

    def do_GET(self) -> None:
        self._answer(self.server.get(urlsplit(self.path)))

    def _answer(self, response: Response) -> None:
        self.close_connection = self.server.stopping.wait(response.hold) or response.cut or bool(response.drip)
        if response.drip:
            self._drip(response)
        elif not self.close_connection:
            self.write(response.status, response.headers, response.body)

    def _drip(self, response: Response) -> None:
        """Answer byte by byte, until the client closes the connection or the server is stopped."""
        begin = f"HTTP/1.1 {response.status} OK\r\n"
        if response.drip == "body":
            begin += "Content-Length: 60000\r\n\r\n"
        self.wfile.write(begin.encode())
        for byte in cycle(b"X-Drip: and so on and on\r\n"):
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(response.pause):
                return
