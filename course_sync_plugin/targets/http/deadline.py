"""One deadline for a whole request: a receiver that answers byte by byte gets no more time than a silent one.

An HTTP client applies its timeout to each wait. A receiver that sends one byte per timeout keeps it waiting for ever.
"""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class Deadline:
    """The time at which the current request must end. One wait may take at most ``patience`` seconds."""

    def __init__(self, patience: float = float("inf")) -> None:
        self._end = 0.0
        self._patience = patience

    def start(self, seconds: float) -> None:
        """Start the time of a new request, which may take this many seconds."""
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left. Raises TimeoutError if none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        return left

    def next_wait(self) -> float:
        """Return how many seconds the next wait may take. Raises TimeoutError as :meth:`remaining` does."""
        return min(self.remaining(), self._patience)


class DeadlineSocket:
    """A connected socket, plain or TLS. No wait lasts longer than the time that is left until the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline):
        self._socket = connected
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def sendall(self, data: bytes) -> None:
        """Send all bytes. Raises TimeoutError if the other side does not accept them in time."""
        waiting = memoryview(data)
        while waiting:
            self._socket.settimeout(self._deadline.next_wait())
            waiting = waiting[self._socket.send(waiting) :]

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        """Return the file from which the client reads the answer."""
        return io.BufferedReader(_DeadlineReader(self._socket, self._deadline))


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket through the socket's own file, which keeps the connection open as long as it is needed."""

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
