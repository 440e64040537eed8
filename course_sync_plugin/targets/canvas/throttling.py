"""The throttling of Canvas: a leaking bucket for each access token.

Source: canvas-lms, app/middleware/request_throttle.rb. A request is refused if the bucket holds 600 units. Each request
in flight holds 50 of them, and 10 leak each second. The header ``X-Rate-Limit-Remaining`` says how many are left.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from course_sync_plugin.sanitize.limits import Limit
from course_sync_plugin.targets.two_way.budget import LocalBudget

FULL, LEAK_PER_SECOND, HELD_BY_REQUEST = 600.0, 10.0, 50.0

#: Units that are left to other programs that use the same token.
FLOOR = 100.0

#: Seconds to wait after a refusal. Canvas does not say how long.
WAIT = Limit("seconds", 1, 60)


def local_budget() -> LocalBudget:
    """Return the budget of one access token, for one process."""
    return LocalBudget(full=FULL, per_second=LEAK_PER_SECOND, floor=FLOOR)


def remaining_units(headers: Mapping[str, str]) -> float | None:
    """Return how many units remain, as an answer says; None if it does not. Below 0 if the bucket is more than full."""
    try:
        units = float(headers.get("X-Rate-Limit-Remaining", ""))
    except ValueError:
        return None
    return units if math.isfinite(units) else None


def wait_for_units(remaining: float | None) -> float:
    """Return the seconds until there are enough units for a request. None: as if none remained."""
    return WAIT.cut((FLOOR + HELD_BY_REQUEST - (remaining or 0.0)) / LEAK_PER_SECOND)
