"""One deadline for a whole request: a receiver that answers byte by byte gets no more time than a silent one.

The timeouts of an HTTP client hold for one wait each, so a drip of one byte per timeout keeps it waiting for ever.
"""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class Deadline:
    """The moment at which the request in hand must be over. One wait may take ``patience`` seconds at most."""

    def __init__(self, patience: float = float("inf")) -> None:
        self._end = 0.0
        self._patience = patience

    def start(self, seconds: float) -> None:
        """Let a new request begin, which may take this long."""
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left. Raises TimeoutError where none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        return left

    def next_wait(self) -> float:
        """Return how many seconds the next wait may take. Raises TimeoutError as :meth:`remaining` does."""
        return min(self.remaining(), self._patience)


class DeadlineSocket:
    """A connected socket, plain or TLS, each wait of which is cut to what is left until the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline):
        self._socket = connected
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises TimeoutError where the other side does not take it in time."""
        waiting = memoryview(data)
        while waiting:
            self._socket.settimeout(self._deadline.next_wait())
            waiting = waiting[self._socket.send(waiting) :]

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        """Return what the client reads the answer from."""
        return io.BufferedReader(_DeadlineReader(self._socket, self._deadline))


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket. It goes through the socket's own file, which keeps the connection open as long as needed."""

    def __init__(self, connected: socket.socket, deadline: Deadline):
        self._socket = connected
        self._deadline = deadline
        self._file = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.next_wait())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
