"""Throttling by a leaking bucket for each access token.

Source: canvas-lms, app/middleware/request_throttle.rb; API documentation, Throttling. A request puts 50 units into the
bucket, and takes them out when it is done, so the twelfth request in flight is refused. Real costs are seconds of work;
here a request costs what the test says. The bucket leaks while requests are in flight, so it may be the thirteenth; a
test that needs the twelfth sets ``outflow_per_second`` to 0.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import attrs

from course_sync_plugin.testing.canvas.clock import Clock


@attrs.define
class _Bucket:
    level: float
    touched: float


class Throttle:
    """The buckets of all clients. ``cost``: units of a request. ``enabled``: False refuses nothing."""

    high_water = 600.0
    maximum = 800.0
    outflow_per_second = 10.0
    up_front = 50.0

    def __init__(self, clock: Clock):
        self.enabled = True
        self.cost = 0.1
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def fill(self, client: str, level: float) -> None:
        """Set the level of a client's bucket. From 550 on, the next request is refused."""
        with self._lock:
            self._buckets[client] = _Bucket(level, self._clock.seconds())

    def level(self, client: str) -> float:
        """Return the level of a client's bucket now."""
        return self._add(client, 0)

    @contextmanager
    def reserved(self, client: str) -> Iterator[bool]:
        """Hold 50 units during a request. The value tells whether the request is allowed."""
        allowed = self._add(client, self.up_front) < self.high_water or not self.enabled
        try:
            yield allowed
        finally:
            self._add(client, (self.cost if allowed else 0) - self.up_front)

    def headers(self, client: str, allowed: bool) -> Mapping[str, str]:
        """Return the headers about the bucket. A refusal too says what remains after it, which may be above 0."""
        remaining = {"X-Rate-Limit-Remaining": str(self.high_water - self.level(client))}
        return {"X-Request-Cost": str(self.cost), **remaining} if allowed else remaining

    def _add(self, client: str, amount: float) -> float:
        """Let the bucket leak, then add to it, and return its level."""
        with self._lock:
            now = self._clock.seconds()
            bucket = self._buckets.setdefault(client, _Bucket(0, now))
            leaked = max(0.0, bucket.level - (now - bucket.touched) * self.outflow_per_second)
            bucket.level, bucket.touched = min(self.maximum, max(0.0, leaked + amount)), now
            return bucket.level
