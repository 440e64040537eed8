"""The HTTP server of the receiver kit, on 127.0.0.1. It can do what no real server does on purpose."""

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
    """Return a port as it is typed. Raises ArgumentTypeError."""
    if not (text.isdecimal() and int(text) < 2**16):
        raise ArgumentTypeError(f"'{text}' is no port, which is 0 to 65535")
    return int(text)


@contextmanager
def port_refusal(port: int) -> Iterator[None]:
    """End the process with one sentence where a server cannot listen at a port."""
    try:
        yield
    except OSError as error:
        sys.exit(f"Nothing can be served at port {port}: {error.strerror}.")


@attrs.frozen
class Request:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """Serves until it is stopped; connections stay open between requests.

    ``post`` and ``get`` say what is answered. ``port`` 0: any free one.
    """

    request_queue_size = 64
    daemon_threads = True

    def __init__(
        self,
        port: int,
        post: Callable[[Request], Response],
        get: Callable[[SplitResult], Response],
        tls: ssl.SSLContext | None = None,
    ):
        super().__init__(("127.0.0.1", port), _Handler)
        self.post = post
        self.get = get
        self.stopping = threading.Event()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}/"
        self._tls = tls
        self._connections: set[socket.socket] = set()

    def stop(self) -> None:
        """Stop serving and cut every connection, as if the process had died."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:  # the handshake is left to the connection's own thread
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not trust our certificate, is nothing to report."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(self.server.post(Request(self.path, dict(self.headers), body)))

    def do_GET(self) -> None:
        self._answer(self.server.get(urlsplit(self.path)))

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads it."""

    def _answer(self, response: Response) -> None:
        self.close_connection = self.server.stopping.wait(response.hold) or response.cut or bool(response.drip)
        if response.drip:
            self._drip(response)
        elif not self.close_connection:
            self.send_response(response.status)
            for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

    def _drip(self, response: Response) -> None:
        """Answer byte by byte, until the client hangs up or the server is stopped."""
        begin = f"HTTP/1.1 {response.status} OK\r\n"
        if response.drip == "body":
            begin += "Content-Length: 60000\r\n\r\n"
        self.wfile.write(begin.encode())
        for byte in cycle(b"X-Drip: and so on and on\r\n"):
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(response.pause):
                return
