"""Collects the course overviews that were saved in this process, and sends their keys to the task that checks them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from course_sync_plugin.signals.waker import Waker

#: Keys in one message.
_AT_ONCE = 200


class SavedOverviews:
    """Sends keys from a daemon thread: a few messages for any number of saves.

    If keys are lost with the process or the broker, the next run of ``update_catalog_data`` corrects these overviews.
    """

    def __init__(self, send: Callable[[list[str]], None], rest: Callable[[], float]):
        self._send = send
        #: ``append`` and ``popleft`` are atomic, so there is no lock that a fork could copy while it is locked.
        self._keys: deque[str] = deque()
        self._waker = Waker(self.send_all, rest)

    def add(self, key: str) -> None:
        """Queue a key and return at once. Raises nothing."""
        self._keys.append(key)
        self._waker.request()

    def finish(self) -> None:
        """Wait a few seconds for the queued keys to be sent."""
        self._waker.finish()

    def send_all(self) -> None:
        """Send the queued keys. Raises the errors of the broker's client."""
        taken = {self._keys.popleft() for _ in range(len(self._keys))}
        keys = sorted(taken)
        for start in range(0, len(keys), _AT_ONCE):
            self._send(keys[start : start + _AT_ONCE])
