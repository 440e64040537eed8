"""Overviews that were saved in this process, and whose catalog columns are to be looked at: sent together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from course_sync_plugin.wakeup import Waker

#: Keys that one message names.
_AT_ONCE = 200


class SavedOverviews:
    """Sends the keys it is given, from a daemon thread, a few messages for any number of saves.

    What is lost with the process or the broker is mended by the next run of ``update_catalog_data``.
    """

    def __init__(self, send: Callable[[list[str]], None], rest: Callable[[], float]):
        self._send = send
        #: Appending and taking are each one step of the interpreter: no lock that a fork could leave closed.
        self._keys: deque[str] = deque()
        self._waker = Waker(self.send_all, rest)

    def add(self, key: str) -> None:
        """Have a key sent and return at once. Raises nothing."""
        self._keys.append(key)
        self._waker.request()

    def finish(self) -> None:
        """Give what waits a moment to be sent."""
        self._waker.finish()

    def send_all(self) -> None:
        """Send what has come together. Raises what the broker's client raises."""
        taken = {self._keys.popleft() for _ in range(len(self._keys))}
        keys = sorted(taken)
        for start in range(0, len(keys), _AT_ONCE):
            self._send(keys[start : start + _AT_ONCE])
