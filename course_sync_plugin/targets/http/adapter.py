"""An adapter of ``requests`` with one deadline for a whole request, and connections that skip interim answers."""

from __future__ import annotations

import http.client
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from course_sync_plugin.targets.http.deadline import Deadline, DeadlineSocket

#: The most interim answers to one request before the final one. A server that sends Early Hints sends one or two.
MOST_INTERIM = 20


class FinalResponse(http.client.HTTPResponse):
    """Skips interim answers (``102 Processing``, ``103 Early Hints``: RFC 9110, section 15.2); Python skips only 100.

    ``101 Switching Protocols`` counts as the final answer: no other answer follows it.
    """

    def _read_status(self) -> tuple[Any, int, str]:
        for _ in range(MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private, so typeshed omits it
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers")


class DeadlineConnection(HTTPConnection):
    """A connection with the deadline of its request. The base of both kinds."""

    response_class: type[http.client.HTTPResponse] = FinalResponse
    sock: Any

    def __init__(self, *args: Any, deadline: Deadline, **options: Any):
        super().__init__(*args, **options)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self.sock = DeadlineSocket(self.sock, self._deadline)


class PlainConnection(DeadlineConnection):
    """A connection by ``http://``."""


class EncryptedConnection(DeadlineConnection, HTTPSConnection):
    """A connection by ``https://``. It may go through a tunnel that a proxy opens."""

    def _tunnel(self) -> None:
        """Ask the proxy for the tunnel within the deadline. TLS needs the bare socket, so it is put back afterwards."""
        bare = self.sock
        self.sock = DeadlineSocket(bare, self._deadline)
        super()._tunnel()
        self.sock = bare


class DeadlineAdapter(HTTPAdapter):
    """Gives each request ``seconds`` in total, and each wait for bytes at most ``patience`` seconds."""

    plain: type[HTTPConnection] = PlainConnection
    encrypted: type[HTTPSConnection] = EncryptedConnection

    def __init__(self, seconds: float, patience: float = float("inf"), **options: Any):
        super().__init__()
        self._seconds = seconds
        self._deadline = Deadline(patience)
        options["deadline"] = self._deadline
        self._connections = {
            "http": partial(self.plain, **options),
            "https": partial(self.encrypted, **options),
        }

    def send(self, *args: Any, **options: Any) -> requests.Response:
        """Send a request. Its time begins now."""
        self._deadline.start(self._seconds)
        return super().send(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Make connections of our classes. ``requests`` documents this method as the one to override."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = self._connections[pool.scheme]
        return pool


def deadline_session(seconds: float, patience: float) -> requests.Session:
    """Return a session for addresses that the operator has set. Proxies and certificates come from the environment.

    A request may take ``seconds`` in total, and each wait for bytes ``patience`` seconds.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(seconds, patience))
    return session
