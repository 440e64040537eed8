"""The clock of the fake: real time, plus what a test adds."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that a test can advance. It never waits."""

    def __init__(self) -> None:
        self._added = 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock forward by a number of seconds."""
        self._added += seconds

    def seconds(self) -> float:
        """Return a number of seconds that only grows, for measuring."""
        return time.monotonic() + self._added

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._added)
