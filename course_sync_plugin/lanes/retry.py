"""When a lane is next due: the decision as a value."""

from __future__ import annotations

import random
from collections.abc import Sequence

from course_sync_plugin.limits import RETRY_WAIT

#: Receivers that failed together must not come back together.
JITTER = 0.2


def next_wait(schedule: Sequence[float], attempts: int) -> float | None:
    """Return the seconds to wait after the ``attempts``-th attempt failed, or None where none is left.

    n waits are n + 1 attempts.
    """
    if attempts > len(schedule):
        return None
    return RETRY_WAIT.cut(schedule[attempts - 1]) * random.uniform(1, 1 + JITTER)
