"""Decides when a lane is due again after a failed attempt: by a schedule, or by exponential backoff with full jitter.

Pure: no database.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.sanitize.limits import RETRY_ATTEMPTS, RETRY_WAIT

#: Largest random extra wait of a schedule, as a share of the wait: lanes that failed together must not try again
#: together.
JITTER = 0.2

#: The attempts of a backoff that has neither a limit in attempts nor one in time: as many as the default schedule has.
BACKOFF_ATTEMPTS = 10

#: Doublings of a backoff after which every wait has reached its upper bound.
_MOST_DOUBLINGS = 60


def next_wait(schedule: Sequence[float], attempts: int) -> float | None:
    """Return the seconds to wait after the ``attempts``-th attempt has failed, or None if no attempt is left.

    ``schedule``: the waits in seconds. n waits are n + 1 attempts.
    """
    if attempts > len(schedule):
        return None
    return RETRY_WAIT.cut(schedule[attempts - 1]) * random.uniform(1, 1 + JITTER)


@attrs.frozen
class Retries:
    """The rules by which one lane tries again.

    ``schedule``: the waits in seconds; n waits are n + 1 attempts. ``backoff``: if it is not empty, it takes the place
    of the schedule: the first and the largest upper bound of a wait, in seconds. ``most_attempts``: the number of
    attempts, if it was set. A schedule that is shorter repeats its last wait. ``most_seconds``: no attempt is planned
    later than so many seconds after the first one failed. ``elapsed``: the seconds since then.
    """

    schedule: Sequence[float] = ()
    backoff: Sequence[float] = ()
    most_attempts: int | None = None
    most_seconds: float | None = None
    elapsed: float = 0

    @classmethod
    def of(cls, options: Mapping[str, Any], schedule: Sequence[float], elapsed: float = 0) -> Retries:
        """Return the rules of a target. ``options``: its checked options. ``schedule``: that of the site."""
        hours = options.get("retry_hours")
        return cls(
            schedule=options.get("retry_schedule", schedule),
            backoff=options.get("retry_backoff", ()),
            most_attempts=options.get("retry_attempts"),
            most_seconds=None if hours is None else hours * 3600,
            elapsed=elapsed,
        )

    @property
    def attempts(self) -> int:
        """Return how many attempts there are at most."""
        if self.most_attempts is not None:
            return self.most_attempts
        if not self.backoff:
            return len(self.schedule) + 1
        return BACKOFF_ATTEMPTS if self.most_seconds is None else int(RETRY_ATTEMPTS.most)

    def wait(self, attempts: int) -> float | None:
        """Return the seconds to wait after the ``attempts``-th attempt has failed, or None if no attempt is left."""
        is_over = self.most_seconds is not None and self.elapsed >= self.most_seconds
        if is_over or attempts >= self.attempts:
            return None
        if self.backoff:
            first, most = self.backoff
            return backoff_wait(first, most, attempts)
        return next_wait(self.schedule or [0], min(attempts, max(1, len(self.schedule))))


def backoff_wait(first: float, most: float, attempts: int) -> float:
    """Return a random wait in seconds between 0 and the bound after ``attempts`` failed attempts (full jitter).

    The bound begins with ``first``, doubles with each attempt, and is at most ``most``.
    """
    bound = RETRY_WAIT.cut(min(most, first * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS)))
    return random.uniform(0, bound)
