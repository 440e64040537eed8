"""The clock of the fake forum. It goes with real time, until a test sets it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """The time of the forum. Two calls of :meth:`now` never return the same millisecond, so an order is always clear.

    ``advance`` moves it forward. ``freeze`` stops it: from then on only ``advance`` and the millisecond of each call
    move it.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._frozen: datetime | None = None
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time, in UTC and in whole milliseconds."""
        with self._lock:
            time = (self._frozen or datetime.now(UTC)) + self._ahead
            time = time.replace(microsecond=time.microsecond // 1000 * 1000)
            self._last = max(time, self._last + timedelta(milliseconds=1))
            return self._last

    def advance(self, seconds: float) -> None:
        """Move the clock forward by this many seconds, from the time that the last call of ``now`` returned."""
        with self._lock:
            self._ahead += timedelta(seconds=seconds)
            if self._last.year > 1:
                self._last += timedelta(seconds=seconds)

    def freeze(self) -> None:
        """Stop the clock at the begin of the next second, so that a test knows the seconds that are left of a limit."""
        time = self.now() - self._ahead
        self._frozen = time.replace(microsecond=0) + timedelta(seconds=1)


def moment(time: datetime | None) -> str | None:
    """Return a time as Discourse writes it: ``2023-02-13T08:39:01.337Z`` (recorded webhooks of a live forum)."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
