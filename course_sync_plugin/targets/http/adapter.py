"""An adapter of ``requests`` with one deadline for a whole request, and connections that skip interim answers."""

from __future__ import annotations

import http.client
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from course_sync_plugin.targets.http.deadline import Deadline, DeadlineSocket

#: Interim answers that a request may get before the answer itself. An Early Hints server sends one or two.
MOST_INTERIM = 20


class FinalResponse(http.client.HTTPResponse):
    """Skips interim answers (``102 Processing``, ``103 Early Hints``: RFC 9110, section 15.2); Python skips 100 alone.

    ``101 Switching Protocols`` is an answer: nothing else follows it.
    """

    def _read_status(self) -> tuple[Any, int, str]:
        for _ in range(MOST_INTERIM + 1):
            version, status, reason = super()._read_status()
            if not 100 <= status < 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MOST_INTERIM} interim answers")


class DeadlineConnection:
    """What is added to connections of both kinds."""

    response_class = FinalResponse
    sock: Any

    def __init__(self, *args: Any, deadline: Deadline, **options: Any):
        super().__init__(*args, **options)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock = DeadlineSocket(self.sock, self._deadline)


class PlainConnection(DeadlineConnection, HTTPConnection):
    """A connection by ``http://``."""


class EncryptedConnection(DeadlineConnection, HTTPSConnection):
    """A connection by ``https://``, which a proxy may have to make a tunnel for."""

    def _tunnel(self) -> None:
        """Ask the proxy for the tunnel before the deadline; what encrypts needs the bare socket again."""
        bare = self.sock
        self.sock = DeadlineSocket(bare, self._deadline)
        super()._tunnel()  # type: ignore[misc]
        self.sock = bare


class DeadlineAdapter(HTTPAdapter):
    """Gives each request so many ``seconds``, with everything, and each wait for bytes at most ``patience`` seconds."""

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
        """Send a request; its time begins now."""
        self._deadline.start(self._seconds)
        return super().send(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Make connections of our kinds. ``requests`` documents this method as the one to override."""
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = self._connections[pool.scheme]
        return pool


def deadline_session(seconds: float, patience: float) -> requests.Session:
    """Return a session for addresses that the operator has set: proxies and certificates are those of the environment.

    A request may take ``seconds`` in all, and ``patience`` seconds until the next byte.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(seconds, patience))
    return session
