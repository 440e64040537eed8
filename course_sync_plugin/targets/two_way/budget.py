"""How many requests may be made: asked before each request, told of what the other system says after it.

The units are those of the other system. Canvas counts the cost of work, Discourse counts requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from course_sync_plugin.exceptions import RateLimited

#: The most seconds that :meth:`LocalBudget.take` waits. A longer wait is given back to the lane.
MOST_WAIT = 2.0


class Budget(Protocol):
    """The rate budget of one access token."""

    def take(self, cost: float) -> None:
        """Take units for one request. Waits a little for them, or raises Interrupted or RateLimited with the wait."""

    def told(self, remaining: float) -> None:
        """Note how many units remain, as the other system says in its answer."""


class LocalBudget:
    """A budget in the memory of this process. Several threads may share it.

    ``full``: the units at the start, and the most that there can be. ``per_second``: how many come back each second.
    ``floor``: units that are left to other programs with the same access token.
    """

    def __init__(
        self,
        *,
        full: float,
        per_second: float,
        floor: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._full, self._per_second, self._floor = full, per_second, floor
        self._clock, self._sleep = clock, sleep
        self._remaining, self._at = full, clock()
        self._lock = threading.Lock()

    def take(self, cost: float) -> None:
        """Take units as :class:`Budget` says. The wait is at most ``MOST_WAIT`` seconds."""
        with self._lock:
            self._refill()
            wait = max(0.0, self._floor + cost - self._remaining) / self._per_second
            if wait > MOST_WAIT:
                raise RateLimited("The budget of requests is used up for the moment.", retry_after=wait)
            self._remaining -= cost  # before the wait, so that other threads wait for their own units
        if wait:
            self._sleep(wait)

    def told(self, remaining: float) -> None:
        """Take over what the other system says. It counts what other programs use."""
        with self._lock:
            self._refill()
            self._remaining = max(-self._full, remaining)  # a wait has an end, whatever is said

    def _refill(self) -> None:
        now = self._clock()
        self._remaining = min(self._full, self._remaining + (now - self._at) * self._per_second)
        self._at = now
