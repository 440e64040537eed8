"""The HTTP client of targets: it checks addresses, keeps one deadline per request, and limits the size of answers.

It uses an adapter of ``requests`` without a session. A session would follow redirects, keep cookies, and take proxies
and passwords (``netrc``) from the environment. With a proxy the address check would have no effect, because the proxy
makes the connection. Connections are kept open and used again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError

from course_sync_plugin import __version__
from course_sync_plugin.targets.http.adapter import DeadlineAdapter, DeadlineConnection
from course_sync_plugin.targets.http.errors import Unreachable
from course_sync_plugin.targets.http.private_addresses import Address, AllowedHosts, resolve

#: The most seconds to look up a host and connect to it. A host that is up needs a fraction of this.
CONNECT_SECONDS = 10

HEADERS = {
    "User-Agent": f"course-sync-plugin/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # no compressed answers, so no decompression bombs
}

#: The exceptions of a request. ``course_sync_plugin.targets.http.errors.network_error`` maps each to an error.
NETWORK_ERRORS = (requests.RequestException, HTTPError, OSError)


class Reply:
    """An answer whose headers have arrived. :meth:`read` reads its body."""

    def __init__(self, response: requests.Response):
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300

    def read(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of the body, not decoded.

        Raises one of NETWORK_ERRORS, also if the body ends too early: the client notices that only when it reads again.
        """
        body = b""
        while piece := self._response.raw.read(limit - len(body), decode_content=False):
            body += piece
        return body


class HttpClient:
    """Sends requests to one target. Use it in one thread at a time.

    ``seconds``: the most that a request may take in total: address lookup, connection, TLS, sending, waiting, and
    reading the body. ``while_waiting``: called once, when the next request has been sent and before its answer is read.
    """

    while_waiting: Callable[[], None] | None = None

    def __init__(self, allowed: AllowedHosts, seconds: float):
        self._seconds = seconds
        self._adapter = _GuardedAdapter(seconds, allowed=allowed, sent=self._sent)
        # Every program that uses requests obeys this variable, so a site with its own certificate authority has set it.
        self._verify: bool | str = os.environ.get("REQUESTS_CA_BUNDLE") or True

    @contextmanager
    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Reply]:
        """Send a request and yield its answer, of any status. The body can be read inside the ``with`` block.

        Raises one of NETWORK_ERRORS, or ConfigurationError if the address is not allowed.
        """
        request = requests.Request(method, url, headers={**HEADERS, **headers}, data=body).prepare()
        response = self._adapter.send(request, stream=True, timeout=self._seconds, verify=self._verify)
        try:
            yield Reply(response)
        finally:
            response.close()  # without waiting for bytes that were not read

    def _sent(self) -> None:
        job, self.while_waiting = self.while_waiting, None
        if job:
            job()

    def close(self) -> None:
        """Close the connections."""
        pools: Any = self._adapter.poolmanager.pools
        for key in list(pools.keys()):
            # Forgetting a pool closes its connections only when nothing refers to it, and an error may: its traceback
            # leads to the answer.
            pools.get(key).close()
        self._adapter.close()


class _Guarded(DeadlineConnection):
    """A connection that checks the address. The base of both kinds. ``sent`` is called when a request has been sent."""

    encrypted: bool

    def __init__(self, *args: Any, allowed: AllowedHosts, sent: Callable[[], None], **options: Any):
        super().__init__(*args, **options)
        self._allowed = allowed
        self._sent = sent

    def getresponse(self) -> Any:
        self._sent()
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers. All addresses of the host must be allowed."""
        addresses = self._resolve()
        self._allowed.check(self.host, addresses, encrypted=self.encrypted)
        for at, address in enumerate(addresses, start=1):
            try:
                connected = self._connect_to(address, share=len(addresses) - at + 1)
            except OSError:
                if at == len(addresses):
                    raise
            else:
                connected.settimeout(self._deadline.remaining())  # for the TLS handshake
                return connected
        raise socket.gaierror(socket.EAI_NONAME, "no address")

    def _resolve(self) -> list[Address]:
        return resolve(self.host, self.port, self._patience())

    def _connect_to(self, address: Address, share: int) -> socket.socket:
        try:
            connected = socket.create_connection((str(address), self.port), self._patience() / share)
        except TimeoutError:
            raise Unreachable(f"no connection to {self.host}") from None
        for option in self.socket_options or ():
            connected.setsockopt(*option)
        return connected

    def _patience(self) -> float:
        return min(CONNECT_SECONDS, self._deadline.remaining())


class _PlainConnection(_Guarded):
    encrypted = False


class _EncryptedConnection(_Guarded, HTTPSConnection):
    encrypted = True


class _GuardedAdapter(DeadlineAdapter):
    """Connects to allowed addresses only."""

    plain = _PlainConnection
    encrypted = _EncryptedConnection
