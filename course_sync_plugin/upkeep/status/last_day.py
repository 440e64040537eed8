"""How many requests of a target were answered in the last day, by hour: what the pages draw. Pure: no database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

#: The parts of the day, each an hour, and its length in seconds.
HOURS = 24
DAY_SECONDS = HOURS * 3600


def last_day(requests: Iterable[tuple[datetime, bool]], now: datetime, window_seconds: float) -> dict[str, Any]:
    """Return the numbers of the last day, with the keys that ``status --json`` has.

    ``requests``: when each began, and whether it was answered. ``window_seconds``: the time in which they began.
    """
    hours: list[list[bool]] = [[] for _hour in range(HOURS)]
    for began_at, answered in requests:
        ago = int((now - began_at) / timedelta(hours=1))
        hours[HOURS - 1 - min(max(ago, 0), HOURS - 1)].append(answered)
    return {
        "window_seconds": round(window_seconds, 1),
        "attempts": sum(map(len, hours)),
        "answered": sum(map(sum, hours)),
        "success_rates": [round(sum(hour) / len(hour), 4) if hour else None for hour in hours],
    }
