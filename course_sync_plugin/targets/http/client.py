"""The HTTP client of targets: checked addresses, one deadline for a whole request, answers of bounded size.

It stands on an adapter of ``requests`` and on no session: a session would follow redirects, keep cookies, and take
proxies and passwords (``netrc``) from the environment. A proxy would make the check of addresses void, since it is
the proxy that connects. Connections are kept open and used again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from course_sync_plugin import __version__
from course_sync_plugin.targets.http.adapter import DeadlineAdapter, DeadlineConnection
from course_sync_plugin.targets.http.errors import Unreachable
from course_sync_plugin.targets.http.private_addresses import Address, AllowedHosts, resolve

#: How long one may take to find and reach a host; in seconds. A host that is up needs a fraction of it.
CONNECT_SECONDS = 10

HEADERS = {
    "User-Agent": f"course-sync-plugin/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # nothing to unpack, no bombs
}

#: What a request may raise; ``course_sync_plugin.targets.http.errors.network_error`` knows what each means.
NETWORK_ERRORS = (requests.RequestException, HTTPError, OSError)


class Reply:
    """An answer whose headers are here; its body is read when asked for."""

    def __init__(self, response: requests.Response):
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300

    def read(self, limit: int) -> bytes:
        """Return at most ``limit`` bytes of the body, as they came.

        Raises one of NETWORK_ERRORS, also where the body ends before it should: the client notices that only when it
        is asked for more.
        """
        body = b""
        while piece := self._response.raw.read(limit - len(body), decode_content=False):
            body += piece
        return body


class HttpClient:
    """Sends requests to one target. For one thread at a time.

    ``seconds`` is what a request may take at most, with everything: finding the address, connecting, TLS, sending,
    waiting, and reading the body.
    """

    def __init__(self, allowed: AllowedHosts, seconds: float):
        self._seconds = seconds
        self._adapter = _GuardedAdapter(seconds, allowed=allowed)
        # The variable that everything built on requests obeys, so a site with an authority of its own has set it.
        self._verify: bool | str = os.environ.get("REQUESTS_CA_BUNDLE") or True

    @contextmanager
    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Reply]:
        """Send a request; the answer, of whatever status, can be read within the ``with``.

        Raises one of NETWORK_ERRORS, and ConfigurationError for an address that is not allowed.
        """
        request = requests.Request(method, url, headers={**HEADERS, **headers}, data=body).prepare()
        response = self._adapter.send(request, stream=True, timeout=self._seconds, verify=self._verify)
        try:
            yield Reply(response)
        finally:
            response.close()  # what was not read is not waited for

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()


class _Guarded(DeadlineConnection):
    """What is added to both kinds of connections: the check of the address."""

    encrypted: bool
    host: str
    port: int
    socket_options: Any

    def __init__(self, *args: Any, allowed: AllowedHosts, **options: Any):
        super().__init__(*args, **options)
        self._allowed = allowed

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; all of them must be allowed."""
        addresses = self._resolve()
        self._allowed.check(self.host, addresses, encrypted=self.encrypted)
        for at, address in enumerate(addresses, start=1):
            try:
                connected = self._connect_to(address, share=len(addresses) - at + 1)
            except OSError:
                if at == len(addresses):
                    raise
            else:
                connected.settimeout(self._deadline.remaining())  # of the TLS handshake
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


class _PlainConnection(_Guarded, HTTPConnection):
    encrypted = False


class _EncryptedConnection(_Guarded, HTTPSConnection):
    encrypted = True


class _GuardedAdapter(DeadlineAdapter):
    """Makes connections to allowed addresses alone."""

    plain = _PlainConnection
    encrypted = _EncryptedConnection
